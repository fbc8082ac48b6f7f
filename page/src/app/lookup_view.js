/** The form that looks an address up, and what comes of it. */

import { announce, byId, focusOn, h } from "./dom.js";
import { errorCard, resultCard } from "./result_card.js";
import { explain } from "./words.js";

/** @typedef {import("./directory.js").Directory} Directory */

export class LookupView {
  #asked = 0;

  /** @param {Directory} directory */
  constructor(directory) {
    this.directory = directory;
    this.form = byId("lookup-form", HTMLFormElement);
    this.input = byId("lookup-address", HTMLInputElement);
    this.outcome = byId("lookup-outcome", HTMLElement);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  async #submit() {
    const number = ++this.#asked; // an earlier question that is answered later is not shown
    const asked = this.input.value;
    this.outcome.setAttribute("aria-busy", "true");
    this.outcome.replaceChildren(h("p", { class: "waiting" }, "Asking, and checking the proof…"));
    const { card, words } = await this.#ask(asked);
    if (number !== this.#asked) return;
    this.outcome.removeAttribute("aria-busy");
    this.outcome.replaceChildren(card);
    announce(words);
    focusOn(this.outcome);
  }

  /** @param {string} asked */
  async #ask(asked) {
    try {
      const answer = await this.directory.lookup(asked);
      const state = answer.verified.entry ? "Proved: these are the keys" : "Proved: not registered";
      return { card: resultCard(this.directory, answer), words: state };
    } catch (error) {
      return { card: errorCard(error), words: explain(error).title };
    }
  }
}
