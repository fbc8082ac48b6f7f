/**
 * Addresses in canonical form, so that one person has one entry: lower case, Unicode normalisation form C, split at the
 * last `@`, the domain in A-labels (`xn--…`) without a dot at its end, and nothing in it that does not show.
 *
 * Domains outside ASCII go through the platform's own URL parser, which maps them by UTS 46 and does not check all of
 * IDNA 2008 as the servers do: it may give a name to what they refuse. No realm has such a domain.
 */

import { InvalidRequest } from "./errors.js";
import { quoted } from "./text.js";

const MAX_DOMAIN = 253;
const LABEL = /^(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const ENCODED_LABEL = /^(?:xn--)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * @param {string} userId
 * @returns {[string, string]} the local part and the domain, split at the last `@`
 * @throws {InvalidRequest} there is no `@`, or nothing on one side of it
 */
export function split(userId) {
  const at = userId.lastIndexOf("@");
  if (at <= 0 || at === userId.length - 1) {
    throw new InvalidRequest(`${quoted(userId)} is not an address: local@domain is expected`);
  }
  return [userId.slice(0, at), userId.slice(at + 1)];
}

/**
 * @param {string} userId
 * @returns {string} its canonical form
 * @throws {InvalidRequest} it has none
 */
export function canonical(userId) {
  const [local, domain] = split(userId);
  return `${canonicalLocal(local)}@${canonicalDomain(domain)}`;
}

/**
 * @param {string} domain
 * @returns {string} its canonical form
 * @throws {InvalidRequest} it is not a domain name
 */
export function canonicalDomain(domain) {
  const name = domain.endsWith(".") ? domain.slice(0, -1) : domain;
  if (name.length > MAX_DOMAIN) {
    throw new InvalidRequest(`the domain has ${name.length} characters; a domain name has at most ${MAX_DOMAIN}`);
  }
  if (name.split(".").every((label) => LABEL.test(label))) return name;
  const mapped = toAscii(name);
  if (mapped === null || mapped.length > MAX_DOMAIN || !mapped.split(".").every(isEncodedLabel)) {
    throw new InvalidRequest(`${quoted(domain)} is not a domain name`);
  }
  return mapped;
}

/** @param {string} label */
function isEncodedLabel(label) {
  return label.length <= 63 && ENCODED_LABEL.test(label) && (LABEL.test(label) || label.startsWith("xn--"));
}

/** @param {string} name @returns {string | null} */
function toAscii(name) {
  if (/[\s/\\?#@:%[\]<>^|]/.test(name)) return null; // they would end the host in a URL, or be taken out of it
  try {
    // The last label keeps the parser from reading numbers as an IPv4 address.
    return new URL(`https://${name}.invalid/`).hostname.replace(/\.invalid$/, "");
  } catch {
    return null;
  }
}

/** @param {string} local */
function canonicalLocal(local) {
  const lowered = local.normalize("NFC").toLowerCase().normalize("NFC");
  const hidden = /[\p{C}\p{Z}]/u.exec(lowered);
  if (hidden) {
    const number = /** @type {number} */ (hidden[0].codePointAt(0)).toString(16).toUpperCase().padStart(4, "0");
    throw new InvalidRequest(`${quoted(local)} holds the character U+${number}, which does not show`);
  }
  return lowered;
}

/**
 * Whether `domain` is among `patterns`: `example.com` is itself, and `*.example.com` every domain below it. All are
 * brought into canonical form, where they have one.
 *
 * @param {string[]} patterns @param {string} domain @returns {boolean}
 */
export function among(patterns, domain) {
  try {
    const wanted = canonicalDomain(domain);
    return patterns.some((pattern) => matches(wanted, pattern));
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    return patterns.includes(domain);
  }
}

/** @param {string} domain in canonical form @param {string} pattern */
function matches(domain, pattern) {
  if (!pattern.startsWith("*.")) return canonicalDomain(pattern) === domain;
  const above = canonicalDomain(pattern.slice(2));
  if (!above.includes(".")) throw new InvalidRequest(`${quoted(pattern)} has everybody's domains`);
  return domain.endsWith(`.${above}`);
}
