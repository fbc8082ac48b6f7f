/**
 * Epoch heads: what signers sign of an epoch (protocol section 7).
 *
 * There are two layers. The EpochHead is the same for everybody: the tree's root, chained to the epoch before. Each
 * signer wraps it with its own time in a TimestampedEpochHead, and signs that. The EpochHead's bytes are kept as they
 * came.
 */

import { DecodeError, ProofInvalid } from "./errors.js";
import { HASH_SIZE, SUMMARY_SIZE } from "./hashes.js";
import { EpochHead, TimestampedEpochHead } from "./messages.js";
import { timestamp } from "./times.js";
import { decode } from "./wire.js";

/** @typedef {import("./types.d.ts").Head} Head */

export const STEP = "ratification";

/**
 * @param {Uint8Array} timestampedHead an encoded TimestampedEpochHead
 * @returns {Head}
 * @throws {ProofInvalid} step "ratification": it is not one, or one that no honest keyserver makes
 */
export function parse(timestampedHead) {
  try {
    /** @type {import("./types.d.ts").TimestampedEpochHead} */
    const outer = decode(TimestampedEpochHead, timestampedHead);
    /** @type {import("./types.d.ts").EpochHead} */
    const inner = decode(EpochHead, outer.head);
    const { realm, epoch, root_hash, previous_summary_hash } = inner;
    const times = { issue_time_ns: timestamp(inner.issue_time), timestamp_ns: timestamp(outer.timestamp) };
    checkForm(inner);
    return { realm, epoch, root_hash, previous_summary_hash, epoch_head: outer.head, ...times };
  } catch (error) {
    if (!(error instanceof DecodeError || error instanceof RangeError)) throw error;
    throw new ProofInvalid(STEP, `an epoch head is malformed: ${error.message}`);
  }
}

/** @param {import("./types.d.ts").EpochHead} head */
function checkForm(head) {
  if (head.epoch === 0n) throw new ProofInvalid(STEP, "an epoch head has the number 0; epochs are numbered from 1");
  checkSize("root_hash", head.root_hash, HASH_SIZE);
  checkSize("previous_summary_hash", head.previous_summary_hash, head.epoch === 1n ? 0 : SUMMARY_SIZE);
}

/** @param {string} field @param {Uint8Array} value @param {number} size */
function checkSize(field, value, size) {
  if (value.length === size) return;
  throw new ProofInvalid(STEP, `an epoch head's ${field} has ${value.length} bytes, not ${size}`);
}
