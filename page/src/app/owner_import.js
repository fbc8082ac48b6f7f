/** Bringing a signing key into this browser, from the copy that was saved or from the file of the command line. */

import { read, realmName } from "../owner/identity_file.js";
import { fromSeed, sealed } from "../owner/signer.js";
import { InvalidRequest } from "../verify/errors.js";
import { h, notice } from "./dom.js";
import { explain } from "./words.js";

/** @typedef {import("../owner/identity.js").Identity} Identity */
/** @typedef {import("../verify/types.d.ts").RealmConfig} RealmConfig */

/**
 * @param {RealmConfig} realm
 * @param {string} text of the file
 * @returns {Promise<Identity>}
 * @throws {import("../verify/errors.js").ConameError} it is no such file, or is of another realm
 */
export async function importIdentity(realm, text) {
  const saved = read(text);
  if (saved.realm !== realmName(realm)) {
    throw new InvalidRequest(`This key is for ${saved.address} in another directory (${saved.realm}).`);
  }
  const keys = await Promise.all(saved.seeds.map(fromSeed));
  return { address: saved.address, realm: saved.realm, keys: keys.map(sealed), pending: saved.pending };
}

/** @param {RealmConfig} realm @param {(identity: Identity) => void} done */
export function importForm(realm, done) {
  const problem = h("div", { role: "alert" });
  const take = async () => {
    try {
      const [chosen] = file.files ?? [];
      if (chosen) done(await importIdentity(realm, await chosen.text()));
    } catch (error) {
      const { title, text } = explain(error);
      problem.replaceChildren(notice("warn", title, h("p", {}, text)));
    }
  };
  const file = h("input", {
    id: "identity-file",
    type: "file",
    class: "file",
    accept: ".json,application/json",
    onchange: () => void take(),
  });
  return h(
    "div",
    { class: "row" },
    h("label", { for: "identity-file" }, "The copy of your signing key (a .json file)"),
    file,
    problem,
  );
}
