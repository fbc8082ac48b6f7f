/**
 * The verification of a lookup's answer: every step of protocol section 8, in its order.
 *
 * The caller brings the realm's configuration, the user id that was *asked for*, the answer, and the time. Rules:
 *
 * - Nothing in the answer is believed before it is checked: the realm, its keys, policy, VRF suite and tree nonce come
 *   from the configuration only.
 * - One failing step fails the whole, and names itself: one of `STEPS`.
 * - An entry must name the index it was found at: the owner's signature covers that index.
 */

import { among } from "./addresses.js";
import { equal, hex, utf8 } from "./bytes.js";
import { DecodeError, Misconfigured, ProofInvalid } from "./errors.js";
import { entryHash, profileCommitment } from "./hashes.js";
import { Entry, Profile } from "./messages.js";
import * as policies from "./policies.js";
import * as quorums from "./quorums.js";
import * as ratifications from "./ratifications.js";
import { hexed, quoted } from "./text.js";
import { verifyTreeProof } from "./tree.js";
import { RFC9381 } from "./vrf_rfc9381.js";
import { VRF_2017 } from "./vrf_2017.js";
import { decode } from "./wire.js";

/** @typedef {import("./types.d.ts").RealmConfig} RealmConfig */
/** @typedef {import("./types.d.ts").LookupProof} LookupProof */
/** @typedef {import("./types.d.ts").Head} Head */
/** @typedef {import("./types.d.ts").Verified} Verified */

/** The steps of a verification, in their order. */
export const STEPS = ["user", "index", "ratification", "freshness", "signatures", "tree", "entry", "profile"];

/** By their numbers in a configuration. */
const SUITES = [VRF_2017, RFC9381];

/**
 * Check that `proof` is the answer of `realm` for `userId`, complete and fresh.
 *
 * @param {RealmConfig} realm
 * @param {string} userId the one that was asked for
 * @param {LookupProof} proof
 * @param {bigint | null} now nanoseconds since 1970; null where an old epoch was asked for: its age is of no interest
 * @returns {Verified}
 * @throws {ProofInvalid} a step fails
 * @throws {Misconfigured} the realm's own configuration cannot be used
 */
export function verifyLookup(realm, userId, proof, now) {
  const suite = suiteOf(realm);
  checkUser(realm, userId, proof);
  const { index } = proof;
  checkIndex(suite, realm, userId, proof);
  const head = ratifications.commonHead(realm.RealmName, proof.ratifications);
  const age = `epoch ${head.epoch}, as asked`;
  const freshness = now === null ? age : ratifications.checkFreshness(head, realm.epoch_time_to_live, now);
  const signers = ratifications.checkSignatures(realm, proof.ratifications);
  const entry = checkEntry(index, checkTree(realm, index, proof, head), proof);
  const profile = checkProfile(entry, proof);
  /** @type {Verified} */
  const verified = {
    user_id: userId,
    index,
    epoch: head.epoch,
    head,
    signers,
    entry,
    profile,
    vrf_trustworthy: suite.trustworthy,
    steps: [],
  };
  verified.steps = explain(realm, proof.ratifications.length, freshness, verified);
  return verified;
}

/** The last index that was proven: it never changes, and old epochs of one address are asked for in a row. */
let provenIndex = "";

/**
 * @param {ReturnType<typeof suiteOf>} vrf
 * @param {RealmConfig} realm
 * @param {string} userId
 * @param {LookupProof} proof
 */
function checkIndex(vrf, realm, userId, { index, index_proof }) {
  const claim = JSON.stringify([vrf.name, hex(realm.VRFPublic), userId, hex(index), hex(index_proof)]);
  if (claim === provenIndex) return;
  vrf.verify(realm.VRFPublic, utf8(userId), index, index_proof);
  provenIndex = claim;
}

/** @param {RealmConfig} realm */
function suiteOf(realm) {
  const suite = SUITES[realm.vrf_suite];
  if (!suite) throw new Misconfigured(`vrf_suite: there is no VRF suite ${realm.vrf_suite}`);
  return suite;
}

/** @param {RealmConfig} realm @param {number} count @param {string} freshness @param {Verified} proven */
function explain(realm, count, freshness, proven) {
  const { entry, profile, index, epoch, head } = proven;
  const [root, state] = [hex(head.root_hash), entry === null ? "absent" : "present"];
  const keys = profile === null ? "" : profile.keys.size === 1 ? "1 key" : `${profile.keys.size} keys`;
  const signers = `${quorums.ids(proven.signers.keys())}; wanted: ${policies.describe(realm.verification_policy)}`;
  /** @type {[string, string][]} */
  const steps = [
    ["user", `the answer is for ${proven.user_id}, in the realm ${realm.RealmName}`],
    ["index", `${hex(index)} is where this user's entry belongs (${suiteOf(realm).name})`],
    ["ratification", `the ratifications (${count}) agree on epoch ${epoch}`],
    ["freshness", freshness],
    ["signatures", `signed by ${signers}`],
    ["tree", `the tree with the root ${root} proves the entry ${state}`],
    ["entry", entry === null ? "none, as proven" : `version ${entry.version}, the one that the tree holds`],
    ["profile", profile === null ? "none, as proven" : `${keys}, as the entry commits to`],
  ];
  return steps;
}

/** @param {RealmConfig} realm @param {string} userId @param {LookupProof} proof */
function checkUser(realm, userId, proof) {
  if (proof.user_id && proof.user_id !== userId) {
    throw new ProofInvalid("user", `asked for ${quoted(userId)}, the answer is for ${quoted(proof.user_id)}`);
  }
  const domain = userId.slice(userId.lastIndexOf("@") + 1);
  if (realm.domains.length && !among(realm.domains, domain)) {
    throw new ProofInvalid("user", `the realm ${realm.RealmName} does not answer for the domain ${quoted(domain)}`);
  }
  if (!userId.isWellFormed()) throw new ProofInvalid("user", `${quoted(userId)} is not Unicode text`);
}

/** @param {RealmConfig} realm @param {Uint8Array} index @param {LookupProof} proof @param {Head} head */
function checkTree(realm, index, proof, head) {
  if (proof.tree_proof === null) throw new ProofInvalid("tree", "the answer carries no tree proof");
  return verifyTreeProof(head.root_hash, realm.tree_nonce, index, proof.tree_proof);
}

/**
 * Check that the answer's entry is the one that the tree holds, if any.
 *
 * @param {Uint8Array} index @param {Uint8Array | null} value @param {LookupProof} proof
 * @returns {import("./types.d.ts").Entry | null}
 */
function checkEntry(index, value, proof) {
  if (value === null) {
    if (proof.entry === null) return null;
    throw new ProofInvalid("entry", "the tree proves that there is no entry, but the answer carries one");
  }
  if (proof.entry === null) {
    throw new ProofInvalid("entry", "the tree proves that there is an entry, but the answer does not carry it");
  }
  const found = entryHash(proof.entry);
  if (!equal(found, value)) {
    throw new ProofInvalid("entry", `the tree holds the entry ${hex(value)}, the answer carries ${hex(found)}`);
  }
  const entry = parse("entry", Entry, proof.entry);
  if (equal(entry.index, index)) return entry;
  throw new ProofInvalid("entry", `the entry is made for the index ${hexed(entry.index)}, not for ${hex(index)}`);
}

/**
 * Check that the answer's profile is the one that the entry commits to.
 *
 * @param {import("./types.d.ts").Entry | null} entry @param {LookupProof} proof
 * @returns {import("./types.d.ts").Profile | null}
 */
function checkProfile(entry, proof) {
  if (entry === null) {
    if (proof.profile === null) return null;
    throw new ProofInvalid("profile", "the tree proves that there is no entry, but the answer carries a profile");
  }
  if (proof.profile === null) {
    throw new ProofInvalid("profile", "there is an entry, but the answer does not carry its profile");
  }
  const [found, expected] = [profileCommitment(proof.profile), entry.profile_commitment];
  if (equal(found, expected)) return parse("profile", Profile, proof.profile);
  const carried = `the answer carries ${hex(found)}`;
  throw new ProofInvalid("profile", `the entry commits to the profile ${hexed(expected)}, ${carried}`);
}

/** @param {string} step @param {import("./messages.js").Schema} schema @param {Uint8Array} data */
function parse(step, schema, data) {
  try {
    return decode(schema, data);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new ProofInvalid(step, `the ${step} (${data.length} bytes) is not of the expected form: ${error.message}`);
  }
}
