/** The private index: protocol section 4. */

import assert from "node:assert/strict";
import { utf8 } from "../src/verify/bytes.js";
import { RFC9381 } from "../src/verify/vrf_rfc9381.js";
import { VRF_2017 } from "../src/verify/vrf_2017.js";
import { bytes, vectors } from "./vectors.js";

const all = (content) => content;
const refused = { name: "ProofInvalid", step: "index" };

function accepts(suite, each) {
  const [key, message, index, proof] = [each.public_key, each.message, each.index, each.proof].map(bytes);
  suite.verify(key, message, index, proof);
  const spoilt = (data, place) => data.with(place, data[place] ^ 1);
  assert.throws(() => suite.verify(key, message, spoilt(index, 31), proof), refused);
  assert.throws(() => suite.verify(key, spoilt(Uint8Array.of(...message, 0), 0), index, proof), refused);
  for (let place = 0; place < proof.length; place += 7) {
    assert.throws(() => suite.verify(key, message, index, spoilt(proof, place)), refused, `byte ${place}`);
  }
}

vectors(
  "ecvrf_edwards25519_sha512_tai",
  all,
  (each) => each.source,
  (each) => accepts(RFC9381, each),
);
vectors(
  "vrf",
  all,
  (each) => each.message.slice(0, 16),
  (each) => accepts(VRF_2017, each),
);

// That the original accepts these is why the suite is not trustworthy. No check of a proof can tell.
vectors(
  "vrf_2017_forged",
  (content) => content.must_be_rejected,
  (each) => each.index.slice(0, 8),
  (each) => {
    const [key, user, index, proof] = [bytes(each.pk), utf8(each.user), bytes(each.index), bytes(each.proof)];
    VRF_2017.verify(key, user, index, proof);
    assert.equal(VRF_2017.trustworthy, false);
    assert.throws(() => RFC9381.verify(key, user, index, proof), refused);
  },
);
