/**
 * A verified answer, shown: the keys, since when, who vouches, and what was checked. And an error, shown.
 */

import { describe } from "../keys/kinds.js";
import { hex } from "../verify/bytes.js";
import { copyButton, download, factList, h, mark, notice } from "./dom.js";
import { counted, time } from "./format.js";
import { explain } from "./words.js";

/** @typedef {import("./directory.js").Answer} Answer */
/** @typedef {import("./directory.js").Directory} Directory */

/** @param {Directory} directory @param {Answer} answer @returns {HTMLElement} */
export function resultCard(directory, answer) {
  const { verified } = answer;
  const present = verified.entry !== null;
  const title = present ? "Proved: these are the keys in the directory" : "Proved: this address is not registered";
  return h(
    "article",
    { class: "result", "aria-labelledby": "result-title" },
    h("h2", { id: "result-title", class: "address" }, verified.user_id),
    verified.vrf_trustworthy ? notice(present ? "good" : "neutral", title) : notice("warn", title, untrustworthy()),
    present ? keyCards(verified.profile?.keys ?? new Map()) : null,
    factList([
      ["As of", h("span", {}, `epoch ${verified.epoch}, closed `, time(verified.head.issue_time_ns))],
      ...(present ? [since(directory, answer)] : []),
      ["Who vouches", vouchers(directory, answer)],
    ]),
    steps(answer),
    h(
      "p",
      { class: "hint" },
      "Checked here, by this page's own code. ",
      h("a", { href: "#about" }, "What that proves, and what not"),
    ),
  );
}

function untrustworthy() {
  const text =
    "This realm uses the index function of 2017, which is broken: its provider could prove different " +
    "entries for this address to different people.";
  return h("p", {}, text);
}

/** @param {Map<string, Uint8Array>} keys @returns {HTMLElement} */
export function keyCards(keys) {
  if (!keys.size) return h("p", {}, "It is registered, and publishes no key.");
  return h("ul", { class: "keys" }, ...[...keys].map(([name, value]) => h("li", {}, keyCard(name, value))));
}

/** @param {string} name @param {Uint8Array} value @param {...HTMLElement} more */
export function keyCard(name, value, ...more) {
  const { title, facts, text, problem } = describe(name, value);
  const suffix = name === "pgp" ? ".pgp" : text === null ? ".bin" : ".txt";
  const file = `${name.replace(/[^A-Za-z0-9._-]/g, "_").slice(0, 40) || "key"}${suffix}`;
  return h(
    "div",
    { class: "key" },
    h("h3", {}, title, " ", h("code", { class: "name" }, name)),
    problem && h("p", { class: "problem" }, problem),
    factList(facts.map(([label, fact]) => [label, h("span", { class: "mono" }, fact)])),
    h(
      "div",
      { class: "actions" },
      text !== null && copyButton(text, `the ${name} key`),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": `Download the ${name} key`,
          onclick: () => download(file, /** @type {any} */ (value), "application/octet-stream"),
        },
        "Download",
      ),
      ...more,
    ),
  );
}

/** Found out after the rest is shown: it takes a question for each halving of the directory's history. */
/** @param {Directory} directory @param {Answer} answer @returns {[string, HTMLElement]} */
function since(directory, answer) {
  const place = h("span", { class: "since" }, "looking…");
  const version = h("span", {}, `, version ${answer.verified.entry?.version} of the entry`);
  directory.since(answer).then(
    ({ first: { verified }, exact }) =>
      place.replaceChildren(
        `${exact ? "" : "at least since "}epoch ${verified.epoch}, `,
        time(verified.head.issue_time_ns),
        version,
      ),
    (error) => place.replaceChildren(`could not be found out: ${explain(error).title}`),
  );
  return ["In force since", place];
}

/** @param {Directory} directory @param {Answer} answer */
function vouchers({ realm }, { verified }) {
  const signers = [...verified.signers].map(([id, at]) => {
    const name = realm.signer_names.get(id) ?? "signer";
    return h("li", { title: `key id ${id}` }, name, h("span", { class: "dim" }, " signed ", time(at)));
  });
  const replicas = realm.keyserver_auth?.public_keys;
  const alone = replicas && [...verified.signers.keys()].every((id) => replicas.has(id));
  const words = "Only the directory's own servers: no independent verifier has to sign here.";
  return h("div", {}, h("ul", { class: "signers" }, ...signers), alone ? h("p", { class: "hint" }, words) : null);
}

/** @param {Answer} answer */
function steps({ verified }) {
  const rows = verified.steps.map(([name, sentence]) =>
    h("li", {}, mark("good"), h("div", {}, h("b", {}, name), " ", sentence)),
  );
  return h(
    "details",
    {},
    h("summary", {}, `What was checked: ${counted(rows.length, "step")}, all passed`),
    h("ol", { class: "steps" }, ...rows),
  );
}

/** @param {unknown} error @returns {HTMLElement} */
export function errorCard(error) {
  const { kind, title, text, detail } = explain(error);
  const refused =
    kind === "bad"
      ? h("p", {}, h("b", {}, "Do not use any key that was shown to you for this address. "), text)
      : h("p", {}, text);
  const more = detail && h("details", {}, h("summary", {}, "Details"), h("p", { class: "mono" }, detail));
  return h("div", { class: "result", role: "alert" }, notice(kind, title, text && refused, more || null));
}

/** @param {Uint8Array} data */
export function bytesOf(data) {
  return h("span", { class: "mono" }, hex(data));
}
