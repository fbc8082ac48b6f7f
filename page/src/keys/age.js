/**
 * Recipients of age: `age1…`, in Bech32 (BIP 173, without its bound on the length), one a line.
 */

import { InvalidRequest } from "../verify/errors.js";

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** Characters after `age1` of an X25519 recipient: 32 bytes in groups of five bits, and six of checksum. */
const NATIVE = 58;

/**
 * @param {string} text
 * @returns {string[]} the recipients in it, at least one
 * @throws {InvalidRequest} a line is none; says which, and why
 */
export function ageRecipients(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const found = lines.flatMap((line, place) => (line && !line.startsWith("#") ? [recipient(line, place + 1)] : []));
  if (!found.length) throw new InvalidRequest("there is no age recipient in it");
  return found;
}

/** @param {string} line @param {number} place */
function recipient(line, place) {
  const separator = line.lastIndexOf("1");
  const [prefix, data] = [line.slice(0, separator), line.slice(separator + 1)];
  if (!/^age(1[a-z0-9-]+)?$/.test(prefix))
    throw new InvalidRequest(`line ${place} is no age recipient: age1… is expected`);
  const values = [...data].map((character) => ALPHABET.indexOf(character));
  if (values.includes(-1) || checksum(prefix, values) !== 1 || (prefix === "age" && data.length !== NATIVE)) {
    throw new InvalidRequest(`line ${place} is a damaged age recipient: a character is wrong or missing`);
  }
  return line;
}

/** @param {string} prefix @param {number[]} values */
function checksum(prefix, values) {
  const codes = [...prefix].map((character) => character.charCodeAt(0));
  const all = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...values];
  return all.reduce((state, value) => {
    const mixed = ((state & 0x1ffffff) << 5) ^ value;
    return GENERATOR.reduce((sum, term, place) => (((state >> 25) >> place) & 1 ? sum ^ term : sum), mixed);
  }, 1);
}
