/**
 * The verification as a process, for tests that compare it with the Python implementation: one JSON object in, one out,
 * line by line. `{"do": NAME, ...}` gives `{"value": ...}` or `{"error": CODE, "step": ..., "message": ...}`.
 */

import { createInterface } from "node:readline";
import { canonical } from "../src/verify/addresses.js";
import { describe, guess, prepare } from "../src/keys/kinds.js";
import { certificate } from "../src/keys/openpgp.js";
import { read, realmName, write } from "../src/owner/identity_file.js";
import { follow, settle } from "../src/verify/continuity.js";
import { parse } from "../src/verify/heads.js";
import { fromHex, hex } from "../src/verify/bytes.js";
import { fromJson, toJson } from "../src/verify/json.js";
import { verifyLookup } from "../src/verify/lookup.js";
import * as messages from "../src/verify/messages.js";
import { checkUpdate } from "../src/verify/policies.js";
import { verify } from "../src/verify/signatures.js";
import { encode } from "../src/verify/encoding.js";
import { decode } from "../src/verify/wire.js";

const actions = {
  lookup({ realm, user, proof, now }) {
    const decoded = decode(messages.LookupProof, fromHex(proof));
    const verified = verifyLookup(decode(messages.RealmConfig, fromHex(realm)), user, decoded, BigInt(now));
    return {
      epoch: String(verified.epoch),
      signers: [...verified.signers].map(([id, time]) => [String(id), String(time)]).sort(),
      version: verified.entry === null ? null : String(verified.entry.version),
      keys: verified.profile && Object.fromEntries([...verified.profile.keys].map(([name, key]) => [name, hex(key)])),
      trustworthy: verified.vrf_trustworthy,
      steps: verified.steps,
    };
  },
  decode: ({ schema, data }) => toJson(messages[schema], decode(messages[schema], fromHex(data))),
  encode: ({ schema, json }) => hex(encode(messages[schema], fromJson(messages[schema], json))),
  canonical: ({ address }) => canonical(address),
  follow({ newest, head, floor }) {
    return String(follow(newest && parse(fromHex(newest)), parse(fromHex(head)), BigInt(floor)).epoch);
  },
  settle({ seen }) {
    const sightings = seen.map(([index, epoch, version, entryHash]) => ({
      index: fromHex(index),
      epoch: BigInt(epoch),
      version: version && BigInt(version),
      entryHash: fromHex(entryHash),
    }));
    const span = sightings.reduce(settle, null);
    return [span.first, span.last].map((each) => [
      String(each.epoch),
      each.version === null ? null : String(each.version),
    ]);
  },
  describe: ({ name, value }) => describe(name, fromHex(value)),
  prepare: ({ name, value }) => hex(prepare(name, fromHex(value))),
  certificate: ({ value }) => hex(certificate(fromHex(value)).binary),
  guess: ({ value }) => guess(fromHex(value)),
  realm_name: ({ realm }) => realmName(decode(messages.RealmConfig, fromHex(realm))),
  read_identity({ text }) {
    const { seeds, pending, ...saved } = read(text);
    return { ...saved, seeds: seeds.map(hex), pending: pending && hex(encode(messages.UpdateRequest, pending)) };
  },
  write_identity({ seeds, pending, ...saved }) {
    const decoded = pending && decode(messages.UpdateRequest, fromHex(pending));
    return write({ ...saved, seeds: seeds.map(fromHex), pending: decoded });
  },
  signature: ({ key, message, signature }) => verify(fromHex(key), fromHex(message), fromHex(signature)),
  update({ current, update }) {
    checkUpdate(current === null ? null : fromHex(current), decode(messages.SignedEntryUpdate, fromHex(update)));
    return true;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    answer = { value: actions[request.do](request) };
  } catch (error) {
    answer = { error: error.code ?? "crash", step: error.step, message: error.code ? error.message : error.stack };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
