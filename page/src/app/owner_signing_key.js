/**
 * The signing key in this browser: what it means that it is here or not, saving a copy, bringing one in, removing it.
 */

import { sealedKeys, withKeysOf } from "../owner/identity.js";
import { newEntry } from "../owner/compose.js";
import { h, notice } from "./dom.js";
import { importForm } from "./owner_import.js";
import { canSave, saveCopy } from "./owner_review.js";
import { keyCards } from "./result_card.js";

/** @typedef {import("../owner/identity.js").Identity} Identity */
/** @typedef {import("./owner_view.js").OwnerView} OwnerView */

/**
 * What to do about an entry that this browser cannot change.
 * @param {OwnerView} view
 * @param {import("./directory.js").Answer} answer
 */
export function notHere(view, { verified }) {
  const form = importForm(view.directory.realm, async (identity) => {
    await view.keep(merged(await view.kept(identity.address), identity));
    await view.begin(identity.address);
  });
  const words = [
    "Its entry can be changed with its signing key only. Bring that into this browser from the copy " +
      "that you saved, or from ",
    "the file of the command line. Without it, nobody can change the entry, not even those who run the directory.",
  ];
  const title = `${verified.user_id} is registered, but its signing key is not in this browser`;
  const keys = keyCards(verified.profile?.keys ?? new Map());
  return h("div", {}, notice("warn", title, h("p", {}, ...words)), form, h("h2", {}, "What it publishes"), keys);
}

/**
 * Nothing that may still be needed is lost by bringing a key in.
 * @param {Identity | null} known
 * @param {Identity} brought
 */
function merged(known, brought) {
  if (known === null) return brought;
  const newest = [known.pending, brought.pending].filter((each) => each !== null);
  newest.sort((one, other) => (newEntry(one).version < newEntry(other).version ? 1 : -1));
  return { ...withKeysOf(known, brought), pending: newest[0] ?? null };
}

/** @param {OwnerView} view @param {Identity} identity */
export function keyPanel(view, identity) {
  const words = canSave(identity)
    ? "It is in this browser only, as far as this page knows. If this browser's data is cleared before you save " +
      "a copy, the entry can never be changed again."
    : "This browser can sign with it, and cannot read it out. You have a copy, or had one.";
  const save = () => {
    saveCopy(identity);
    view.show(confirmSaved(view, identity));
  };
  const actions = [
    canSave(identity) && h("button", { type: "button", onclick: save }, "Save a copy"),
    h(
      "button",
      { type: "button", class: "quiet danger", onclick: () => void remove(view, identity) },
      "Remove it from this browser",
    ),
  ];
  const title = h("summary", {}, "The signing key in this browser");
  return h("details", {}, title, h("p", {}, words), h("div", { class: "actions" }, ...actions));
}

/** @param {OwnerView} view @param {Identity} identity */
async function remove(view, identity) {
  const question = `Remove the signing key of ${identity.address} from this browser?`;
  if (!confirm(`${question} Without a saved copy, the entry can never be changed again.`)) return;
  await view.forget(identity);
  await view.begin(identity.address);
}

/** @param {OwnerView} view @param {Identity} identity */
function confirmSaved(view, identity) {
  const seal = async () => {
    await view.keep(sealedKeys(identity));
    await view.begin(identity.address);
  };
  const words = "Then this browser need not be able to read its own any more: it keeps one that it can only sign with.";
  const yes = h("button", { type: "button", onclick: seal }, "Yes, it is safe");
  const no = h(
    "button",
    { type: "button", class: "quiet", onclick: () => void view.begin(identity.address) },
    "Not yet",
  );
  return notice("neutral", "Is the copy in a safe place?", h("p", {}, words), h("div", { class: "actions" }, yes, no));
}
