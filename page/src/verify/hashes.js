/**
 * The hashes of protocol section 3: all are SHAKE256, and differ in what they cover and in their length.
 */

import { shake256 } from "@noble/hashes/sha3.js";
import { littleEndian } from "./bytes.js";

export const HASH_SIZE = 32;
export const SUMMARY_SIZE = 64;
export const COMMITMENT_SIZE = 64;

/** @param {Uint8Array} data @param {number} size of the output, in bytes @returns {Uint8Array} */
export function shake(data, size) {
  return shake256(data, { dkLen: size });
}

/**
 * What signatures by a key are filed under, by convention.
 *
 * @param {Uint8Array} publicKey the encoded PublicKey message, not the bare key
 * @returns {bigint}
 */
export function keyId(publicKey) {
  return littleEndian(shake(publicKey, 8));
}

/** @param {Uint8Array} profile the encoded Profile, as received @returns {Uint8Array} what an entry says of it */
export function profileCommitment(profile) {
  return shake(profile, COMMITMENT_SIZE);
}

/** @param {Uint8Array} entry the encoded Entry, as received @returns {Uint8Array} what the tree holds for it */
export function entryHash(entry) {
  return shake(entry, HASH_SIZE);
}

/** @param {Uint8Array} epochHead the encoded EpochHead @returns {Uint8Array} what the next epoch's head says of it */
export function summaryHash(epochHead) {
  return shake(epochHead, SUMMARY_SIZE);
}
