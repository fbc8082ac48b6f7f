/**
 * Bytes, and the texts that stand for them. Nothing here knows what the bytes mean.
 */

/** @param {Uint8Array} data @returns {string} */
export function hex(data) {
  let text = "";
  for (const byte of data) text += byte.toString(16).padStart(2, "0");
  return text;
}

/**
 * @param {string} text an even number of hexadecimal digits
 * @returns {Uint8Array}
 * @throws {RangeError} it is not
 */
export function fromHex(text) {
  if (text.length % 2 || /[^0-9a-fA-F]/.test(text)) throw new RangeError("not hexadecimal");
  return Uint8Array.from({ length: text.length / 2 }, (_, place) => parseInt(text.slice(2 * place, 2 * place + 2), 16));
}

/** @param {Uint8Array} data @returns {string} standard base64, with padding */
export function base64(data) {
  let text = "";
  for (const byte of data) text += String.fromCharCode(byte);
  return btoa(text);
}

/**
 * @param {string} text base64, standard or URL-safe, with or without padding
 * @returns {Uint8Array}
 * @throws {RangeError} it is not
 */
export function fromBase64(text) {
  const plain = text
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/]*$/.test(plain) || plain.length % 4 === 1) throw new RangeError("not base64");
  return Uint8Array.from(atob(plain), (character) => character.charCodeAt(0));
}

/** @param {...Uint8Array} parts @returns {Uint8Array} */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

/**
 * Whether two byte strings are the same. For public data: the time taken depends on it.
 *
 * @param {Uint8Array} one @param {Uint8Array} other @returns {boolean}
 */
export function equal(one, other) {
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @param {string} text @returns {Uint8Array} UTF-8 */
export function utf8(text) {
  return encoder.encode(text);
}

/**
 * @param {Uint8Array} data
 * @returns {string}
 * @throws {TypeError} it is not UTF-8
 */
export function fromUtf8(data) {
  return decoder.decode(data);
}

/** @param {Uint8Array} data @returns {bigint} the number that `data` is, the least significant byte first */
export function littleEndian(data) {
  let number = 0n;
  for (let place = data.length - 1; place >= 0; place--) number = (number << 8n) | BigInt(data[place]);
  return number;
}

/** @param {bigint} number @param {number} size @returns {Uint8Array} the least significant byte first */
export function toLittleEndian(number, size) {
  return Uint8Array.from({ length: size }, (_, place) => Number((number >> BigInt(8 * place)) & 255n));
}
