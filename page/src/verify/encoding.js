/**
 * Protobuf's binary encoding, for the tables of messages.js: writing it, the way protobuf's own libraries do where the
 * same message shall always give the same bytes: fields in the order of their numbers, maps in the order of their keys.
 */

import { concat, toLittleEndian, utf8 } from "./bytes.js";
import { FIXED64, LENGTH_DELIMITED, VARINT, entrySchema } from "./wire.js";

/** @typedef {import("./messages.js").Field} Field */
/** @typedef {import("./messages.js").Schema} Schema */

/**
 * @param {Schema} schema
 * @param {any} message with all fields of `schema`, as `decode` gives it
 * @returns {Uint8Array} fields in the order of their numbers, maps in the order of their keys
 */
export function encode(schema, message) {
  const parts = [];
  for (const [number, field] of [...schema.fields].sort(([one], [other]) => one - other)) {
    for (const value of present(field, message[field.name])) parts.push(...encodeField(number, field, value));
  }
  return concat(...parts);
}

/** @param {Field} field @param {any} value @returns {Iterable<any>} the values to write, each in a field of its own */
function present(field, value) {
  if (field.label === "repeated") return field.type === "fixed64" && value.length ? [value] : value;
  if (field.label === "map") return [...value].sort(([one], [other]) => (one < other ? -1 : 1));
  if (value === null || value === undefined) return [];
  const isDefault = value === 0 || value === 0n || value === "" || value === false || value.length === 0;
  return field.label === "single" && typeof field.type === "string" && isDefault ? [] : [value];
}

/** @param {number} number @param {Field} field @param {any} value @returns {Uint8Array[]} */
function encodeField(number, field, value) {
  if (field.label === "map") return delimited(number, encodeMapEntry(field, value));
  if (typeof field.type === "object") return delimited(number, encode(field.type, value));
  if (Array.isArray(value)) return delimited(number, concat(...value.map((each) => toLittleEndian(each, 8))));
  if (field.type === "string") return delimited(number, utf8(value));
  if (field.type === "bytes") return delimited(number, value);
  if (field.type === "fixed64") return [varint((number << 3) | FIXED64), toLittleEndian(value, 8)];
  return [varint((number << 3) | VARINT), varint(BigInt.asUintN(64, BigInt(value)))];
}

/** @param {Field} field @param {[any, any]} entry */
function encodeMapEntry(field, [key, value]) {
  // Both are written even if they are defaults: so do protobuf's own encoders.
  const [keyField, valueField] = entrySchema(field).fields.values();
  return concat(...encodeField(1, keyField, key), ...encodeField(2, valueField, value));
}

/** @param {number} number @param {Uint8Array} data */
function delimited(number, data) {
  return [varint((number << 3) | LENGTH_DELIMITED), varint(data.length), data];
}

/** @param {number | bigint} number @returns {Uint8Array} */
function varint(number) {
  const bytes = [];
  let rest = BigInt(number);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from([...bytes, Number(rest)]);
}
