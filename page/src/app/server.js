/**
 * The server that the page came from: its JSON, with time limits, and its refusals as errors.
 */

import { ConameError, DecodeError, Misconfigured, ProofInvalid } from "../verify/errors.js";
import { fromJson, toJson } from "../verify/json.js";
import * as messages from "../verify/messages.js";

/** @typedef {import("../verify/types.d.ts").LookupProof} LookupProof */
/** @typedef {import("../verify/types.d.ts").LookupRequest} LookupRequest */
/** @typedef {import("../verify/types.d.ts").RealmConfig} RealmConfig */
/** @typedef {import("../verify/types.d.ts").UpdateRequest} UpdateRequest */

/** Seconds that a question may take; an update waits for its ratification, half a minute by the server's default. */
const LOOKUP_SECONDS = 15;
const UPDATE_SECONDS = 90;

/** Larger than any answer with a profile of the greatest size, with all signatures. */
const MAX_ANSWER = 4 << 20;

/** The server could not be reached, broke off, or did not answer in time. */
export class Unreachable extends ConameError {
  /** @param {string} message */
  constructor(message) {
    super(message, "unreachable");
  }
}

/** The server answered that it would not. */
export class Refusal extends ConameError {
  /** @param {number} status of HTTP @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message, code);
    this.status = status;
  }
}

/**
 * @typedef {object} Registration how an address of a domain is registered
 * @property {boolean} anybody no proof is asked for
 * @property {{kind: string, login?: string, issuer?: string}[]} proofs
 */

/** @returns {Promise<RealmConfig>} the realm, as this server describes itself */
export async function fetchRealm() {
  const config = fromJson(messages.Config, await ask("realm.json", null, LOOKUP_SECONDS));
  if (config.realms.length !== 1) throw new Misconfigured("the server does not say which realm it is");
  return config.realms[0];
}

/** @param {string} domain @returns {Promise<Registration>} a server that does not say decides when it is asked */
export async function fetchRegistration(domain) {
  try {
    return await ask(`registration?domain=${encodeURIComponent(domain)}`, null, LOOKUP_SECONDS);
  } catch (error) {
    if (error instanceof Refusal && error.code === "not_found") return { anybody: true, proofs: [] };
    throw error;
  }
}

/** @param {LookupRequest} request @returns {Promise<LookupProof>} not verified */
export async function lookup(request) {
  return proof(await ask("lookup", toJson(messages.LookupRequest, request), LOOKUP_SECONDS));
}

/** @param {UpdateRequest} request @returns {Promise<LookupProof>} once the update is ratified; not verified */
export async function update(request) {
  return proof(await ask("update", toJson(messages.UpdateRequest, request), UPDATE_SECONDS));
}

/** @param {unknown} answer @returns {LookupProof} */
function proof(answer) {
  try {
    return fromJson(messages.LookupProof, answer);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new ProofInvalid("form", `the answer is not a lookup proof: ${error.message}`);
  }
}

/** @param {string} path @param {object | null} body null: GET @param {number} seconds @returns {Promise<any>} */
async function ask(path, body, seconds) {
  const signal = AbortSignal.timeout(1000 * seconds);
  const options = {
    signal,
    credentials: /** @type {const} */ ("same-origin"),
    redirect: /** @type {const} */ ("error"),
  };
  const json = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let status, text;
  try {
    const response = await fetch(`/${path}`, body === null ? options : { ...options, ...json });
    [status, text] = [response.status, await response.text()];
  } catch {
    throw new Unreachable(signal.aborted ? `no answer within ${seconds} s` : "the connection failed");
  }
  return read(status, text);
}

/** @param {number} status @param {string} text */
function read(status, text) {
  if (text.length > MAX_ANSWER) throw new ProofInvalid("form", "the answer is larger than any proof");
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw status === 200
      ? new ProofInvalid("form", "the answer is not JSON")
      : new Refusal(status, "", `HTTP ${status}`);
  }
  if (status === 200) return answer;
  throw new Refusal(status, String(answer?.error?.code ?? ""), String(answer?.error?.message ?? `HTTP ${status}`));
}
