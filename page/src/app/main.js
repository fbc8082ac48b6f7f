/**
 * The page: three places, told apart by the address's fragment, and what each is made of.
 */

import { announce, byId, h } from "./dom.js";
import { Directory } from "./directory.js";
import { LookupView } from "./lookup_view.js";
import { Memory } from "./memory.js";
import { OwnerView } from "./owner_view.js";
import { errorCard } from "./result_card.js";
import { fetchRealm } from "./server.js";
import { openStore } from "./store.js";

const PLACES = ["lookup", "mine", "about"];

let shown = "";

/** Show the place that the address names; one that names none, like that of the skipping link, changes nothing. */
function show() {
  const named = location.hash.slice(1);
  const wanted = PLACES.includes(named) ? named : shown || PLACES[0];
  shown = wanted;
  for (const place of PLACES) {
    byId(place, HTMLElement).hidden = place !== wanted;
    const link = document.querySelector(`nav a[href="#${place}"]`);
    if (place === wanted) link?.setAttribute("aria-current", "page");
    else link?.removeAttribute("aria-current");
  }
  document.title = `${document.querySelector(`#${wanted} h1`)?.textContent} – key directory`;
}

/** @param {import("../verify/types.d.ts").RealmConfig} realm */
function introduce(realm) {
  const domains = realm.domains.length ? realm.domains.join(", ") : realm.RealmName;
  byId("realm", HTMLElement).replaceChildren(domains);
  for (const input of document.querySelectorAll("input[type=email]")) {
    if (realm.domains.length === 1 && !realm.domains[0].startsWith("*"))
      input.setAttribute("placeholder", `name@${realm.domains[0]}`);
  }
}

async function start() {
  show();
  addEventListener("hashchange", show);
  const store = await openStore();
  try {
    const realm = await fetchRealm();
    introduce(realm);
    const directory = new Directory(realm, new Memory(store));
    new LookupView(directory);
    const owner = new OwnerView(directory, store);
    document.querySelectorAll("form button[disabled]").forEach((button) => button.removeAttribute("disabled"));
    document.documentElement.dataset.ready = "yes";
    await owner.resume();
  } catch (error) {
    byId("trouble", HTMLElement).replaceChildren(
      errorCard(error),
      h("p", {}, h("a", { href: "/" }, "Load the page again")),
    );
    for (const form of document.querySelectorAll("form")) form.hidden = true;
    announce("The page could not start");
  }
}

void start();
