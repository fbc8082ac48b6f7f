/**
 * What went wrong, in plain words: what it means, and what to do about it.
 */

import { ConameError, InvalidRequest, ProofInvalid } from "../verify/errors.js";
import { Refusal, Unreachable } from "./server.js";

/** @typedef {{kind: "bad" | "warn", title: string, text: string, detail: string}} Explained */

/** What a failed step of a verification means. */
const STEPS = /** @type {Record<string, string>} */ ({
  form: "The server's answer is not a proof at all.",
  user: "The server answered for somebody else.",
  index: "The server did not prove that this is the one place where the address's entry can be.",
  ratification: "The signed state that the server showed is not one state of this directory.",
  freshness:
    "What the server showed is too old: it may hide what has changed since. If the clock of this " +
    "device is wrong, that looks the same.",
  signatures:
    "Not enough of those who must vouch for the directory have signed what the server showed. If its " +
    "servers have just been changed, loading this page again helps.",
  tree: "What the server showed does not stand in the directory that was signed.",
  entry: "The entry is not the one that stands in the signed directory.",
  profile: "The keys are not the ones that the entry's owner signed.",
  memory: "It contradicts what this browser has seen before: the server has shown different things at different times.",
});

/** By the code that the server refused with. */
const REFUSALS = /** @type {Record<string, [string, string]>} */ ({
  quorum_unmet: [
    "Not signed yet",
    "The directory's signers have not vouched for a recent state yet. Try again in a minute.",
  ],
  unavailable: ["Not ready", "The server, or a login service that it relies on, is not ready. Try again in a moment."],
  overloaded: ["Too busy", "The server has too much to do just now. Try again in a moment."],
  timed_out: [
    "Not confirmed in time",
    "The signers took too long. The change may still take effect; it is kept here, and sending it again is safe.",
  ],
  user_id_not_canonical: ["Written differently here", "The address has another form in this directory."],
  registration_expired: [
    "The login has expired",
    "It took too long. Log in again: the change is kept, and nothing is lost.",
  ],
  registration_needed: [
    "A login is needed",
    "This directory wants to see that the address is yours. Log in with your organisation.",
  ],
  registration_refused: ["The login was not accepted", "The server could not see that this address is yours."],
  registration_replayed: [
    "This login was used already",
    "Each login lets somebody in once. Log in again: the change is kept.",
  ],
  login_refused: ["The login was refused", "Your organisation's login page did not let you in, or you declined."],
  login_unknown: [
    "The login was lost",
    "It took too long, or began in another window. Log in again: the change is kept.",
  ],
  update_invalid: [
    "The change does not fit",
    "Somebody, perhaps you in another place, has changed the entry meanwhile. Look at what is there " +
      "now, and change that.",
  ],
  too_large: ["Too large", "There is more in it than this directory takes."],
});

/** @param {unknown} error @returns {Explained} */
export function explain(error) {
  if (error instanceof ProofInvalid) {
    const text = STEPS[error.step] ?? "The server's answer did not verify.";
    return {
      kind: "bad",
      title: "Refused: the proof does not verify",
      text,
      detail: `${error.step}: ${error.message}`,
    };
  }
  if (error instanceof InvalidRequest)
    return { kind: "warn", title: "That will not do", text: error.message, detail: "" };
  if (error instanceof Unreachable) {
    const text =
      "There is no connection to the server, or it does not answer. Nothing was shown, so nothing is " +
      "proved either way.";
    return { kind: "warn", title: "The server cannot be reached", text, detail: error.message };
  }
  if (error instanceof Refusal) return explainRefusal(error);
  if (error instanceof DOMException) {
    const text = "Its storage is full or blocked. Nothing was sent.";
    return { kind: "warn", title: "This browser could not keep it", text, detail: String(error) };
  }
  if (error instanceof ConameError)
    return { kind: "warn", title: "That did not work", text: sentence(error.message), detail: "" };
  return {
    kind: "warn",
    title: "Something is wrong with this page",
    text: "Load it again. If that does not help, tell whoever runs it.",
    detail: String(error),
  };
}

/** @param {Refusal} refusal @returns {Explained} */
function explainRefusal({ status, code, message }) {
  const [title, text] = REFUSALS[code] ?? [
    "The server refused",
    status >= 500 ? "The fault is on its side. Try again later." : "",
  ];
  return { kind: "warn", title, text, detail: sentence(message) };
}

/** @param {string} text */
function sentence(text) {
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}
