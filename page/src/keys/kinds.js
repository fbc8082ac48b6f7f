/**
 * The kinds of keys that people publish, and what can be said of one: to whom it shows before it is published, and to
 * whoever looks it up. A profile is bytes under names; that `pgp` is an OpenPGP certificate is a custom that GnuPG and
 * mail programs follow.
 */

import { fromUtf8, hex } from "../verify/bytes.js";
import { InvalidRequest } from "../verify/errors.js";
import { ageRecipients } from "./age.js";
import { certificate } from "./openpgp.js";
import { sshKeys } from "./ssh.js";

/**
 * @typedef {object} Described
 * @property {string} title what kind of key it is
 * @property {[string, string][]} facts what identifies it: name and value
 * @property {string | null} text the value, where it is text
 * @property {string | null} problem what is wrong with it, where it is not what its name says
 */

/** What each name is called. */
const TITLES = /** @type {Record<string, string>} */ ({
  pgp: "OpenPGP certificate",
  ssh: "SSH keys",
  age: "age recipients",
});

/** Names for keys of other kinds: what a command line takes without quotes. */
export const NAME = /^[a-z0-9][a-z0-9._-]{0,39}$/;

const SECRETS = ["PRIVATE KEY", "AGE-SECRET-KEY-", "AGE-PLUGIN-", "PuTTY-User-Key-File"];

/**
 * What a published key is. Never throws: it may be a stranger's.
 *
 * @param {string} name @param {Uint8Array} value @returns {Described}
 */
export function describe(name, value) {
  const text = asText(value);
  const title = TITLES[name] ?? "Other key";
  try {
    return { title, facts: facts(name, value, text), text, problem: null };
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    return { title, facts: raw(value, text), text, problem: `This is not what its name says: ${error.message}.` };
  }
}

/** @param {string} name @param {Uint8Array} value @param {string | null} text @returns {[string, string][]} */
function facts(name, value, text) {
  if (name === "pgp") return openpgpFacts(value);
  if (name === "ssh")
    return sshKeys(text ?? "").map(({ type, fingerprint, comment }) => [type, `${fingerprint} ${comment}`.trim()]);
  if (name === "age") return ageRecipients(text ?? "").map((each) => ["Recipient", each]);
  return raw(value, text);
}

/** @param {Uint8Array} value @returns {[string, string][]} */
function openpgpFacts(value) {
  const found = certificate(value);
  const count = found.subkeys === 1 ? "1 subkey" : `${found.subkeys} subkeys`;
  return [
    ["Fingerprint", /** @type {RegExpMatchArray} */ (found.fingerprint.match(/.{4}/g)).join(" ")],
    ["Key", `${found.algorithm}, version ${found.version}, ${count}, made ${found.created.toISOString().slice(0, 10)}`],
    ...found.userIds.map((each) => /** @type {[string, string]} */ (["User id", each])),
  ];
}

/** @param {Uint8Array} value @param {string | null} text @returns {[string, string][]} */
function raw(value, text) {
  const shown = text ?? (value.length > 64 ? `${hex(value.slice(0, 64))}…` : hex(value));
  return [[`${value.length} bytes, as ${text === null ? "hexadecimal" : "text"}`, shown]];
}

/** @param {Uint8Array} value @returns {string | null} null if it is not text that one can read */
function asText(value) {
  try {
    const text = fromUtf8(value);
    return /[^\P{C}\n\r\t]/u.test(text) ? null : text;
  } catch {
    return null;
  }
}

/**
 * The name under which something pasted or dropped is customarily published.
 *
 * @param {Uint8Array} value @returns {"pgp" | "ssh" | "age" | "other"}
 */
export function guess(value) {
  const text = (asText(value) ?? "").trim();
  if (value[0] & 0x80 || text.startsWith("-----BEGIN PGP ")) return "pgp";
  if (/^(#.*\n)*age1/.test(text)) return "age";
  if (/^(#.*\n)*(ssh-|ecdsa-|sk-)[a-z0-9@.-]+\s/.test(text)) return "ssh";
  return "other";
}

/**
 * What is to be published of something pasted or dropped: OpenPGP without armour, text without spaces around it.
 *
 * @param {string} name @param {Uint8Array} value @returns {Uint8Array}
 * @throws {InvalidRequest} it is a secret, or not what its name says; the message is a whole sentence
 */
export function prepare(name, value) {
  const text = asText(value);
  if (!value.length || text?.trim() === "") throw new InvalidRequest("There is nothing in it.");
  if (SECRETS.some((mark) => text?.includes(mark))) {
    throw new InvalidRequest("This is a SECRET key, which must never be published. Paste the public one.");
  }
  try {
    if (name === "pgp") return certificate(value).binary;
    if (name === "ssh" || name === "age") facts(name, value, text);
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    throw new InvalidRequest(`This cannot be published as ${TITLES[name]}: ${error.message}.`);
  }
  return text === null ? value : new TextEncoder().encode(text.trim() + (name === "ssh" || name === "age" ? "\n" : ""));
}
