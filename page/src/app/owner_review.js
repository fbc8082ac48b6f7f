/** What is about to be published, to the byte; and the signing key, whose loss is explained before it can happen. */

import { newEntry, newEntryBytes } from "../owner/compose.js";
import { write } from "../owner/identity_file.js";
import { exportable } from "../owner/signer.js";
import { equal } from "../verify/bytes.js";
import { describe } from "../keys/kinds.js";
import { download, factList, h, notice } from "./dom.js";
import { bytesOf } from "./result_card.js";

/** @typedef {import("../owner/identity.js").Identity} Identity */

/**
 * @param {Map<string, Uint8Array>} before @param {Map<string, Uint8Array>} after
 * @returns {HTMLElement} what changes for those who look the address up
 */
export function changes(before, after) {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const rows = names.map((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    if (now === undefined) return changed("bad", "withdrawn", name, /** @type {Uint8Array} */ (old));
    if (old === undefined) return changed("good", "added", name, now);
    return equal(old, now) ? changed("neutral", "stays", name, now) : changed("warn", "replaced", name, now, old);
  });
  return rows.length
    ? h("ul", { class: "changes" }, ...rows)
    : h("p", {}, "No key at all: the address is registered, and publishes nothing.");
}

/**
 * @param {string} kind
 * @param {string} word
 * @param {string} name
 * @param {Uint8Array} value
 * @param {Uint8Array} [old]
 */
function changed(kind, word, name, value, old) {
  const { title } = describe(name, value);
  const before = old && h("div", { class: "dim" }, "before: ", brief(name, old));
  const after = h("div", {}, h("b", {}, `${title} `), h("code", { class: "name" }, name), brief(name, value), before);
  return h("li", {}, h("span", { class: `tag ${kind}` }, word), after);
}

/** What tells a key from another. @param {string} name @param {Uint8Array} value */
function brief(name, value) {
  const lines = describe(name, value).facts.map(([label, fact]) => (name === "ssh" ? `${label} ${fact}` : fact));
  return h("div", { class: "mono" }, (name === "pgp" ? lines.slice(0, 1) : lines).join("\n"));
}

/** @param {Identity} identity with the update on its way @returns {HTMLElement} the whole of what is signed and sent */
export function wholeUpdate(identity) {
  const request = /** @type {import("../verify/types.d.ts").UpdateRequest} */ (identity.pending);
  const entry = newEntry(request);
  const ids = [...(entry.update_policy?.public_keys.keys() ?? [])].join(", ");
  return h(
    "details",
    {},
    h("summary", {}, "Everything that is sent, to the byte"),
    factList([
      ["Version of the entry", String(entry.version)],
      ["Whose signature changes need", `key ${ids}`],
      ["Where it stands in the directory", bytesOf(entry.index)],
      ["Commitment to the keys", bytesOf(entry.profile_commitment)],
      ["Signed entry", bytesOf(newEntryBytes(request))],
      ["Profile: your keys, and a random number", bytesOf(request.profile)],
    ]),
    h(
      "p",
      { class: "hint" },
      "The signed entry goes into a public log, which holds neither your address nor your keys. The " +
        "profile is given to whoever asks for your address.",
    ),
  );
}

/**
 * The signing key: what it is, what its loss means, and a copy of it.
 *
 * @param {Identity} identity
 * @param {boolean} lasting whether this browser keeps anything
 * @param {(choice: "saved" | "risk" | null) => void} chosen
 */
export function keepKey(identity, lasting, chosen) {
  const saved = h("input", {
    type: "radio",
    name: "keep",
    id: "keep-saved",
    disabled: true,
    onchange: () => chosen("saved"),
  });
  const risk = h("input", {
    type: "radio",
    name: "keep",
    id: "keep-risk",
    disabled: !lasting,
    onchange: () => chosen("risk"),
  });
  const save = () => {
    saveCopy(identity);
    saved.disabled = false;
    saved.focus();
  };
  const words = h(
    "p",
    {},
    "A signing key was made in this browser. Only with it can your entry ever be changed again. It is" +
      " not sent to anybody, so nobody can give it back to you: ",
    h("b", {}, "if it is lost, your entry stays as it is for ever"),
    ", and people go on using the keys in it. It is lost when this browser's data is cleared, or with this device.",
  );
  const browser = lasting
    ? null
    : notice(
        "warn",
        "This browser keeps nothing for this site",
        h(
          "p",
          {},
          "It is a private window, or storage is switched off. When this tab is closed, the copy that you " +
            "save is the only one.",
        ),
      );
  return h(
    "fieldset",
    { class: "keep" },
    h("legend", {}, "Your signing key"),
    words,
    browser,
    h("button", { type: "button", onclick: save }, "Save a copy of the signing key"),
    h(
      "p",
      { class: "hint" },
      "A file that whoever has it can change your entry with: keep it where you keep other secrets, for" +
        " example in a password manager. The command line takes it too.",
    ),
    h(
      "div",
      { class: "choice" },
      saved,
      h(
        "label",
        { for: "keep-saved" },
        "I have the copy in a safe place. (This browser then forgets how to read its own; it can only sign with it.)",
      ),
    ),
    h(
      "div",
      { class: "choice" },
      risk,
      h(
        "label",
        { for: "keep-risk" },
        "Go on without a copy. I know that I may lose my entry; I can save one later in this browser.",
      ),
    ),
  );
}

/** @param {Identity} identity whose keys can be read out */
export function saveCopy(identity) {
  const seeds = identity.keys.flatMap(({ seed }) => seed ?? []);
  const { address, realm, pending } = identity;
  download(
    `coname-signing-key-${address.replace(/[^A-Za-z0-9@.-]/g, "_")}.json`,
    write({ address, realm, seeds, pending }),
    "application/json",
  );
}

/** @param {Identity} identity @returns {boolean} whether a copy can be saved */
export function canSave(identity) {
  return identity.keys.some(exportable);
}
