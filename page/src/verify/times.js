/**
 * Times and durations, exact, in integer nanoseconds (bigint); the ranges are those that protobuf documents.
 */

/** @typedef {import("./types.d.ts").Time} Time */

export const NANOSECONDS = 1_000_000_000n;

const [EARLIEST, LATEST] = [-62_135_596_800n, 253_402_300_799n];
const LONGEST = 315_576_000_000n;

/**
 * @param {Time | null} time since 1970 began; null is 0
 * @returns {bigint} nanoseconds
 * @throws {RangeError} it is not within the years 1 to 9999
 */
export function timestamp(time) {
  const { seconds, nanos } = time ?? { seconds: 0n, nanos: 0 };
  if (seconds < EARLIEST || seconds > LATEST || nanos < 0 || nanos >= 1e9) {
    throw new RangeError(`${seconds} s and ${nanos} ns are not a time within the years 1 to 9999`);
  }
  return seconds * NANOSECONDS + BigInt(nanos);
}

/**
 * @param {Time | null} time null is 0
 * @returns {bigint} nanoseconds
 * @throws {RangeError} it is no duration of at most 10,000 years
 */
export function duration(time) {
  const { seconds, nanos } = time ?? { seconds: 0n, nanos: 0 };
  const inRange = seconds >= -LONGEST && seconds <= LONGEST && Math.abs(nanos) < 1e9;
  if (!inRange || seconds * BigInt(nanos) < 0n) {
    throw new RangeError(`${seconds} s and ${nanos} ns are not a duration of at most 10,000 years`);
  }
  return seconds * NANOSECONDS + BigInt(nanos);
}

/** @param {bigint} nanoseconds @returns {Date} */
export function toDate(nanoseconds) {
  return new Date(Number(nanoseconds / 1_000_000n));
}
