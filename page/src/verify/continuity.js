/**
 * Whether a verified answer fits what was seen before: the rules of `coname.client.continuity`. Pure.
 *
 * Signatures show that the signers vouch for an epoch. That they vouch for the same history to everybody, and do not
 * take it back, shows only to somebody who remembers. For one realm: an answer is not older than what was known when it
 * was asked for; one epoch has one head; the next epoch names it as its predecessor, and no other does; time does not
 * go backwards. For one address: its index never changes, its version never falls, an entry never vanishes, one version
 * has one content.
 */

import { equal, hex } from "./bytes.js";
import { ProofInvalid } from "./errors.js";
import { entryHash, summaryHash } from "./hashes.js";

/** @typedef {import("./types.d.ts").Head} Head */
/** @typedef {import("./types.d.ts").Verified} Verified */

/**
 * @typedef {object} Sighting what one verified answer said of an address
 * @property {Uint8Array} index
 * @property {bigint} epoch
 * @property {bigint | null} version null where absence was proved
 * @property {Uint8Array} entryHash empty where absence was proved
 */

/**
 * @typedef {{first: Sighting, last: Sighting}} Span the oldest and the newest epoch in which the newest version was
 * seen
 */

/** @param {string} message */
function contradiction(message) {
  return new ProofInvalid("memory", message);
}

/** @param {Verified} verified @param {import("./types.d.ts").LookupProof} proof @returns {Sighting} */
export function sighting({ index, epoch, entry }, proof) {
  return {
    index,
    epoch,
    version: entry?.version ?? null,
    entryHash: proof.entry ? entryHash(proof.entry) : new Uint8Array(0),
  };
}

/**
 * @param {Head | null} newest the newest head known so far
 * @param {Head} head proved now, for the latest epoch
 * @param {bigint} floor the newest epoch known when the question was sent
 * @returns {Head} the newest one now
 * @throws {ProofInvalid} step "memory"
 */
export function follow(newest, head, floor) {
  if (head.epoch < floor) {
    throw contradiction(`the answer goes back in time: epoch ${floor} was known before, and this is ${head.epoch}`);
  }
  if (newest === null) return head;
  const [older, newer] = newest.epoch <= head.epoch ? [newest, head] : [head, newest];
  if (older.epoch === newer.epoch && !equal(older.epoch_head, newer.epoch_head)) {
    const roots = `the root ${hex(older.root_hash)} was proved before, and ${hex(newer.root_hash)} now`;
    throw contradiction(`epoch ${older.epoch} has two heads: ${roots}`);
  }
  checkChain(older, newer);
  return newer;
}

/** @param {Head} older @param {Head} newer */
function checkChain(older, newer) {
  if (newer.epoch === older.epoch + 1n && !names(newer, older)) {
    throw contradiction(`epoch ${newer.epoch} does not follow from epoch ${older.epoch}, as it was seen`);
  }
  for (const [before, after] of [
    [older, newer],
    [newer, older],
  ]) {
    if (names(after, before) && after.epoch !== before.epoch + 1n) {
      throw contradiction(`epoch ${after.epoch} names epoch ${before.epoch} as the one before it`);
    }
  }
  if (newer.issue_time_ns < older.issue_time_ns) {
    throw contradiction(`epoch ${newer.epoch} was issued before epoch ${older.epoch}: time went backwards`);
  }
}

/** @param {Head} after @param {Head} before */
function names(after, before) {
  return equal(after.previous_summary_hash, summaryHash(before.epoch_head));
}

/**
 * @param {Span | null} known
 * @param {Sighting} seen
 * @returns {Span} what is known now
 * @throws {ProofInvalid} step "memory"
 */
export function settle(known, seen) {
  if (known === null) return { first: seen, last: seen };
  const { first, last } = known;
  if (!equal(last.index, seen.index)) {
    throw contradiction(
      `the address has two indices: ${hex(last.index)} was proved before, and ${hex(seen.index)} now`,
    );
  }
  for (const each of [first, last]) each.epoch <= seen.epoch ? checkForward(each, seen) : checkForward(seen, each);
  if (!same(last, seen)) return seen.epoch > last.epoch ? { first: seen, last: seen } : known;
  return { first: seen.epoch < first.epoch ? seen : first, last: seen.epoch > last.epoch ? seen : last };
}

/** @param {Sighting} one @param {Sighting} other */
function same(one, other) {
  return one.version === other.version && equal(one.entryHash, other.entryHash);
}

/** @param {Sighting} older @param {Sighting} newer */
function checkForward(older, newer) {
  const where = `${words(older)} in epoch ${older.epoch}, ${words(newer)} in epoch ${newer.epoch}`;
  if ((older.epoch === newer.epoch || older.version === newer.version) && !same(older, newer)) {
    throw contradiction(`the address has two entries: ${where}`);
  }
  if ((older.version ?? -1n) > (newer.version ?? -1n)) throw contradiction(`the entry went back: ${where}`);
}

/** @param {Sighting} sighting */
function words({ version, entryHash }) {
  return version === null ? "no entry" : `version ${version} (${hex(entryHash)})`;
}

/**
 * @param {Head | null} known
 * @param {Head} head
 * @returns {string} how `head`, found to fit, relates to the newest one known
 */
export function describe(known, head) {
  if (known === null) return `the first epoch of ${head.realm} seen here: ${head.epoch} is remembered from now on`;
  if (head.epoch === known.epoch) return `the same head of epoch ${head.epoch} as remembered`;
  if (head.epoch === known.epoch + 1n) {
    return `epoch ${head.epoch} names the remembered epoch ${known.epoch} as its predecessor`;
  }
  const relation = head.epoch > known.epoch ? "is newer than" : "does not contradict";
  return `epoch ${head.epoch} ${relation} the remembered epoch ${known.epoch}`;
}
