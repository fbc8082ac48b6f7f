/**
 * An owner's own keys, from the address to the ratified epoch: look, choose, review, prove whose it is, publish.
 *
 * What was signed is kept before it is sent, and until a verified answer shows what became of it (owner/identity.js).
 */

import { NONCE_SIZE, newKeys } from "../owner/compose.js";
import { owns, prepareUpdate, sameKeys, sealedKeys, settled, withKeysOf } from "../owner/identity.js";
import { realmName } from "../owner/identity_file.js";
import { generate } from "../owner/signer.js";
import { announce, byId, focusOn, h, notice } from "./dom.js";
import { KeysEditor } from "./owner_keys.js";
import { Publishing } from "./owner_publish.js";
import { canSave, changes, keepKey, wholeUpdate } from "./owner_review.js";
import { keyPanel, notHere } from "./owner_signing_key.js";
import { nonceOf, proofIn, takeOutcome } from "./login.js";
import { errorCard } from "./result_card.js";
import { Refusal } from "./server.js";
import { alone } from "./store.js";

/** @typedef {import("../owner/identity.js").Identity} Identity */
/** @typedef {import("./directory.js").Answer} Answer */
/** @typedef {import("./directory.js").Directory} Directory */
/** @typedef {import("./store.js").Store} Store */

export class OwnerView {
  /** @param {Directory} directory @param {Store} store */
  constructor(directory, store) {
    this.directory = directory;
    this.store = store;
    this.stage = byId("owner-stage", HTMLElement);
    this.input = byId("owner-address", HTMLInputElement);
    byId("owner-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.begin(this.input.value);
    });
  }

  /** Go on where the page was left: after a login, or with a change on its way. */
  async resume() {
    /** @type {Identity[]} */
    const kept = (await this.store.all("identities")).filter(({ realm }) => realm === realmName(this.directory.realm));
    const outcome = takeOutcome();
    if (outcome) await this.#afterLogin(kept, outcome);
    else if (kept.length) this.input.value = kept[0].address;
    byId("owner-known", HTMLElement).replaceChildren(...kept.map(({ address }) => this.#shortcut(address)));
  }

  /** @param {string} address */
  #shortcut(address) {
    return h(
      "button",
      { type: "button", class: "quiet", onclick: () => void this.begin(address) },
      `${address}, whose signing key is here`,
    );
  }

  /** @param {Identity[]} kept @param {import("./login.js").Outcome} outcome */
  async #afterLogin(kept, outcome) {
    location.hash = "#mine";
    const identity = kept.find((each) => each.pending && nonceOf(each) === outcome.nonce);
    if (!identity) {
      const title = outcome.error ? new Refusal(401, outcome.error.code, outcome.error.message) : null;
      this.show(
        title
          ? errorCard(title)
          : notice(
              "warn",
              "That login was for something else",
              h("p", {}, "This browser has no change waiting for it. Nothing was published."),
            ),
      );
      return;
    }
    this.input.value = identity.address;
    const publishing = this.#publishing(identity);
    if (outcome.error) publishing.failed(new Refusal(401, outcome.error.code, outcome.error.message), true);
    else await publishing.send(proofIn(outcome));
  }

  /** @param {HTMLElement} element */
  show(element) {
    this.stage.replaceChildren(element);
    focusOn(this.stage);
  }

  /** Look at what the directory has for an address, and offer what can be done. @param {string} asked */
  async begin(asked) {
    this.input.value = asked;
    this.stage.replaceChildren(h("p", { class: "waiting" }, "Looking at what is there…"));
    try {
      const answer = await this.directory.lookup(asked);
      this.#offer(answer, await this.#settle(answer));
    } catch (error) {
      this.show(errorCard(error));
    }
  }

  /** @param {string} address */
  #name(address) {
    return `${realmName(this.directory.realm)} ${address}`;
  }

  /**
   * @param {Answer} answer
   * @returns {Promise<Identity | null>} what this browser has of the address, brought up to date
   */
  async #settle({ verified }) {
    const kept = await this.kept(verified.user_id);
    if (kept === null || verified.entry === null) return kept;
    const now = settled(kept, verified.entry);
    if (now !== kept) await this.keep(now);
    return now;
  }

  /** @param {string} address @returns {Promise<Identity | null>} */
  async kept(address) {
    return (await this.store.get("identities", this.#name(address))) ?? null;
  }

  /** @param {Identity} identity */
  async forget(identity) {
    await this.store.remove("identities", this.#name(identity.address));
  }

  /** Store it, before anything that names its keys is sent. @param {Identity} identity */
  async keep(identity) {
    const name = this.#name(identity.address);
    await alone(name, async () => {
      const stored = (await this.store.get("identities", name)) ?? null;
      await this.store.put("identities", name, withKeysOf(stored, identity));
    });
  }

  /** @param {Answer} answer @param {Identity | null} identity */
  #offer(answer, identity) {
    const { entry, profile, user_id } = answer.verified;
    if (entry !== null && !(identity && owns(identity, entry.update_policy))) return this.show(notHere(this, answer));
    const published = profile?.keys ?? new Map();
    const waiting = identity?.pending ? newKeys(identity.pending) : null;
    const editor = new KeysEditor(waiting ?? published);
    const review = h(
      "button",
      { type: "button", class: "primary", onclick: () => void this.#review(answer, identity, editor.keys) },
      "Review and publish",
    );
    editor.changed = () => (review.disabled = !this.#worthPublishing(entry !== null, published, editor.keys));
    editor.changed();
    const title =
      entry === null
        ? `${user_id} is not registered yet`
        : `${user_id} is registered, and its signing key is in this browser`;
    const words =
      entry === null
        ? "Add the public keys that others shall use, then review and publish them."
        : "This is what it publishes. Add, replace or remove keys, then review and publish.";
    const onItsWay =
      waiting &&
      !sameKeys(waiting, published) &&
      h("p", {}, "A change that you made here was not confirmed yet. It is shown below; publishing it again is safe.");
    this.show(
      h(
        "div",
        {},
        notice(entry === null ? "neutral" : "good", title, h("p", {}, words), onItsWay),
        editor.element,
        review,
        identity && keyPanel(this, identity),
      ),
    );
    announce(title);
  }

  /** @param {boolean} registered @param {Map<string, Uint8Array>} before @param {Map<string, Uint8Array>} after */
  #worthPublishing(registered, before, after) {
    return registered ? !sameKeys(before, after) : after.size > 0;
  }

  /** @param {Answer} answer @param {Identity | null} known @param {Map<string, Uint8Array>} keys */
  async #review(answer, known, keys) {
    try {
      const { verified, proof } = answer;
      const started = known ?? {
        address: verified.user_id,
        realm: realmName(this.directory.realm),
        keys: [await generate()],
        pending: null,
      };
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_SIZE));
      this.#showReview(answer, await prepareUpdate(started, verified, proof.entry, keys, nonce), keys);
    } catch (error) {
      this.show(errorCard(error));
    }
  }

  /**
   * @param {Answer} answer
   * @param {Identity} identity with the update on its way
   * @param {Map<string, Uint8Array>} keys
   */
  #showReview(answer, identity, keys) {
    const registering = answer.verified.entry === null;
    const asksToSave = registering && canSave(identity);
    /** @type {"saved" | "risk" | null} */
    let choice = null;
    const publish = h(
      "button",
      {
        type: "button",
        class: "primary",
        disabled: asksToSave,
        onclick: () => void this.#publishing(choice === "saved" ? sealedKeys(identity) : identity).start(),
      },
      registering ? "Register and publish" : "Publish the change",
    );
    const chosen = (/** @type {typeof choice} */ made) => {
      choice = made;
      publish.disabled = made === null;
    };
    const back = h(
      "button",
      { type: "button", class: "quiet", onclick: () => void this.begin(identity.address) },
      "Back",
    );
    this.show(
      h(
        "div",
        {},
        h("h2", {}, "This is what will be published"),
        h("p", {}, "For ", h("b", {}, identity.address), ", to everybody who asks for it:"),
        changes(answer.verified.profile?.keys ?? new Map(), keys),
        wholeUpdate(identity),
        asksToSave && keepKey(identity, this.store.lasting, chosen),
        h("div", { class: "actions" }, publish, back),
      ),
    );
    announce("This is what will be published");
  }

  /** @param {Identity} identity */
  #publishing(identity) {
    const publishing = new Publishing(this, identity);
    this.show(publishing.element);
    return publishing;
  }
}
