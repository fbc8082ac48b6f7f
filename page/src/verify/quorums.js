/**
 * Quorum expressions: which sets of signers are enough (protocol section 6).
 *
 * Expressions come from strangers, but are never nested deeper than wire.js and json.js read them, so that recursion is
 * bounded. A candidate that is listed twice counts twice.
 */

/** @typedef {import("./types.d.ts").QuorumExpr} QuorumExpr */

/** How many ids are named in a sentence: enough for any realm's policy; a stranger's may have thousands. */
const SHOWN = 20;

/** @typedef {{has(id: bigint): boolean}} Signers a Set, or a Map with them as its keys */

/**
 * @param {QuorumExpr} expr
 * @param {Signers} have
 * @returns {boolean} whether the signers `have` are enough for `expr`
 */
export function satisfied(expr, have) {
  const candidates = expr.candidates.filter((candidate) => have.has(candidate)).length;
  return candidates + expr.subexpressions.filter((inner) => satisfied(inner, have)).length >= expr.threshold;
}

/**
 * @param {QuorumExpr} expr
 * @returns {Set<bigint>} all ids that it mentions: nobody else's signature can matter to it
 */
export function signers(expr) {
  const found = new Set(expr.candidates);
  for (const inner of expr.subexpressions) for (const id of signers(inner)) found.add(id);
  return found;
}

/** @param {QuorumExpr} expr @returns {number} candidates and subexpressions, on all levels together */
function size(expr) {
  return expr.subexpressions.reduce((sum, inner) => sum + 1 + size(inner), expr.candidates.length);
}

/** @param {Iterable<bigint>} found @returns {string} ids for a sentence, in order, and not more than fit */
export function ids(found) {
  const all = [...found].sort((one, other) => (one < other ? -1 : 1));
  if (!all.length) return "none";
  const shown = all.slice(0, SHOWN).join(", ");
  return all.length <= SHOWN ? shown : `${shown} and ${all.length - SHOWN} more`;
}

/** @param {QuorumExpr} expr @returns {string} what it asks for, in words: `2 of (7, 8, 1 of (9, 10))` */
export function describe(expr) {
  if (size(expr) > SHOWN) return `${expr.threshold} of ${expr.candidates.length + expr.subexpressions.length}`;
  return `${expr.threshold} of (${[...expr.candidates, ...expr.subexpressions.map(describe)].join(", ")})`;
}
