/**
 * The copy of a signing key that an owner keeps: the very file that `coname register` writes, so that the command line
 * can go on where the browser stopped, and the other way round (`coname.client.identity`, `coname.client.files`).
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { base64, concat, equal, fromBase64, hex, toLittleEndian, utf8 } from "../verify/bytes.js";
import { ConameError } from "../verify/errors.js";
import { shake } from "../verify/hashes.js";
import { UpdateRequest } from "../verify/messages.js";
import { encode } from "../verify/encoding.js";
import { decode } from "../verify/wire.js";
import { idOf, newEntry, newKeys } from "./compose.js";

/** @typedef {import("../verify/types.d.ts").RealmConfig} RealmConfig */
/** @typedef {import("../verify/types.d.ts").UpdateRequest} Update */
/** @typedef {import("./signer.js").SigningKey} SigningKey */
/** @typedef {{address: string, realm: string, seeds: Uint8Array[], pending: Update | null}} Saved */

const KIND = "identity";
const FORMAT = 1;

/**
 * A name for the realm: readable, and different for each name and VRF key.
 * @param {RealmConfig} realm
 * @returns {string}
 */
export function realmName(realm) {
  const readable = realm.RealmName.replace(/[^A-Za-z0-9.-]/gu, "_")
    .slice(0, 40)
    .replace(/^\.+/, "");
  const name = utf8(realm.RealmName);
  const size = toLittleEndian(BigInt(name.length), 4).reverse();
  return `${readable}-${hex(shake(concat(size, name, realm.VRFPublic), 8))}`;
}

/** @param {Saved} saved @returns {string} the file's text. Secret. */
export function write({ address, realm, seeds, pending }) {
  const keys = seeds.map((seed) => {
    const publicKey = ed25519.getPublicKey(seed);
    return { id: String(idOf(publicKey)), ed25519_secret: base64(concat(seed, publicKey)) };
  });
  const update = pending && { update: base64(encode(UpdateRequest, pending)), rotates: false };
  const body = { kind: KIND, format: FORMAT, content: { address, realm, keys, pending: update } };
  return JSON.stringify({ ...body, checksum: checksum(body) }, null, 2) + "\n";
}

/**
 * @param {string} text
 * @returns {Saved} what the file holds
 * @throws {ConameError} it is no such file, or is damaged. The message holds none of its content
 */
export function read(text) {
  try {
    const { checksum: claimed, ...body } = JSON.parse(text);
    if (body.kind !== KIND || body.format !== FORMAT || claimed !== checksum(body)) throw new RangeError();
    const { address, realm, keys, pending } = body.content;
    const seeds = keys.map((/** @type {any} */ key) => seedOf(fromBase64(key.ed25519_secret)));
    if (!seeds.length || typeof address !== "string" || typeof realm !== "string") throw new RangeError();
    return { address, realm, seeds, pending: pending && readPending(pending.update) };
  } catch {
    throw new ConameError("this is not a copy of a signing key, or it is damaged", "corrupt");
  }
}

/** @param {string} encoded @returns {Update} */
function readPending(encoded) {
  const pending = decode(UpdateRequest, fromBase64(encoded));
  (newEntry(pending), newKeys(pending)); // throw now, not later
  return pending;
}

/** @param {Uint8Array} secret seed ‖ public key */
function seedOf(secret) {
  const seed = secret.slice(0, 32);
  if (secret.length !== 64 || !equal(ed25519.getPublicKey(seed), secret.slice(32))) throw new RangeError();
  return seed;
}

/** As Python's json writes it: names sorted, nothing but ASCII. @param {unknown} body @returns {string} */
function checksum(body) {
  const plain = JSON.stringify(sorted(body));
  const ascii = plain.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return hex(sha256(utf8(ascii)));
}

/** @param {unknown} value @returns {unknown} */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  );
}
