/**
 * What this browser remembers of a realm and of the addresses asked for: by the rules of continuity.js, every verified
 * answer must fit it.
 */

import { describe, follow, settle, sighting } from "../verify/continuity.js";
import { realmName } from "../owner/identity_file.js";
import { alone } from "./store.js";

/** @typedef {import("../verify/types.d.ts").LookupProof} LookupProof */
/** @typedef {import("../verify/types.d.ts").RealmConfig} RealmConfig */
/** @typedef {import("../verify/types.d.ts").Verified} Verified */

export class Memory {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
  }

  /**
   * Check a verified answer for the latest epoch against what is remembered, and remember it.
   *
   * @param {RealmConfig} realm @param {Verified} verified @param {LookupProof} proof
   * @param {bigint} floor the newest epoch that was known when the question was sent
   * @returns {Promise<string>} a sentence on how the two fit
   * @throws {import("../verify/errors.js").ProofInvalid} step "memory": they do not
   */
  observe(realm, verified, proof, floor) {
    // One after the other: no tab overwrites what another has just learnt.
    return alone("memory", () => this.#observe(realm, verified, proof, floor));
  }

  /** @param {RealmConfig} realm @param {Verified} verified @param {LookupProof} proof @param {bigint} floor */
  async #observe(realm, verified, proof, floor) {
    const [realmKey, addressKey] = [realmName(realm), `${realmName(realm)} ${verified.user_id}`];
    const known = (await this.store.get("heads", realmKey)) ?? null;
    const span = (await this.store.get("sightings", addressKey)) ?? null;
    const newest = follow(known, verified.head, floor);
    const settled = settle(span, sighting(verified, proof));
    await this.store.put("heads", realmKey, newest);
    await this.store.put("sightings", addressKey, settled);
    return describe(known, verified.head);
  }

  /** @param {RealmConfig} realm @returns {Promise<bigint>} the newest epoch known; 0 for none */
  async newest(realm) {
    return (await this.store.get("heads", realmName(realm)))?.epoch ?? 0n;
  }
}
