/**
 * The directory as the page uses it: nothing that the server says leaves this file unless it verified.
 */

import { among, canonical, split } from "../verify/addresses.js";
import { equal } from "../verify/bytes.js";
import { ConameError, InvalidRequest, ProofInvalid } from "../verify/errors.js";
import { verifyLookup } from "../verify/lookup.js";
import { lookupRequest } from "../owner/compose.js";
import { Refusal, lookup, update } from "./server.js";

/** @typedef {import("../verify/types.d.ts").LookupProof} LookupProof */
/** @typedef {import("../verify/types.d.ts").RealmConfig} RealmConfig */
/** @typedef {import("../verify/types.d.ts").UpdateRequest} UpdateRequest */
/** @typedef {import("../verify/types.d.ts").Verified} Verified */

/** @typedef {{asked: string, proof: LookupProof, verified: Verified}} Answer a verified one */

/** What an old epoch may be refused with: its signers were others, or it is not kept. */
const NOT_TO_BE_HAD = ["quorum_unmet", "epoch_unknown", "invalid_request", "unavailable"];

export class Directory {
  /** @param {RealmConfig} realm @param {import("./memory.js").Memory} memory */
  constructor(realm, memory) {
    this.realm = realm;
    this.memory = memory;
  }

  /**
   * @param {string} asked as the person wrote it
   * @returns {string} the address in canonical form
   * @throws {InvalidRequest} it is none, or not one of this directory
   */
  address(asked) {
    const address = canonical(asked.trim());
    const [, domain] = split(address);
    if (this.realm.domains.length && !among(this.realm.domains, domain)) {
      throw new InvalidRequest(`This directory has the addresses of ${this.realm.domains.join(", ")} only.`);
    }
    return address;
  }

  /** @param {string} asked @returns {Promise<Answer>} for the latest epoch */
  async lookup(asked) {
    const address = this.address(asked);
    const floor = await this.memory.newest(this.realm);
    return this.#accept(asked, address, await lookup(lookupRequest(this.realm, address)), floor);
  }

  /** @param {string} address @param {UpdateRequest} request @returns {Promise<Answer>} for the epoch that has it */
  async update(address, request) {
    const complete = { ...request, lookup_parameters: lookupRequest(this.realm, address) };
    const floor = await this.memory.newest(this.realm);
    return this.#accept(address, address, await update(complete), floor);
  }

  /**
   * @param {string} asked
   * @param {string} address
   * @param {LookupProof} proof
   * @param {bigint} floor
   * @returns {Promise<Answer>}
   */
  async #accept(asked, address, proof, floor) {
    const verified = verifyLookup(this.realm, address, proof, BigInt(Date.now()) * 1_000_000n);
    verified.steps.push(["memory", await this.memory.observe(this.realm, verified, proof, floor)]);
    return { asked, proof, verified };
  }

  /** @param {string} address @param {bigint} epoch @returns {Promise<Answer>} for that epoch, however old */
  async at(address, epoch) {
    const proof = await lookup(lookupRequest(this.realm, address, epoch));
    const verified = verifyLookup(this.realm, address, proof, null);
    if (verified.epoch !== epoch) throw new ProofInvalid("epoch", `asked for epoch ${epoch}, got ${verified.epoch}`);
    return { asked: address, proof, verified };
  }

  /**
   * Since when the entry in `answer` is in force: by looking for the epoch that had it first, each look verified.
   * Entries only move forward, which verifiers see to; so between two epochs with the same entry there is no other.
   *
   * @param {Answer} answer
   * @returns {Promise<{first: Answer, exact: boolean}>} exact: the epoch before had another entry, or none
   */
  async since({ proof, verified, asked }) {
    let first = { asked, proof, verified };
    let [without, withIt] = [0n, verified.epoch];
    while (withIt - without > 1n) {
      const middle = (without + withIt) / 2n;
      const found = await this.#past(verified.user_id, middle);
      if (found === null) return { first, exact: false };
      if (sameEntry(found.proof, proof)) [withIt, first] = [middle, found];
      else without = middle;
    }
    return { first, exact: true };
  }

  /** @param {string} address @param {bigint} epoch @returns {Promise<Answer | null>} */
  async #past(address, epoch) {
    try {
      return await this.at(address, epoch);
    } catch (error) {
      if (error instanceof Refusal && NOT_TO_BE_HAD.includes(error.code)) return null;
      if (error instanceof ProofInvalid && error.step === "signatures") return null; // its signers were others
      throw error instanceof ConameError ? error : new ConameError(String(error));
    }
  }
}

/** @param {LookupProof} one @param {LookupProof} other */
function sameEntry(one, other) {
  return one.entry !== null && other.entry !== null && equal(one.entry, other.entry);
}
