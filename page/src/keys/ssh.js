/**
 * SSH public keys, in the form of authorized_keys and of .pub files: `type base64 comment`, one a line.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { base64, fromBase64, utf8 } from "../verify/bytes.js";
import { InvalidRequest } from "../verify/errors.js";

const TYPE = /^[a-z0-9][a-z0-9@.-]{3,63}$/;

/** @typedef {{type: string, fingerprint: string, comment: string}} SshKey */

/**
 * @param {string} text
 * @returns {SshKey[]} the keys in it, at least one
 * @throws {InvalidRequest} a line is none; says which, and why
 */
export function sshKeys(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const found = lines.flatMap((line, place) => (line && !line.startsWith("#") ? [sshKey(line, place + 1)] : []));
  if (!found.length) throw new InvalidRequest("there is no SSH key in it");
  return found;
}

/** @param {string} line @param {number} place @returns {SshKey} */
function sshKey(line, place) {
  const [, type, encoded, comment] = /^(\S+)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
  if (!encoded || !TYPE.test(type))
    throw new InvalidRequest(`line ${place} is no SSH public key: type and key are expected`);
  const blob = decoded(encoded, place);
  // The key begins with its type, after four bytes of length (RFC 4253, section 6.6).
  const name = utf8(type);
  const size = blob.length < 4 ? -1 : new DataView(blob.buffer, blob.byteOffset).getUint32(0);
  if (size !== name.length || !name.every((byte, at) => byte === blob[4 + at]) || blob.length <= 4 + size) {
    throw new InvalidRequest(`line ${place} says that it is of type ${type}, but its key is not, or is cut off`);
  }
  return { type, fingerprint: `SHA256:${base64(sha256(blob)).replace(/=+$/, "")}`, comment };
}

/** @param {string} encoded @param {number} place */
function decoded(encoded, place) {
  try {
    return fromBase64(encoded);
  } catch {
    throw new InvalidRequest(`line ${place} is damaged: its key is not base64`);
  }
}
