/** The hashes and the tree: protocol sections 3 and 5. */

import assert from "node:assert/strict";
import { hex } from "../src/verify/bytes.js";
import { keyId, profileCommitment } from "../src/verify/hashes.js";
import { TreeProof } from "../src/verify/messages.js";
import { emptyHash, internalHash, leafHash } from "../src/verify/nodes.js";
import { verifyTreeProof } from "../src/verify/tree.js";
import { decode } from "../src/verify/wire.js";
import { bytes, vectors } from "./vectors.js";

const all = (content) => content;

vectors(
  "key_id",
  all,
  (each) => each.key_id,
  (each) => {
    assert.equal(String(keyId(bytes(each.public_key_message))), each.key_id);
  },
);

vectors(
  "commitment",
  all,
  () => "",
  (each) => {
    assert.equal(hex(profileCommitment(bytes(each.profile_message))), each.commitment);
  },
);

vectors(
  "node_hash",
  all,
  (each) => `at depth ${each.prefix_bits.length}`,
  (each) => {
    const depth = each.prefix_bits.length;
    const path = new Uint8Array(32);
    [...each.prefix_bits].forEach((digit, place) => (path[place >> 3] |= Number(digit) << (7 - (place & 7))));
    const nonce = bytes(each.tree_nonce);
    assert.equal(hex(internalHash(bytes(each.left), bytes(each.right), path, depth)), each.internal);
    assert.equal(hex(emptyHash(nonce, path, depth)), each.empty);
    assert.equal(hex(leafHash(nonce, bytes(each.leaf_index), each.leaf_depth, bytes(each.leaf_value))), each.leaf);
  },
);

const lookups = (content) => content.flatMap((tree) => tree.lookups.map((each) => ({ ...each, tree })));

vectors(
  "tree",
  lookups,
  (each) => each.index.slice(0, 8),
  (each) => {
    const [root, nonce, index] = [bytes(each.tree.root), bytes(each.tree.tree_nonce), bytes(each.index)];
    const proof = decode(TreeProof, bytes(each.tree_proof_message));
    assert.deepEqual(proof.neighbors.map(hex), each.neighbors);
    const value = verifyTreeProof(root, nonce, index, proof);
    assert.equal(value === null ? null : hex(value), each.value);
    const wrong = root.with(0, root[0] ^ 1);
    assert.throws(() => verifyTreeProof(wrong, nonce, index, proof), { name: "ProofInvalid", step: "tree" });
  },
);
