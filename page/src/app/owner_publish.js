/** Publishing a change: keeping it, proving whose the address is, sending it, and seeing it ratified. */

import { newEntry, newEntryBytes } from "../owner/compose.js";
import { settled } from "../owner/identity.js";
import { split } from "../verify/addresses.js";
import { equal } from "../verify/bytes.js";
import { ConameError, UpdateInvalid } from "../verify/errors.js";
import { announce, h, mark, notice } from "./dom.js";
import { goToLogin } from "./login.js";
import { errorCard, resultCard } from "./result_card.js";
import { Refusal, Unreachable, fetchRegistration } from "./server.js";
import { persist } from "./store.js";

/** @typedef {import("../owner/identity.js").Identity} Identity */
/** @typedef {import("../verify/types.d.ts").UpdateRequest} UpdateRequest */

/** After these, the change may be in force all the same. */
const MAYBE = ["timed_out", "unavailable", "overloaded", "internal"];
const LOGIN_AGAIN = [
  "registration_expired",
  "registration_needed",
  "registration_refused",
  "registration_replayed",
  "login_refused",
  "login_unknown",
];

/** How often, and after how many milliseconds, it is looked for then. */
const LOOKS = 20;
const PAUSE = 3000;

/** What each step is called, while it is being done and once it is. */
const STEPS = {
  signed: ["Signing in this browser", "Signed in this browser"],
  proved: ["Logging in with your organisation", "Logged in with your organisation"],
  ratified: [
    "Sent; waiting until the signers vouch for an epoch that has it",
    "Ratified: the signers vouch for an epoch that has it",
  ],
};

export class Publishing {
  /**
   * @param {import("./owner_view.js").OwnerView} view
   * @param {Identity} identity with the update on its way
   */
  constructor(view, identity) {
    this.view = view;
    this.identity = identity;
    this.steps = h("ol", { class: "progress", "aria-label": "How far it is" });
    this.outcome = h("div", {});
    this.element = h("div", {}, h("h2", {}, `Publishing for ${identity.address}`), this.steps, this.outcome);
    /** @type {(keyof typeof STEPS)[]} */
    this.plan = this.registering ? ["signed", "proved", "ratified"] : ["signed", "ratified"];
    this.now = 0;
    this.#progress("signed");
  }

  get pending() {
    return /** @type {UpdateRequest} */ (this.identity.pending);
  }

  get registering() {
    return newEntry(this.pending).version === 0n;
  }

  /** Show `step` as what is being done; all before it are done. @param {keyof typeof STEPS | "done"} step */
  #progress(step) {
    this.now = step === "done" ? this.plan.length : this.plan.indexOf(step);
    this.#draw(h("span", { class: "mark busy", "aria-hidden": "true" }));
    if (step !== "done") announce(`${STEPS[step][0]}…`);
  }

  /** @param {HTMLElement} sign beside the step that is being done, or failed */
  #draw(sign) {
    const items = this.plan.map((step, place) => {
      if (place < this.now) return h("li", {}, mark("good"), STEPS[step][1]);
      const current = place === this.now;
      return h("li", current ? { "aria-current": "step" } : {}, current ? sign : mark("neutral"), STEPS[step][0]);
    });
    this.steps.replaceChildren(...items);
  }

  /** Keep the change, find out which proof is asked for, and go for it. */
  async start() {
    try {
      this.outcome.replaceChildren();
      await this.view.keep(this.identity);
      await persist();
      if (!this.registering) return await this.send();
      this.#progress("proved");
      await this.#prove();
    } catch (error) {
      this.failed(error);
    }
  }

  async #prove() {
    const [, domain] = split(this.identity.address);
    const { anybody, proofs } = await fetchRegistration(domain);
    const logins = proofs.filter(({ login }) => login?.match(/^\/(?!\/)/));
    if (anybody) this.plan = this.plan.filter((step) => step !== "proved");
    if (anybody || (!logins.length && proofs.some(({ kind }) => kind === "client_certificate"))) return this.send();
    if (!logins.length) return this.#noLogin(proofs.map(({ kind }) => kind));
    if (!this.view.store.lasting) return this.#cannotKeep();
    if (logins.length === 1) return this.#leave(logins[0].login);
    const buttons = logins.map(({ login, issuer, kind }) =>
      h("button", { type: "button", onclick: () => this.#leave(login) }, issuer ?? kind),
    );
    this.outcome.replaceChildren(
      h("p", {}, "Where do you want to log in?"),
      h("div", { class: "actions" }, ...buttons),
    );
  }

  /** @param {string | undefined} login */
  #leave(login = "/oidc/login") {
    this.outcome.replaceChildren(h("p", { class: "waiting" }, "Going to your organisation's login page…"));
    goToLogin(login, this.identity);
  }

  /** @param {string[]} kinds of proofs */
  #noLogin(kinds) {
    const words = kinds.length
      ? `Addresses of this domain are proved in another way (${kinds.join(", ")}), which the command line` +
        ` does: coname register ${this.identity.address}`
      : "Nobody can register addresses of this domain here. Ask those who run the directory.";
    this.#draw(mark("bad"));
    this.outcome.replaceChildren(notice("warn", "There is no login for this domain", h("p", {}, words)));
  }

  #cannotKeep() {
    const words =
      "Logging in leaves this page, and this browser keeps nothing for it meanwhile: it is a private " +
      "window, or storage is switched off. Use an ordinary window, or the command line: coname " +
      "register.";
    this.#draw(mark("bad"));
    this.outcome.replaceChildren(notice("warn", "Logging in is not possible here", h("p", {}, words)));
  }

  /** @param {import("../verify/types.d.ts").EmailProof | null} [email_proof] what the login gave */
  async send(email_proof = null) {
    this.#progress("ratified");
    try {
      await this.#done(await this.view.directory.update(this.identity.address, { ...this.pending, email_proof }));
    } catch (error) {
      if (maybe(error)) await this.#lookForIt(error);
      else this.failed(error);
    }
  }

  /** The answer is lost or late: look whether the change is there. @param {unknown} reason */
  async #lookForIt(reason) {
    const words = h("p", { class: "waiting" }, "No confirmation yet; looking for it…");
    this.outcome.replaceChildren(words);
    for (let look = 0; look < LOOKS; look++) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      const answer = await this.view.directory.lookup(this.identity.address).catch(() => null);
      const version = answer?.verified.entry?.version ?? -1n;
      if (answer && version >= newEntry(this.pending).version) return this.#done(answer);
    }
    return this.failed(reason);
  }

  /** @param {import("./directory.js").Answer} answer */
  async #done(answer) {
    const { entry } = answer.verified;
    if (entry === null || entry.version < newEntry(this.pending).version) {
      throw new ConameError("the server took the change, and proves that it is not in force", "not_in_force");
    }
    const ours = answer.proof.entry !== null && equal(answer.proof.entry, newEntryBytes(this.pending));
    await this.view.keep(settled(this.identity, entry));
    if (!ours) return this.failed(new UpdateInvalid("another change came first; look at what is there now"));
    this.#progress("done");
    const title = `Published: epoch ${answer.verified.epoch} is ratified, and has it`;
    const again = h(
      "button",
      { type: "button", class: "quiet", onclick: () => void this.view.begin(this.identity.address) },
      "Change it again",
    );
    this.outcome.replaceChildren(
      notice("good", title, h("p", {}, "Everybody who looks the address up gets these keys from now on.")),
      resultCard(this.view.directory, answer),
      again,
    );
    announce(title);
  }

  /** @param {unknown} error @param {boolean} [login] whether it was the login that failed */
  failed(error, login = error instanceof Refusal && LOGIN_AGAIN.includes(error.code)) {
    if (login && this.plan.includes("proved")) this.now = this.plan.indexOf("proved");
    this.#draw(mark("bad"));
    const again = h(
      "button",
      { type: "button", onclick: () => void this.start() },
      login ? "Log in again" : "Try again",
    );
    const look = h(
      "button",
      { type: "button", class: "quiet", onclick: () => void this.view.begin(this.identity.address) },
      "See what is there now",
    );
    this.outcome.replaceChildren(errorCard(error), h("div", { class: "actions" }, again, look));
  }
}

/** @param {unknown} error */
function maybe(error) {
  return (
    error instanceof Unreachable || (error instanceof Refusal && (MAYBE.includes(error.code) || error.status >= 500))
  );
}
