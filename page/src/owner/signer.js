/**
 * Signing keys in a browser.
 *
 * A key is 32 bytes of seed when it is made. As long as no copy of it was saved, the seed is kept, so that it can be.
 * Once a copy was saved, only a handle is kept that can sign and that nobody can read the key out of, neither another
 * script on this page nor the owner: WebCrypto's, where the browser has Ed25519. Where it has not, the seed stays, and
 * noble signs.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { concat, equal, fromHex } from "../verify/bytes.js";
import { ConameError } from "../verify/errors.js";
import { verify } from "../verify/signatures.js";

/** @typedef {import("../verify/types.d.ts").Bytes} Bytes */

/**
 * @typedef {object} SigningKey as it is kept
 * @property {Bytes} public 32 bytes
 * @property {Bytes | null} seed 32 bytes; null once a copy was saved
 * @property {CryptoKey | null} handle null where the browser has no Ed25519
 */

/** What stands before the seed in PKCS #8 (RFC 8410, section 7). */
const PKCS8 = fromHex("302e020100300506032b657004220420");

/** @returns {Promise<SigningKey>} a new one, from the browser's randomness */
export async function generate() {
  return fromSeed(crypto.getRandomValues(new Uint8Array(32)));
}

/** @param {Bytes} seed 32 bytes @returns {Promise<SigningKey>} */
export async function fromSeed(seed) {
  return { public: ed25519.getPublicKey(seed), seed, handle: await handleOf(seed) };
}

/** @param {Bytes} seed @returns {Promise<CryptoKey | null>} */
async function handleOf(seed) {
  try {
    const encoded = /** @type {BufferSource} */ (concat(PKCS8, seed));
    return await crypto.subtle.importKey("pkcs8", encoded, "Ed25519", false, ["sign"]);
  } catch {
    return null; // this browser has no Ed25519
  }
}

/** @param {SigningKey} key @returns {SigningKey} without the seed, if it can sign without it */
export function sealed(key) {
  return key.handle === null ? key : { ...key, seed: null };
}

/** @param {SigningKey} key @returns {boolean} whether the key can still be read out, by its owner and by others */
export function exportable(key) {
  return key.seed !== null;
}

/**
 * @param {SigningKey} key
 * @param {Bytes} message
 * @returns {Promise<Bytes>} 64 bytes
 * @throws {ConameError} the browser signs with something else than this key, or not at all
 */
export async function sign(key, message) {
  const signature = await signed(key, message);
  if (!verify(key.public, message, signature)) {
    throw new ConameError("this browser made a signature that does not verify", "signing_failed");
  }
  return signature;
}

/** @param {SigningKey} key @param {Bytes} message */
async function signed(key, message) {
  if (key.handle !== null) {
    return new Uint8Array(await crypto.subtle.sign("Ed25519", key.handle, /** @type {BufferSource} */ (message)));
  }
  if (key.seed !== null) return ed25519.sign(message, key.seed);
  throw new ConameError("the signing key is not in this browser any more", "signing_failed");
}

/** @param {SigningKey[]} keys @param {Bytes} publicKey @returns {SigningKey | undefined} */
export function findKey(keys, publicKey) {
  return keys.find((key) => equal(key.public, publicKey));
}
