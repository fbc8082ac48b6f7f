/**
 * The ratifications of an answer: which epoch they are for, whether it is fresh, and who signed (protocol section 8,
 * steps 3 and 4).
 *
 * All ratifications must carry the very same EpochHead, byte for byte; each signer's wrapping of it may differ, and is
 * what its signature covers. Signatures that do not verify, or are by nobody whom the policy mentions, are ignored:
 * what counts is whether the good ones are enough.
 */

import { equal, hex } from "./bytes.js";
import { Misconfigured, ProofInvalid } from "./errors.js";
import * as heads from "./heads.js";
import * as policies from "./policies.js";
import * as quorums from "./quorums.js";
import { quoted } from "./text.js";
import { duration } from "./times.js";

/** @typedef {import("./types.d.ts").Head} Head */
/** @typedef {import("./types.d.ts").SignedEpochHead} SignedEpochHead */
/** @typedef {import("./types.d.ts").RealmConfig} RealmConfig */

/** How many ratifications an answer may carry: a hostile one must not make us check signatures for minutes. */
export const MAX_RATIFICATIONS = 1024;

/**
 * @param {string} realm its name
 * @param {SignedEpochHead[]} ratifications
 * @returns {Head} the epoch head on which all of them agree, as the first of them carries it
 * @throws {ProofInvalid} step "ratification"
 */
export function commonHead(realm, ratifications) {
  if (!ratifications.length) {
    throw new ProofInvalid(heads.STEP, "the answer carries no ratification: nobody vouches for its epoch");
  }
  if (ratifications.length > MAX_RATIFICATIONS) {
    const most = `at most ${MAX_RATIFICATIONS} are looked at`;
    throw new ProofInvalid(heads.STEP, `${ratifications.length} ratifications; ${most}`);
  }
  const first = heads.parse(ratifications[0].head);
  if (first.realm !== realm) {
    throw new ProofInvalid(
      heads.STEP,
      `the epoch head is of the realm ${quoted(first.realm)}, not of ${quoted(realm)}`,
    );
  }
  ratifications.slice(1).forEach((other, place) => checkSame(first, heads.parse(other.head), place + 2));
  return first;
}

/** @param {Head} first @param {Head} head @param {number} place */
function checkSame(first, head, place) {
  if (equal(head.epoch_head, first.epoch_head)) return;
  throw new ProofInvalid(
    heads.STEP,
    `ratification ${place} is of another epoch head (epoch ${head.epoch}, root ${hex(head.root_hash)}) than ` +
      `the first (epoch ${first.epoch}, root ${hex(first.root_hash)})`,
  );
}

/**
 * Check that an epoch has not expired, and say how old it is.
 *
 * @param {Head} head
 * @param {import("./types.d.ts").Time | null} timeToLive how long after it was issued an epoch is accepted
 * @param {bigint} now nanoseconds since 1970
 * @returns {string}
 * @throws {ProofInvalid} step "freshness"
 */
export function checkFreshness(head, timeToLive, now) {
  const lifetime = lifetimeOf(timeToLive);
  const age = now - head.issue_time_ns;
  const bound = `${Number(lifetime) / 1e9} s are allowed`;
  if (age > lifetime) {
    throw new ProofInvalid("freshness", `epoch ${head.epoch} was closed ${seconds(age)} ago; at most ${bound}`);
  }
  if (age < 0n) return `epoch ${head.epoch} was closed just now; this clock is ${seconds(-age)} behind`;
  return `epoch ${head.epoch} was closed ${seconds(age)} ago; ${bound}`;
}

/** @param {import("./types.d.ts").Time | null} timeToLive @returns {bigint} */
function lifetimeOf(timeToLive) {
  try {
    return duration(timeToLive);
  } catch (error) {
    throw new Misconfigured(`epoch_time_to_live: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {bigint} nanoseconds */
function seconds(nanoseconds) {
  return `${(Number(nanoseconds) / 1e9).toFixed(1)} s`;
}

/**
 * Check that enough have signed, and tell who, and when each says that it did (nanoseconds since 1970).
 *
 * @param {RealmConfig} realm
 * @param {SignedEpochHead[]} ratifications those of one epoch head, as `commonHead` found
 * @returns {Map<bigint, bigint>}
 * @throws {ProofInvalid} step "signatures": the good ones do not satisfy the realm's verification_policy
 */
export function checkSignatures(realm, ratifications) {
  const policy = realm.verification_policy;
  /** @type {Map<bigint, bigint>} */
  const signers = new Map();
  for (const { head, signatures } of ratifications) {
    if (policy === null) break;
    const unseen = new Map([...signatures].filter(([signer]) => !signers.has(signer)));
    for (const signer of policies.signedBy(policy, head, unseen)) signers.set(signer, heads.parse(head).timestamp_ns);
  }
  if (policy?.quorum && quorums.satisfied(policy.quorum, signers)) return signers;
  const good = quorums.ids(signers.keys());
  const wanted = policies.describe(policy);
  throw new ProofInvalid("signatures", `expected the signatures of ${wanted}; good ones are by: ${good}`);
}
