/**
 * The suite of 2017 (protocol section 4b), for realms that the original's clients must read. **It is broken.**
 *
 * Whoever holds the secret can prove many different indices for one user id, because the challenge does not cover the
 * point I; no check of a proof can tell. So `trustworthy` is false, and whoever shows a result that rests on this suite
 * says so. A proof is c ‖ t ‖ I, 32 bytes each; the names are the protocol's.
 */

import { concat, equal, hex, littleEndian } from "./bytes.js";
import { ProofInvalid } from "./errors.js";
import { shake } from "./hashes.js";
import { ORDER, Point, PointError, checkSize, decodePoint, multiply, reduce } from "./points.js";

const STEP = "index";

export const VRF_2017 = { name: "2017", trustworthy: false, verify };

/**
 * Check that `index` is the index of a user id, as far as this suite can tell.
 *
 * @param {Uint8Array} publicKey the realm's, 32 bytes
 * @param {Uint8Array} userId
 * @param {Uint8Array} index 32 bytes
 * @param {Uint8Array} proof 96 bytes
 * @throws {ProofInvalid} step "index": it is not, or anything is malformed
 */
function verify(publicKey, userId, index, proof) {
  checkSize("the realm's VRF public key", publicKey, 32);
  checkSize("the index", index, 32);
  checkSize("the index proof", proof, 96);
  const proven = shake(concat(proof.slice(64), userId), 32);
  if (!equal(index, proven)) {
    throw new ProofInvalid(STEP, `the index is ${hex(index)}, but its proof is for ${hex(proven)}`);
  }
  const [c, t] = [littleEndian(proof.slice(0, 32)), littleEndian(proof.slice(32, 64))];
  if (c >= ORDER || t >= ORDER) {
    throw new ProofInvalid(STEP, "a scalar of the index proof is not below the group's order");
  }
  try {
    checkChallenge(publicKey, userId, proof, c, t);
  } catch (error) {
    if (!(error instanceof PointError)) throw error;
    throw new ProofInvalid(STEP, `the index proof or the VRF public key is malformed: ${error.message}`);
  }
}

/**
 * @param {Uint8Array} publicKey
 * @param {Uint8Array} userId
 * @param {Uint8Array} proof
 * @param {bigint} c
 * @param {bigint} t
 */
function checkChallenge(publicKey, userId, proof, c, t) {
  const [y, i, p] = [decodePoint(publicKey), decodePoint(proof.slice(64)), userPoint(userId)];
  const a = multiply(c, y).add(multiply(t, Point.BASE));
  const b = multiply(c, i).add(multiply(t, p));
  if (reduce(shake(concat(a.toBytes(), b.toBytes(), userId), 64)) !== c) {
    throw new ProofInvalid(STEP, "the index proof does not verify under the realm's VRF public key");
  }
}

const Field = Point.Fp;
const A = 486662n;
const MINUS_A = Field.neg(A);

/**
 * P: 8 times Elligator 2 of the user id's hash. The highest bit of the hash is the sign of the point's x.
 *
 * @param {Uint8Array} userId
 */
function userPoint(userId) {
  const hashed = shake(userId, 32);
  const sign = hashed[31] & 0x80;
  hashed[31] &= 0x7f;
  const v = edwardsY(elligator2(Field.create(littleEndian(hashed))));
  const encoded = Field.toBytes(v);
  encoded[31] |= sign;
  const point = Point.fromBytes(encoded, true).clearCofactor();
  if (point.is0()) throw new PointError("no point for this user id (chance: 1 in 2^250)");
  return point;
}

/** @param {bigint} r @returns {bigint} the u coordinate of a point on Montgomery's form of the curve */
function elligator2(r) {
  // 1 + 2r² is never 0, since -1/2 is no square.
  const u = Field.mul(MINUS_A, Field.inv(Field.add(1n, Field.mul(2n, Field.sqr(r)))));
  const squared = Field.add(Field.add(Field.mul(Field.sqr(u), u), Field.mul(A, Field.sqr(u))), u);
  return isSquare(squared) ? u : Field.sub(MINUS_A, u);
}

/** @param {bigint} number */
function isSquare(number) {
  return Field.pow(number, (Field.ORDER - 1n) / 2n) !== Field.ORDER - 1n;
}

/** @param {bigint} u @returns {bigint} the y coordinate of the same point on Edwards's form */
function edwardsY(u) {
  const denominator = Field.add(u, 1n);
  return denominator === 0n ? 1n : Field.mul(Field.sub(u, 1n), Field.inv(denominator));
}
