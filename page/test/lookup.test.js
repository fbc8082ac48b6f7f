/** Lookups, honest and tampered with, from binary and from JSON: protocol section 8. */

import assert from "node:assert/strict";
import { hex } from "../src/verify/bytes.js";
import { fromJson, toJson } from "../src/verify/json.js";
import { STEPS, verifyLookup } from "../src/verify/lookup.js";
import { Config, LookupProof } from "../src/verify/messages.js";
import { decode } from "../src/verify/wire.js";
import { bytes, vectors } from "./vectors.js";

/** Where each tampered case must fail: at the step that it is about. */
const FAILING_STEP = {
  "asked for another user": "user",
  "expired epoch": "freshness",
  "index changed": "index",
  "index proof changed": "index",
  "one ratification only": "signatures",
  "no ratifications": "ratification",
  "signatures changed": "signatures",
  "neighbor changed": "tree",
  "entry hash changed": "tree",
  "profile of another user": "profile",
  "entry of another user": "entry",
  "tree proof, entry and profile of another user": "tree",
  "absent user with an entry": "entry",
  "absent user with a profile": "profile",
};

function verdict(each, config, proof) {
  const [realm] = config.realms;
  const verify = () => verifyLookup(realm, each.user, proof, BigInt(each.now_seconds) * 10n ** 9n);
  if (!each.accepted) {
    assert.throws(verify, { name: "ProofInvalid", step: FAILING_STEP[each.name] });
    return;
  }
  const verified = verify();
  const keys = [...(verified.profile?.keys ?? [])].map(([name, key]) => [name, hex(key)]);
  assert.deepEqual(Object.fromEntries(keys), each.keys ?? {});
  assert.equal(verified.profile === null, verified.entry === null);
  assert.deepEqual(
    verified.steps.map(([name]) => name),
    STEPS,
  );
  assert.equal(verified.vrf_trustworthy, false);
}

const lookups = (content) => content.lookups.map((each) => ({ ...each, content }));
const title = (each) => `${each.name} ${each.user}`;

vectors(
  "lookup",
  lookups,
  (each) => `binary ${title(each)}`,
  (each) => {
    const config = decode(Config, bytes(each.content.client_config_message));
    verdict(each, config, decode(LookupProof, bytes(each.lookup_proof_message)));
  },
);

vectors(
  "lookup",
  lookups,
  (each) => `json ${title(each)}`,
  (each) => {
    const config = fromJson(Config, each.content.client_config_json);
    verdict(each, config, fromJson(LookupProof, each.lookup_proof_json));
  },
);

vectors(
  "lookup",
  lookups,
  (each) => `both are the same: ${title(each)}`,
  (each) => {
    const proof = fromJson(LookupProof, each.lookup_proof_json);
    assert.deepEqual(proof, decode(LookupProof, bytes(each.lookup_proof_message)));
    assert.deepEqual(fromJson(LookupProof, JSON.parse(JSON.stringify(toJson(LookupProof, proof)))), proof);
  },
);
