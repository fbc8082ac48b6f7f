/** The keys that somebody wants to publish: a list to add to, by pasting or dropping, and to take from. */

import { NAME, guess, prepare } from "../keys/kinds.js";
import { InvalidRequest } from "../verify/errors.js";
import { utf8 } from "../verify/bytes.js";
import { announce, h, notice } from "./dom.js";
import { keyCard } from "./result_card.js";

/** The largest file that is read at all: a profile has 64 KiB by default, and the server says what it takes. */
const MAX_FILE = 256 * 1024;

const KINDS = [
  ["auto", "Find out by itself"],
  ["pgp", "OpenPGP certificate"],
  ["ssh", "SSH public key"],
  ["age", "age recipient"],
  ["other", "Something else"],
];

export class KeysEditor {
  /** Called when the list has changed. @type {() => void} */
  changed = () => {};

  /** @param {Map<string, Uint8Array>} keys what is published now, or was wanted before */
  constructor(keys) {
    this.keys = new Map(keys);
    this.list = h("ul", { class: "keys" });
    this.text = h("textarea", {
      id: "key-text",
      rows: 5,
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      "aria-describedby": "key-hint",
    });
    this.kind = h(
      "select",
      { id: "key-kind", onchange: () => this.#showName() },
      ...KINDS.map(([value, label]) => h("option", { value }, label)),
    );
    this.name = h("input", {
      id: "key-name",
      type: "text",
      autocapitalize: "off",
      autocomplete: "off",
      spellcheck: "false",
      maxlength: 40,
      "aria-describedby": "name-hint",
    });
    this.nameRow = h(
      "div",
      { class: "row", hidden: true },
      h("label", { for: "key-name" }, "Name for it"),
      this.name,
      h("p", { id: "name-hint", class: "hint" }, "Small letters, digits, dots and dashes: signal, wireguard, …"),
    );
    this.problem = h("div", { role: "alert" });
    this.element = h("div", {}, h("h2", {}, "Keys to publish"), this.list, this.#addForm());
    this.#draw();
  }

  #draw() {
    const items = [...this.keys].map(([name, value]) => h("li", {}, keyCard(name, value, this.#removeButton(name))));
    this.list.replaceChildren(...(items.length ? items : [h("li", { class: "dim" }, "None yet.")]));
    this.changed();
  }

  /** @param {string} name */
  #removeButton(name) {
    const remove = () => {
      this.keys.delete(name);
      this.#draw();
      announce(`${name} is taken off the list`);
      this.text.focus();
    };
    return h(
      "button",
      { type: "button", class: "quiet danger", "aria-label": `Remove the ${name} key`, onclick: remove },
      "Remove",
    );
  }

  #addForm() {
    const file = h("input", {
      id: "key-file",
      type: "file",
      class: "file",
      onchange: () => void this.#takeFile(file.files?.[0]),
    });
    const box = h(
      "fieldset",
      { class: "drop" },
      h("legend", {}, "Add or replace a key"),
      h("label", { for: "key-text" }, "Paste a public key, or drop its file here"),
      this.text,
      h(
        "p",
        { id: "key-hint", class: "hint" },
        "OpenPGP (armoured or binary), SSH (a line of a .pub file), age (age1…), or anything else.",
      ),
      h("div", { class: "row" }, h("label", { for: "key-file" }, "Or choose its file"), file),
      h("div", { class: "row" }, h("label", { for: "key-kind" }, "What it is"), this.kind),
      this.nameRow,
      this.problem,
      h("button", { type: "button", onclick: () => this.#takeText() }, "Add this key"),
    );
    this.#listenForFiles(box);
    return box;
  }

  /** @param {HTMLElement} box */
  #listenForFiles(box) {
    box.addEventListener("dragover", (event) => {
      event.preventDefault();
      box.classList.add("over");
    });
    box.addEventListener("dragleave", () => box.classList.remove("over"));
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      box.classList.remove("over");
      const [dropped] = event.dataTransfer?.files ?? [];
      if (dropped) void this.#takeFile(dropped);
      else this.text.value = event.dataTransfer?.getData("text/plain") ?? "";
    });
  }

  #takeText() {
    this.#add(utf8(this.text.value));
  }

  /** @param {File | undefined} file */
  async #takeFile(file) {
    if (!file) return;
    if (file.size > MAX_FILE) this.#say(`${file.name} is too large to be a key.`);
    else this.#add(new Uint8Array(await file.arrayBuffer()));
  }

  /** @param {Uint8Array} value */
  #add(value) {
    try {
      const name = this.#nameFor(value);
      const replaced = this.keys.has(name);
      this.keys.set(name, prepare(name, value));
      this.#clear();
      this.#draw();
      announce(replaced ? `${name} is replaced on the list` : `${name} is on the list`);
    } catch (error) {
      if (!(error instanceof InvalidRequest)) throw error;
      this.#say(error.message);
    }
  }

  /** @param {Uint8Array} value @returns {string} */
  #nameFor(value) {
    const kind = this.kind.value === "auto" ? guess(value) : this.kind.value;
    if (kind !== "other") return kind;
    prepare("other", value); // a secret is named as such before its name is asked for
    this.kind.value = "other";
    this.#showName();
    const name = this.name.value.trim().toLowerCase();
    if (!name) throw new InvalidRequest("Give it a name, so that others know what it is for.");
    if (!NAME.test(name)) throw new InvalidRequest("A name has small letters, digits, dots and dashes only, up to 40.");
    return name;
  }

  #showName() {
    this.nameRow.hidden = this.kind.value !== "other";
  }

  #clear() {
    this.text.value = this.name.value = "";
    this.kind.value = "auto";
    this.#showName();
    this.problem.replaceChildren();
  }

  /** @param {string} text */
  #say(text) {
    this.problem.replaceChildren(notice("warn", text));
  }
}
