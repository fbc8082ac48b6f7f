/**
 * Ed25519 signatures (RFC 8032): whether one is good, by the rules that the servers apply too, which are libsodium's.
 *
 * The libraries disagree on some strange signatures. Here S must be below the group's order, neither the key nor R may
 * be of small order, the key is encoded canonically, and the equation is checked without the cofactor: S·B - k·A is R,
 * to the byte. (The curve library's own function multiplies by the cofactor, and so takes what the servers refuse.)
 */

import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, littleEndian } from "./bytes.js";
import { ORDER, Point, reduce } from "./points.js";

/**
 * Whether `signature` (64 bytes) is one by `publicKey` (32 bytes) over `message`. Never throws.
 *
 * @param {Uint8Array} publicKey @param {Uint8Array} message @param {Uint8Array} signature @returns {boolean}
 */
export function verify(publicKey, message, signature) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const [r, s] = [signature.slice(0, 32), littleEndian(signature.slice(32))];
  const [key, nonce] = [pointOf(publicKey), pointOf(r)];
  if (s >= ORDER || key === null || nonce === null) return false;
  const k = reduce(sha512(concat(r, publicKey, message)));
  const found = Point.BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k));
  return equal(found.toBytes(), r);
}

/**
 * @param {Uint8Array} encoding
 * @returns {import("./points.js").EdwardsPoint | null} null: none, or one of small order
 */
function pointOf(encoding) {
  try {
    const point = Point.fromBytes(encoding);
    return point.isSmallOrder() ? null : point;
  } catch {
    return null;
  }
}
