/**
 * ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381, section 5.5, suite 0x03): the suite of every new realm.
 *
 * The index of a user id is the first 32 bytes of the VRF's output beta; the index proof is pi: Gamma (32) ‖ c (16) ‖ s
 * (32). The names are those of the RFC: Y the public key, H the user id's point, Gamma, U, V, c, s. Verification
 * includes the check of the public key, and is stricter: Y and Gamma must be in the prime-order group.
 */

import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, hex, littleEndian } from "./bytes.js";
import { ProofInvalid } from "./errors.js";
import { ORDER, Point, PointError, checkSize, decodePoint, multiply } from "./points.js";

/** @typedef {import("./points.js").EdwardsPoint} EdwardsPoint */

const STEP = "index";
const SUITE = 3;
const [ENCODE_TO_CURVE, CHALLENGE, OUTPUT, END] = [1, 2, 3, 0];

export const RFC9381 = { name: "rfc9381", trustworthy: true, verify };

/**
 * Check that `index` is the index of a user id.
 *
 * @param {Uint8Array} publicKey the realm's, 32 bytes
 * @param {Uint8Array} userId
 * @param {Uint8Array} index 32 bytes
 * @param {Uint8Array} proof 80 bytes
 * @throws {ProofInvalid} step "index": it is not, or anything is malformed
 */
function verify(publicKey, userId, index, proof) {
  checkSize("the realm's VRF public key", publicKey, 32);
  checkSize("the index", index, 32);
  checkSize("the index proof", proof, 80);
  const s = littleEndian(proof.slice(48));
  if (s >= ORDER) throw new ProofInvalid(STEP, "the index proof's scalar s is not below the group's order");
  try {
    checkChallenge(publicKey, userId, index, proof, s);
  } catch (error) {
    if (!(error instanceof PointError)) throw error;
    throw new ProofInvalid(STEP, `the index proof or the VRF public key is malformed: ${error.message}`);
  }
}

/**
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} userId
 * @param {Uint8Array} index
 * @param {Uint8Array} proof
 * @param {bigint} s
 */
function checkChallenge(publicKey, userId, index, proof, s) {
  const [y, gamma, c] = [decodePoint(publicKey), decodePoint(proof.slice(0, 32)), littleEndian(proof.slice(32, 48))];
  const h = encodeToCurve(publicKey, userId);
  const u = multiply(s, Point.BASE).subtract(multiply(c, y));
  const v = multiply(s, h).subtract(multiply(c, gamma));
  const points = [h.toBytes(), gamma.toBytes(), u.toBytes(), v.toBytes()];
  const expected = sha512(concat(Uint8Array.of(SUITE, CHALLENGE), publicKey, ...points, Uint8Array.of(END)));
  if (!equal(expected.slice(0, 16), proof.slice(32, 48))) {
    throw new ProofInvalid(STEP, "the index proof does not verify under the realm's VRF public key");
  }
  const proven = outputOf(gamma);
  if (!equal(index, proven)) {
    throw new ProofInvalid(STEP, `the index is ${hex(index)}, but its proof is for ${hex(proven)}`);
  }
}

/** @param {EdwardsPoint} gamma */
function outputOf(gamma) {
  const point = gamma.clearCofactor().toBytes();
  return sha512(concat(Uint8Array.of(SUITE, OUTPUT), point, Uint8Array.of(END))).slice(0, 32);
}

/**
 * The point H of a user id: try and increment (section 5.4.1.1), salted with the public key.
 *
 * @param {Uint8Array} publicKey @param {Uint8Array} userId @returns {EdwardsPoint}
 */
function encodeToCurve(publicKey, userId) {
  for (let counter = 0; counter < 256; counter++) {
    const attempt = concat(Uint8Array.of(SUITE, ENCODE_TO_CURVE), publicKey, userId, Uint8Array.of(counter, END));
    const point = pointOf(sha512(attempt).slice(0, 32));
    if (point !== null && !point.is0()) return point;
  }
  throw new PointError("no point for this user id (chance: 1 in 2^256)");
}

/** @param {Uint8Array} candidate @returns {EdwardsPoint | null} 8 times the point that it encodes, if it encodes one */
function pointOf(candidate) {
  try {
    return Point.fromBytes(candidate).clearCofactor();
  } catch {
    return null;
  }
}
