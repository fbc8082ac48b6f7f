/** Quorums, and the validity of updates: protocol section 6. */

import assert from "node:assert/strict";
import { QuorumExpr, SignedEntryUpdate } from "../src/verify/messages.js";
import { checkUpdate } from "../src/verify/policies.js";
import { satisfied } from "../src/verify/quorums.js";
import { decode } from "../src/verify/wire.js";
import { bytes, vectors } from "./vectors.js";

const all = (content) => content;

vectors(
  "quorum",
  all,
  (each) => `${each.have}`,
  (each) => {
    const have = new Set(each.have.map(BigInt));
    assert.equal(satisfied(decode(QuorumExpr, bytes(each.quorum_expr_message)), have), each.satisfied);
  },
);

vectors(
  "update_policy",
  all,
  (each) => each.name,
  (each) => {
    const check = () => checkUpdate(bytes(each.current_entry), decode(SignedEntryUpdate, bytes(each.update_message)));
    if (each.accepted) check();
    else assert.throws(check, { name: "UpdateInvalid" });
  },
);
