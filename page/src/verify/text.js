/**
 * Words and bytes of strangers, as a sentence may hold them: quoted, and not longer than a reader can use.
 */

import { hex } from "./bytes.js";

const CHARACTERS = 100;
const BYTES = 64;

/** @param {string} text @returns {string} in quotes, in one line; cut with an ellipsis where it is long */
export function quoted(text) {
  const shown = JSON.stringify(text.slice(0, CHARACTERS)).replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, escaped);
  return text.length <= CHARACTERS ? shown : `${shown}… (${text.length} characters)`;
}

/** @param {string} character */
function escaped(character) {
  return `\\u{${/** @type {number} */ (character.codePointAt(0)).toString(16)}}`;
}

/** @param {Uint8Array} data @returns {string} in hexadecimal; cut with an ellipsis where it is long */
export function hexed(data) {
  if (!data.length) return "nothing";
  return data.length <= BYTES ? hex(data) : `${hex(data.slice(0, BYTES))}… (${data.length} bytes)`;
}
