/**
 * Points of edwards25519 for the VRFs, as strict as libsodium is on the other side.
 *
 * A point is refused that is not encoded canonically (RFC 8032), is of small order, or lies outside the prime-order
 * group; and the scalar 0 multiplies nothing. Everything here is public: no secret passes through this file.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { littleEndian } from "./bytes.js";
import { ProofInvalid } from "./errors.js";

export const Point = ed25519.Point;
/** @typedef {InstanceType<typeof Point>} EdwardsPoint */

/** The order of the prime-order group. */
export const ORDER = Point.Fn.ORDER;

/** Bytes that are not a point, or not one that may be multiplied. */
export class PointError extends Error {}

/**
 * @param {Uint8Array} encoding
 * @returns {EdwardsPoint} a point of the prime-order group, not 0
 * @throws {PointError} it is none
 */
export function decodePoint(encoding) {
  let point;
  try {
    point = Point.fromBytes(encoding);
  } catch {
    throw new PointError("not a point on the curve");
  }
  if (point.is0() || !point.isTorsionFree()) throw new PointError("not a point of the prime-order group");
  return point;
}

/**
 * @param {bigint} scalar below the group's order
 * @param {EdwardsPoint} point
 * @returns {EdwardsPoint}
 * @throws {PointError} the scalar is 0
 */
export function multiply(scalar, point) {
  if (scalar === 0n) throw new PointError("0 times a point");
  return point.multiplyUnsafe(scalar);
}

/** @param {Uint8Array} wide @returns {bigint} the number that it is, modulo the group's order */
export function reduce(wide) {
  return littleEndian(wide) % ORDER;
}

/**
 * @param {string} what
 * @param {Uint8Array} value
 * @param {number} size
 * @throws {ProofInvalid} step "index": `value` does not have `size` bytes
 */
export function checkSize(what, value, size) {
  if (value.length !== size) throw new ProofInvalid("index", `${what} has ${value.length} bytes, not ${size}`);
}
