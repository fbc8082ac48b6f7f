/**
 * Tree proofs: what a root hash says about one index (protocol section 5).
 *
 * The proof's form is checked in full before anything is hashed; then there is one way to read it: the leaf, or the
 * empty branch, is put at the end of the path, and hashed up to the root with the neighbors. Only the very root
 * verifies.
 */

import { equal, hex } from "./bytes.js";
import { ProofInvalid } from "./errors.js";
import { HASH_SIZE } from "./hashes.js";
import { MAX_DEPTH, bit, emptyHash, internalHash, leafHash, prefix } from "./nodes.js";

/** @typedef {import("./types.d.ts").TreeProof} TreeProof */

const STEP = "tree";

/**
 * @param {Uint8Array} root the tree's hash
 * @param {Uint8Array} nonce the realm's tree nonce; empty for most
 * @param {Uint8Array} index
 * @param {TreeProof} proof
 * @returns {Uint8Array | null} what the tree holds at `index`: proven present, or null where proven absent
 * @throws {ProofInvalid} step "tree": the proof is malformed, or is not one for this root and index
 */
export function verifyTreeProof(root, nonce, index, proof) {
  checkForm(root, index, proof);
  const found = rootOf(nonce, index, proof);
  if (!equal(found, root)) {
    throw new ProofInvalid(STEP, `the tree proof leads to the root ${hex(found)}, not to ${hex(root)}`);
  }
  return equal(proof.existing_index, index) ? proof.existing_entry_hash : null;
}

/** @param {Uint8Array} root @param {Uint8Array} index @param {TreeProof} proof */
function checkForm(root, index, proof) {
  checkSize("the tree's root hash", root);
  checkSize("the index", index);
  const depth = proof.neighbors.length;
  if (depth > MAX_DEPTH) {
    const most = `more than an index has bits (${MAX_DEPTH})`;
    throw new ProofInvalid(STEP, `the tree proof has ${depth} neighbors, ${most}`);
  }
  proof.neighbors.forEach((neighbor, place) => checkSize(`neighbor ${place} of the tree proof`, neighbor));
  if (!proof.existing_index.length && !proof.existing_entry_hash.length) return;
  checkSize("the tree proof's existing_index", proof.existing_index);
  checkSize("the tree proof's existing_entry_hash", proof.existing_entry_hash);
  if (!equal(prefix(proof.existing_index, depth), prefix(index, depth))) {
    throw new ProofInvalid(
      STEP,
      `the tree proof ends, after ${depth} bits, at a leaf that is not on the path of the index: ` +
        `${hex(proof.existing_index)} and ${hex(index)} differ earlier`,
    );
  }
}

/** @param {string} what @param {Uint8Array} value */
function checkSize(what, value) {
  if (value.length !== HASH_SIZE) throw new ProofInvalid(STEP, `${what} has ${value.length} bytes, not ${HASH_SIZE}`);
}

/** @param {Uint8Array} nonce @param {Uint8Array} index @param {TreeProof} proof */
function rootOf(nonce, index, { neighbors, existing_index, existing_entry_hash }) {
  let depth = neighbors.length;
  let node = existing_index.length
    ? leafHash(nonce, existing_index, depth, existing_entry_hash)
    : emptyHash(nonce, index, depth);
  for (const neighbor of neighbors.toReversed()) {
    depth -= 1;
    node = bit(index, depth) ? internalHash(neighbor, node, index, depth) : internalHash(node, neighbor, index, depth);
  }
  return node;
}
