/**
 * The keys by which an owner changes their entry, and the update that is on its way: the rules of
 * `coname.client.identity`.
 *
 * 1. A key is stored before anything that names it is sent, and dropped only when a verified answer shows an entry that
 *    does without it and has at least the version of everything that was ever sent.
 * 2. The update on its way is stored too, byte for byte: sending the very same one again is always safe. A refusal does
 *    not end it: whoever refuses an update may still deliver it.
 * 3. Which of the keys are needed is read from the entry in force, not remembered.
 * 4. An identity belongs to one address in one realm.
 */

import { equal } from "../verify/bytes.js";
import { UpdateInvalid } from "../verify/errors.js";
import { checkUpdate } from "../verify/policies.js";
import { satisfied } from "../verify/quorums.js";
import { bareUpdate, compose, newEntry, newKeys, soleKeyPolicy } from "./compose.js";
import { findKey, sealed, sign } from "./signer.js";

/** @typedef {import("../verify/types.d.ts").Bytes} Bytes */
/** @typedef {import("../verify/types.d.ts").AuthorizationPolicy} AuthorizationPolicy */
/** @typedef {import("../verify/types.d.ts").Entry} Entry */
/** @typedef {import("../verify/types.d.ts").UpdateRequest} UpdateRequest */
/** @typedef {import("../verify/types.d.ts").Verified} Verified */
/** @typedef {import("./signer.js").SigningKey} SigningKey */

/**
 * @typedef {object} Identity
 * @property {string} address in canonical form
 * @property {string} realm see `realmName`
 * @property {SigningKey[]} keys the newest last; at least one
 * @property {UpdateRequest | null} pending the newest update that was about to be sent and was not seen in force
 */

const HIGHEST_VERSION = 2n ** 64n - 1n;

/**
 * @param {Identity} identity
 * @param {AuthorizationPolicy | null} policy
 * @returns {boolean} whether its keys alone satisfy it
 */
export function owns(identity, policy) {
  if (!policy?.quorum) return false;
  const ours = [...policy.public_keys].filter(([, { ed25519 }]) => ed25519 && findKey(identity.keys, ed25519));
  return satisfied(policy.quorum, new Set(ours.map(([id]) => id)));
}

/**
 * @param {Identity} identity
 * @param {Entry} entry proved to be in force
 * @returns {Identity} with nothing on its way any more, if `entry` is that or a later one
 */
export function settled(identity, entry) {
  if (identity.pending === null || entry.version < newEntry(identity.pending).version) return identity;
  const named = [...(entry.update_policy?.public_keys.values() ?? [])].flatMap(({ ed25519 }) => ed25519 ?? []);
  const needed = identity.keys.filter((key) => named.some((each) => equal(each, key.public)));
  return { ...identity, pending: null, keys: needed.length ? needed : identity.keys };
}

/** @param {Identity} identity @returns {Identity} as it is kept once a copy was saved: its keys can sign, see signer.js */
export function sealedKeys(identity) {
  return { ...identity, keys: identity.keys.map(sealed) };
}

/**
 * What is to be stored where `stored` is: another tab may have made a key meanwhile, and its registration may be the one
 * that comes into force. So no key is ever overwritten.
 *
 * @param {Identity | null} stored
 * @param {Identity} identity
 * @returns {Identity}
 */
export function withKeysOf(stored, identity) {
  const others = (stored?.keys ?? []).filter((key) => !findKey(identity.keys, key.public));
  return { ...identity, keys: [...others, ...identity.keys] };
}

/**
 * An update that makes `keys` what is published, valid on top of the entry in force and of the one on its way.
 *
 * @param {Identity} identity
 * @param {Verified} before the verified lookup
 * @param {Bytes | null} encoded the entry in force, as it came
 * @param {Map<string, Bytes>} keys
 * @param {Bytes} nonce for the profile
 * @returns {Promise<Identity>} with the update on its way
 * @throws {UpdateInvalid} the entry is not this identity's to change
 */
export async function prepareUpdate(identity, before, encoded, keys, nonce) {
  if (maySendAgain(identity, before, encoded, keys)) return identity;
  const { entry } = before;
  if (entry !== null && !owns(identity, entry.update_policy)) {
    throw new UpdateInvalid(
      `the entry of ${identity.address} asks for another signing key than the one in this browser`,
    );
  }
  const overtaken = identity.pending === null ? [] : [newEntry(identity.pending)];
  const policy = entry?.update_policy ?? soleKeyPolicy(/** @type {SigningKey} */ (identity.keys.at(-1)).public);
  const version = nextVersion(entry, overtaken);
  const made = compose({ index: before.index, version, policy, keys, nonce });
  const policies = [policy, ...overtaken.flatMap((each) => each.update_policy ?? [])];
  const signatures = await signWith(identity, policies, made.entry);
  const pending = bareUpdate(made.entry, made.profile, signatures);
  checkUpdate(encoded, /** @type {import("../verify/types.d.ts").SignedEntryUpdate} */ (pending.update));
  return { ...identity, pending };
}

/** @param {Entry | null} entry @param {Entry[]} overtaken @returns {bigint} */
function nextVersion(entry, overtaken) {
  if (entry === null) return 0n; // an address's first entry has this version, whatever was sent before
  const highest = [entry, ...overtaken].reduce((most, each) => (each.version > most ? each.version : most), 0n);
  if (highest < HIGHEST_VERSION) return highest + 1n;
  throw new UpdateInvalid(`the entry has the highest version there is, ${highest}: it cannot be replaced`);
}

/** @param {Identity} identity @param {AuthorizationPolicy[]} policies @param {Bytes} message */
async function signWith(identity, policies, message) {
  /** @type {Map<bigint, Bytes>} */
  const made = new Map();
  for (const policy of policies) {
    for (const [id, { ed25519 }] of policy.public_keys) {
      const key = ed25519 && findKey(identity.keys, ed25519);
      if (key) made.set(id, await sign(key, message));
    }
  }
  return made;
}

/**
 * @param {Identity} identity
 * @param {Verified} before
 * @param {Bytes | null} encoded
 * @param {Map<string, Bytes>} keys
 */
function maySendAgain({ pending }, before, encoded, keys) {
  if (pending?.update == null || !sameKeys(newKeys(pending), keys)) return false;
  if (!equal(newEntry(pending).index, before.index)) return false;
  try {
    checkUpdate(encoded, pending.update);
    return true;
  } catch (error) {
    if (!(error instanceof UpdateInvalid)) throw error;
    return false;
  }
}

/** @param {Map<string, Bytes>} one @param {Map<string, Bytes>} other */
export function sameKeys(one, other) {
  return (
    one.size === other.size && [...one].every(([name, key]) => other.has(name) && equal(key, other.get(name) ?? key))
  );
}
