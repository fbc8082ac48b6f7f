/**
 * Authorization policies and the validity of an update (protocol section 6).
 *
 * Signatures are checked over the bytes as received, and only those that could matter: by an id of the policy's
 * `public_keys` that its quorum mentions. Others are ignored, not refused. A policy without a quorum is never
 * satisfied; one with threshold 0 always is.
 */

import { DecodeError, UpdateInvalid } from "./errors.js";
import { Entry } from "./messages.js";
import * as quorums from "./quorums.js";
import { verify } from "./signatures.js";
import { decode } from "./wire.js";

/** @typedef {import("./types.d.ts").AuthorizationPolicy} AuthorizationPolicy */
/** @typedef {import("./types.d.ts").Entry} EntryMessage */
/** @typedef {import("./types.d.ts").SignedEntryUpdate} SignedEntryUpdate */

/**
 * The ids that `policy` mentions and whose signature over `message` verifies.
 *
 * @param {AuthorizationPolicy} policy
 * @param {Uint8Array} message
 * @param {Map<bigint, Uint8Array>} signed signatures by id
 * @returns {Set<bigint>}
 */
export function signedBy(policy, message, signed) {
  /** @type {Set<bigint>} */
  const good = new Set();
  for (const signer of policy.quorum ? quorums.signers(policy.quorum) : []) {
    const key = policy.public_keys.get(signer)?.ed25519;
    const signature = signed.get(signer);
    if (key && signature && verify(key, message, signature)) good.add(signer);
  }
  return good;
}

/**
 * Whether `signed` (signatures by id) over `message` are enough for `policy`. No policy is never satisfied.
 *
 * @param {AuthorizationPolicy | null} policy @param {Uint8Array} message @param {Map<bigint, Uint8Array>} signed
 */
export function policySatisfied(policy, message, signed) {
  if (!policy?.quorum || !quorums.satisfied(policy.quorum, signed)) return false;
  return quorums.satisfied(policy.quorum, signedBy(policy, message, signed));
}

/** @param {AuthorizationPolicy | null} policy @returns {string} whose signatures it wants, in words */
export function describe(policy) {
  if (!policy?.quorum) return "nobody that could be named (the policy has no quorum)";
  return quorums.describe(policy.quorum);
}

/**
 * Check that `update` may take the place of `current`.
 *
 * @param {Uint8Array | null} current the entry that its index holds now, encoded; null if there is none
 * @param {SignedEntryUpdate} update
 * @throws {UpdateInvalid} it may not, or an entry cannot be read
 */
export function checkUpdate(current, update) {
  const entry = parse("new", update.new_entry);
  if (current === null) checkRegistration(entry);
  else checkReplacement(parse("current", current), entry, update);
  if (entry.update_policy === null) {
    throw new UpdateInvalid("the new entry has no update policy: nobody could ever replace it");
  }
  if (!policySatisfied(entry.update_policy, update.new_entry, update.signatures)) {
    throw new UpdateInvalid(unmet("the new entry's own policy", entry.update_policy, update));
  }
}

/** @param {string} which @param {Uint8Array} encoded @returns {EntryMessage} */
function parse(which, encoded) {
  try {
    return decode(Entry, encoded);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new UpdateInvalid(`the ${which} entry (${encoded.length} bytes) is not an Entry message`);
  }
}

/** @param {EntryMessage} entry */
function checkRegistration(entry) {
  if (entry.version !== 0n) {
    throw new UpdateInvalid(`nothing is registered at this index: expected version 0, got ${entry.version}`);
  }
}

/** @param {EntryMessage} current @param {EntryMessage} entry @param {SignedEntryUpdate} update */
function checkReplacement(current, entry, update) {
  if (entry.version <= current.version) {
    throw new UpdateInvalid(`the version must grow: expected more than ${current.version}, got ${entry.version}`);
  }
  if (!policySatisfied(current.update_policy, update.new_entry, update.signatures)) {
    throw new UpdateInvalid(unmet("the current entry's policy", current.update_policy, update));
  }
}

/** @param {string} whose @param {AuthorizationPolicy | null} policy @param {SignedEntryUpdate} update */
function unmet(whose, policy, update) {
  const good = policy ? signedBy(policy, update.new_entry, update.signatures) : [];
  return `${whose} is not satisfied: expected ${describe(policy)}; good signatures are by: ${quorums.ids(good)}`;
}
