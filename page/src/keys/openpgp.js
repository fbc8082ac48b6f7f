/**
 * OpenPGP certificates, as far as one must read them to say which one it is (RFC 9580, sections 4 to 6).
 *
 * One walk over the packets' headers; what is not plainly one transferable public key is refused: secret keys above
 * all, other packets, a second certificate, bodies of unknown length. Signatures are not checked: whether the
 * certificate is valid, and whose the user ids are, is for the program that uses it. The bounds are the directory's
 * own, so that what is published here can be fetched by GnuPG.
 */

import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, fromBase64, hex } from "../verify/bytes.js";
import { InvalidRequest } from "../verify/errors.js";

export const MAX_COMPONENTS = 64;
export const MAX_COMPONENTS_TIMES_SIGNATURES = 5000;

const [SIGNATURE, SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, USER_ID, PUBLIC_SUBKEY, USER_ATTRIBUTE] = [
  2, 5, 6, 7, 13, 14, 17,
];
const COMPONENTS = [PUBLIC_KEY, PUBLIC_SUBKEY, USER_ID, USER_ATTRIBUTE];

const BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END = "-----END PGP PUBLIC KEY BLOCK-----";

/** @type {Record<number, string>} by their numbers (RFC 9580, section 9.1) */
const ALGORITHMS = {
  1: "RSA",
  2: "RSA",
  3: "RSA",
  16: "Elgamal",
  17: "DSA",
  18: "ECDH",
  19: "ECDSA",
  22: "EdDSA",
  25: "X25519",
  26: "X448",
  27: "Ed25519",
  28: "Ed448",
};

/**
 * @typedef {{kind: number, body: Uint8Array}} Packet
 * @typedef {object} Certificate
 * @property {Uint8Array} binary without armour
 * @property {number} version of the primary key
 * @property {string} fingerprint in hexadecimal, in capitals
 * @property {string} algorithm
 * @property {Date} created what the key says of itself
 * @property {string[]} userIds what the certificate says; not checked
 * @property {number} subkeys
 */

/**
 * @param {Uint8Array} data armoured or binary
 * @returns {Certificate} the one certificate in it
 * @throws {InvalidRequest} it is not one; says why
 */
export function certificate(data) {
  const binary = unarmoured(data);
  const packets = readPackets(binary);
  check(packets);
  const key = packets[0].body;
  const texts = packets.filter(({ kind }) => kind === USER_ID).map(({ body }) => new TextDecoder().decode(body));
  const subkeys = packets.filter(({ kind }) => kind === PUBLIC_SUBKEY).length;
  return { binary, subkeys, userIds: texts, ...describe(key) };
}

/** @param {Uint8Array} key the body of a public key packet (section 5.5.2) */
function describe(key) {
  if (key.length < 6) throw new InvalidRequest("its public key is cut off");
  const created = new Date(1000 * new DataView(key.buffer, key.byteOffset).getUint32(1));
  return {
    version: key[0],
    fingerprint: fingerprint(key),
    algorithm: ALGORITHMS[key[5]] ?? `algorithm ${key[5]}`,
    created,
  };
}

/**
 * Section 5.5.4: a hash of the key packet's body, after a byte that depends on the version and the body's length.
 *
 * @param {Uint8Array} key @returns {string}
 */
function fingerprint(key) {
  const size = key.length;
  if (key[0] === 4 && size < 0x10000) return capitals(sha1(concat(Uint8Array.of(0x99, size >> 8, size & 255), key)));
  const marks = /** @type {Record<number, number>} */ ({ 5: 0x9a, 6: 0x9b });
  const mark = marks[key[0]];
  if (mark === undefined) throw new InvalidRequest(`its key is of version ${key[0]}; 4 and 6 are in use`);
  const length = Uint8Array.of(size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255);
  return capitals(sha256(concat(Uint8Array.of(mark), length, key)));
}

/** @param {Uint8Array} data */
function capitals(data) {
  return hex(data).toUpperCase();
}

/** @param {Packet[]} packets */
function check(packets) {
  if (packets.some(({ kind }) => kind === SECRET_KEY || kind === SECRET_SUBKEY)) {
    throw new InvalidRequest("it holds a secret key, which must never be published");
  }
  if (packets[0]?.kind !== PUBLIC_KEY) throw new InvalidRequest("it does not begin with a public key");
  if (packets.slice(1).some(({ kind }) => kind === PUBLIC_KEY))
    throw new InvalidRequest("it holds several certificates");
  const other = packets.find(({ kind }) => kind !== SIGNATURE && !COMPONENTS.includes(kind));
  if (other) throw new InvalidRequest(`it holds a packet of type ${other.kind}, which is no part of a certificate`);
  const components = packets.filter(({ kind }) => kind !== SIGNATURE).length;
  const signatures = packets.length - components;
  if (components > MAX_COMPONENTS) {
    throw new InvalidRequest(`it has ${components} keys, user ids and attributes; at most ${MAX_COMPONENTS} are taken`);
  }
  if (components * signatures > MAX_COMPONENTS_TIMES_SIGNATURES) {
    throw new InvalidRequest(`it has ${signatures} signatures, more than are taken; export it with minimal signatures`);
  }
}

/** @param {Uint8Array} data @returns {Packet[]} */
function readPackets(data) {
  const packets = [];
  for (let place = 0; place < data.length;) {
    const { kind, size, body } = header(data, place);
    if (body + size > data.length) throw cutOff();
    packets.push({ kind, body: data.slice(body, body + size) });
    place = body + size;
  }
  return packets;
}

/** @param {Uint8Array} data @param {number} place */
function header(data, place) {
  const first = data[place];
  if (!(first & 0x80)) throw new InvalidRequest(`something that is no packet stands at byte ${place}`);
  if (first & 0x40) return { kind: first & 0x3f, ...newLength(data, place + 1) };
  const octets = [1, 2, 4, 0][first & 3];
  if (!octets) throw noLength();
  return { kind: (first >> 2) & 0x0f, size: number(data, place + 1, octets), body: place + 1 + octets };
}

/** @param {Uint8Array} data @param {number} place */
function newLength(data, place) {
  const first = number(data, place, 1);
  if (first < 192) return { size: first, body: place + 1 };
  if (first < 224) return { size: ((first - 192) << 8) + number(data, place + 1, 1) + 192, body: place + 2 };
  if (first < 255) throw noLength();
  return { size: number(data, place + 1, 4), body: place + 5 };
}

/** @param {Uint8Array} data @param {number} place @param {number} octets */
function number(data, place, octets) {
  if (place + octets > data.length) throw cutOff();
  return data.slice(place, place + octets).reduce((value, octet) => value * 256 + octet, 0);
}

function cutOff() {
  return new InvalidRequest("it ends within a packet");
}

function noLength() {
  return new InvalidRequest("it has a packet of partial or unknown length, as only messages may have");
}

/** @param {Uint8Array} data */
function unarmoured(data) {
  if (!data.length) throw new InvalidRequest("there is nothing in it");
  // Every packet's first bit is set, and no character of armour has it.
  if (data[0] & 0x80) return data;
  const lines = new TextDecoder("latin1")
    .decode(data)
    .trim()
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim());
  if (lines[0] !== BEGIN || lines.at(-1) !== END || !lines.includes("")) {
    throw new InvalidRequest("it is neither binary nor one armoured public key block");
  }
  const content = lines.slice(lines.indexOf("") + 1, -1);
  if (content.at(-1)?.startsWith("=")) content.pop(); // a checksum that protects against accidents only
  const binary = fromArmour(content.join(""));
  if (!binary.length) throw new InvalidRequest("there is nothing in it");
  return binary;
}

/** @param {string} content */
function fromArmour(content) {
  try {
    return fromBase64(content);
  } catch {
    throw new InvalidRequest("its armour is damaged: it is not base64");
  }
}
