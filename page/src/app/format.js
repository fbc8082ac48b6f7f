/** Times and sizes, for people. */

import { toDate } from "../verify/times.js";
import { h } from "./dom.js";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** @param {bigint} nanoseconds since 1970 @returns {HTMLElement} the time, and how long ago that is */
export function time(nanoseconds) {
  const date = toDate(nanoseconds);
  return h("time", { datetime: date.toISOString() }, `${exact.format(date)} (${ago(date)})`);
}

/** @param {Date} date */
function ago(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return relative.format(Math.round(seconds / length), unit);
}

/** @param {number} count @param {string} thing @returns {string} "1 key", "2 keys" */
export function counted(count, thing) {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
