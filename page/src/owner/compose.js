/**
 * Entries, profiles and requests, built from what is known. Pure: nonces and keys are given.
 */

import { base64 } from "../verify/bytes.js";
import { profileCommitment, keyId, shake } from "../verify/hashes.js";
import * as messages from "../verify/messages.js";
import { encode } from "../verify/encoding.js";
import { decode } from "../verify/wire.js";

/** @typedef {import("../verify/types.d.ts").Bytes} Bytes */
/** @typedef {import("../verify/types.d.ts").AuthorizationPolicy} AuthorizationPolicy */
/** @typedef {import("../verify/types.d.ts").Entry} Entry */
/** @typedef {import("../verify/types.d.ts").RealmConfig} RealmConfig */
/** @typedef {import("../verify/types.d.ts").UpdateRequest} UpdateRequest */

/** Bytes of a profile's nonce, which keeps its commitment from being guessed. The protocol asks for 16 or more. */
export const NONCE_SIZE = 32;

/** @param {Bytes} publicKey an Ed25519 key, 32 bytes @returns {bigint} what signatures by it are filed under */
export function idOf(publicKey) {
  return keyId(encode(messages.PublicKey, { ed25519: publicKey }));
}

/** @param {Bytes} publicKey @returns {AuthorizationPolicy} the policy that this key alone satisfies */
export function soleKeyPolicy(publicKey) {
  const id = idOf(publicKey);
  return {
    public_keys: new Map([[id, { ed25519: publicKey }]]),
    quorum: { threshold: 1, candidates: [id], subexpressions: [] },
  };
}

/**
 * @param {RealmConfig} realm
 * @param {string} userId
 * @param {bigint} [epoch] 0 for the latest
 * @returns {import("../verify/types.d.ts").LookupRequest} the question, asking for the signatures that will be insisted
 * on
 */
export function lookupRequest(realm, userId, epoch = 0n) {
  return { epoch, user_id: userId, quorum_requirement: realm.verification_policy?.quorum ?? null };
}

/**
 * @param {{index: Bytes, version: bigint, policy: AuthorizationPolicy, keys: Map<string, Bytes>, nonce: Bytes}} wanted
 * @returns {{entry: Bytes, profile: Bytes}} both encoded: what is signed, and what it commits to
 */
export function compose({ index, version, policy, keys, nonce }) {
  const profile = encode(messages.Profile, { nonce, keys });
  const fields = { index, version, update_policy: policy, profile_commitment: profileCommitment(profile) };
  return { entry: encode(messages.Entry, fields), profile };
}

/**
 * @param {Bytes} entry encoded @param {Bytes} profile encoded @param {Map<bigint, Bytes>} signatures over the entry
 * @returns {UpdateRequest} the update, and nothing else
 */
export function bareUpdate(entry, profile, signatures) {
  return { update: { new_entry: entry, signatures }, profile, lookup_parameters: null, email_proof: null };
}

/** @param {UpdateRequest} request @returns {Entry} the entry that it puts in force */
export function newEntry(request) {
  return decode(messages.Entry, newEntryBytes(request));
}

/** @param {UpdateRequest} request @returns {Bytes} the entry's encoding, as signed */
export function newEntryBytes(request) {
  return request.update?.new_entry ?? new Uint8Array(0);
}

/** @param {UpdateRequest} request @returns {Map<string, Bytes>} the keys that it publishes */
export function newKeys(request) {
  return decode(messages.Profile, request.profile).keys;
}

/** @param {Bytes} entry encoded @returns {string} the nonce that binds a login to it (base64url, without padding) */
export function loginNonce(entry) {
  return base64(shake(entry, 32)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
