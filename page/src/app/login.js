/**
 * Logging in with an organisation: away to its login page, and back. The login is bound to the entry by its nonce, so
 * that it registers this entry and no other; the entry is kept in this browser meanwhile.
 */

import { loginNonce, newEntryBytes } from "../owner/compose.js";
import { split } from "../verify/addresses.js";

/** @typedef {import("../owner/identity.js").Identity} Identity */
/**
 * @typedef {{nonce: string, domain: string, id_token?: string, saml_response?: string, error?: {code: string,
 * message: string}}} Outcome
 */
/** @typedef {import("../verify/types.d.ts").EmailProof} EmailProof */

const ITEM = "coname.oidc";

/** @param {Identity} identity with the registration on its way @returns {string} what its login is bound by */
export function nonceOf(identity) {
  return identity.pending ? loginNonce(newEntryBytes(identity.pending)) : "";
}

/** Leave the page. @param {string} login the path that begins it @param {Identity} identity */
export function goToLogin(login, identity) {
  const [, domain] = split(identity.address);
  const question = new URLSearchParams({ domain, nonce: nonceOf(identity), login_hint: identity.address });
  location.assign(`${login}?${question}`);
}

/** @param {Outcome} outcome @returns {EmailProof} what it proves whose the address is with */
export function proofIn({ id_token, saml_response }) {
  return { dkim_proof: null, oidc_token: id_token ?? null, saml_response: saml_response ?? null };
}

/** @returns {Outcome | null} what became of a login, if the page was just come back to; it is told once */
export function takeOutcome() {
  try {
    const text = sessionStorage.getItem(ITEM);
    sessionStorage.removeItem(ITEM);
    const outcome = text && JSON.parse(text);
    return outcome && typeof outcome.nonce === "string" ? outcome : null;
  } catch {
    return null;
  }
}
