/**
 * The hashes of the Merkle prefix tree's nodes (protocol section 5).
 *
 * An index is always 32 bytes, and a depth is the number of its bits that lead to the node, the most significant bit of
 * the first byte being the first: 0 for the root.
 */

import { concat, toLittleEndian } from "./bytes.js";
import { HASH_SIZE, shake } from "./hashes.js";

/** The number of bits in an index: no node is deeper. */
export const MAX_DEPTH = 256;

const [INTERNAL, LEAF, EMPTY] = ["I", "L", "E"].map((letter) => Uint8Array.of(letter.charCodeAt(0)));

/**
 * @param {Uint8Array} index
 * @param {number} depth at most 255
 * @returns {number} which way the path goes: 0 left, 1 right
 */
export function bit(index, depth) {
  return (index[depth >> 3] >> (7 - (depth & 7))) & 1;
}

/**
 * @param {Uint8Array} index
 * @param {number} depth
 * @returns {Uint8Array} its first `depth` bits, packed and zero padded
 */
export function prefix(index, depth) {
  const packed = index.slice(0, (depth + 7) >> 3);
  if (depth & 7) packed[packed.length - 1] &= 0xff << (8 - (depth & 7));
  return packed;
}

/** @param {number} depth */
function le32(depth) {
  return toLittleEndian(BigInt(depth), 4);
}

/**
 * The hash of the internal node at `depth` on the path of `index`.
 *
 * @param {Uint8Array} left @param {Uint8Array} right @param {Uint8Array} index @param {number} depth
 */
export function internalHash(left, right, index, depth) {
  return shake(concat(INTERNAL, left, right, prefix(index, depth), le32(depth)), HASH_SIZE);
}

/**
 * The hash of the leaf that holds `value` for `index`, where it hangs at `depth`.
 *
 * @param {Uint8Array} nonce @param {Uint8Array} index @param {number} depth @param {Uint8Array} value
 */
export function leafHash(nonce, index, depth, value) {
  return shake(concat(LEAF, nonce, index, le32(depth), value), HASH_SIZE);
}

/**
 * The hash of the empty branch at `depth` on the path of `index`.
 *
 * @param {Uint8Array} nonce @param {Uint8Array} index @param {number} depth
 */
export function emptyHash(nonce, index, depth) {
  return shake(concat(EMPTY, nonce, prefix(index, depth), le32(depth)), HASH_SIZE);
}
