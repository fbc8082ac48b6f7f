/**
 * The original implementation's inputs and outputs (see tests/vectors.py): in the folder that the environment variable
 * CONAME_VECTORS names, or beside the checkout.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "node:test";
import { fromHex } from "../src/verify/bytes.js";

const FOLDER = process.env.CONAME_VECTORS || fileURLToPath(new URL("../../../shared/vectors", import.meta.url));

/**
 * A test for each case of the vector file `name`, or one that says why there is none.
 *
 * @param {string} name
 * @param {(content: any) => any[]} pick
 * @param {(each: any) => string} title
 * @param {(each: any) => void} check
 */
export function vectors(name, pick, title, check) {
  const path = `${FOLDER}/${name}.json`;
  if (!existsSync(path)) {
    if (process.env.CI) throw new Error(`${path} is missing; set CONAME_VECTORS to the folder of the test vectors`);
    test(name, { skip: `no test vectors at ${path}; set CONAME_VECTORS to their folder` });
    return;
  }
  const cases = pick(JSON.parse(readFileSync(path, "utf8")));
  if (!cases.length) throw new Error(`${path} has no cases`);
  cases.forEach((each, place) => test(`${name} ${place} ${title(each)}`, () => check(each)));
}

/** @param {string | null} text @returns {any} */
export function bytes(text) {
  return text === null ? null : fromHex(text);
}
