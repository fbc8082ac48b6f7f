/**
 * Protobuf's binary encoding, for the tables of messages.js: reading it. encoding.js writes it.
 *
 * It is read the way protobuf's own parsers read it: unknown fields, and known ones of another wire type, are passed
 * over; a single message that comes several times is merged; the last of several values counts; numbers may be packed
 * or not; a map's entry with anything unknown in it is itself unknown (so reads the library that the servers use).
 * 64-bit numbers are bigint. What is not an encoding is refused; nothing read here is ever encoded again to be signed
 * or hashed.
 */

import { fromUtf8, littleEndian } from "./bytes.js";
import { DecodeError } from "./errors.js";

/** @typedef {import("./messages.js").Field} Field */
/** @typedef {import("./messages.js").Schema} Schema */

/**
 * Levels of nesting that are followed, as in protobuf's own parsers: a stranger's quorum must not exhaust the stack.
 */
export const MAX_DEPTH = 100;

export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
const GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

/** The wire type that each scalar has. */
const WIRE_TYPES = {
  string: LENGTH_DELIMITED,
  bytes: LENGTH_DELIMITED,
  fixed64: FIXED64,
  uint32: VARINT,
  int32: VARINT,
  uint64: VARINT,
  int64: VARINT,
  bool: VARINT,
  enum: VARINT,
};

/** Reads an encoding from its first byte to its last. */
class Reader {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    this.place = 0;
  }

  get done() {
    return this.place === this.data.length;
  }

  /** @returns {bigint} at most 64 bits */
  varint() {
    let number = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.done) throw new DecodeError("it ends within a number");
      const byte = this.data[this.place++];
      number |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, number);
    }
    throw new DecodeError("a number is longer than 10 bytes");
  }

  /** @param {number} size @returns {Uint8Array} a copy */
  take(size) {
    if (size > this.data.length - this.place) throw new DecodeError("it ends within a field");
    this.place += size;
    return this.data.slice(this.place - size, this.place);
  }

  delimited() {
    const size = this.varint();
    if (size > BigInt(this.data.length)) throw new DecodeError("it ends within a field");
    return this.take(Number(size));
  }

  /** @returns {{number: number, wireType: number}} */
  tag() {
    const tag = this.varint();
    if (tag > 0xffffffffn || tag < 8n) throw new DecodeError("a field has no valid number");
    return { number: Number(tag >> 3n), wireType: Number(tag & 7n) };
  }

  /** @param {number} number the field's @param {number} wireType @param {number} depth of groups */
  skip(number, wireType, depth) {
    if (wireType === VARINT) this.varint();
    else if (wireType === FIXED64) this.take(8);
    else if (wireType === LENGTH_DELIMITED) this.delimited();
    else if (wireType === FIXED32) this.take(4);
    else if (wireType === GROUP) this.skipGroup(number, depth + 1);
    else throw new DecodeError("a field has no valid type");
  }

  /** @param {number} group @param {number} depth */
  skipGroup(group, depth) {
    if (depth > MAX_DEPTH) throw new DecodeError("it is nested too deeply");
    for (;;) {
      const { number, wireType } = this.tag();
      if (wireType === END_GROUP && number === group) return;
      this.skip(number, wireType, depth);
    }
  }
}

/**
 * @param {Schema} schema
 * @param {Uint8Array} data
 * @returns {any} the message, as types.d.ts has it
 * @throws {DecodeError} `data` is not an encoding of it
 */
export function decode(schema, data) {
  const message = empty(schema);
  decodeInto(schema, message, data, 1);
  return message;
}

/** @param {Schema} schema @returns {any} the message in which nothing is set */
export function empty(schema) {
  /** @type {Record<string, any>} */
  const message = {};
  for (const field of schema.fields.values()) message[field.name] = initial(field);
  return message;
}

/** @param {Field} field */
function initial(field) {
  if (field.label === "repeated") return [];
  if (field.label === "map") return new Map();
  if (field.label === "optional" || typeof field.type === "object") return null;
  return zero(field.type);
}

/** @param {import("./messages.js").Scalar} type */
function zero(type) {
  if (type === "string") return "";
  if (type === "bytes") return new Uint8Array(0);
  if (type === "bool") return false;
  return type === "uint64" || type === "int64" || type === "fixed64" ? 0n : 0;
}

/**
 * @param {Schema} schema @param {any} message @param {Uint8Array} data @param {number} depth
 * @returns {boolean} whether all of it was known
 */
function decodeInto(schema, message, data, depth) {
  if (depth > MAX_DEPTH) throw new DecodeError("it is nested too deeply");
  const reader = new Reader(data);
  let known = true;
  while (!reader.done) {
    const { number, wireType } = reader.tag();
    const field = schema.fields.get(number);
    if (field !== undefined && readField(reader, field, wireType, message, depth)) continue;
    reader.skip(number, wireType, 0);
    known = false;
  }
  return known;
}

/**
 * @param {Reader} reader @param {Field} field @param {number} wireType @param {any} message @param {number} depth
 * @returns {boolean} false if the field is to be passed over
 */
function readField(reader, field, wireType, message, depth) {
  const { name, type, label } = field;
  if (typeof type === "object" || label === "map") {
    if (wireType !== LENGTH_DELIMITED) return false;
    if (label === "map") readMapEntry(field, message[name], reader.delimited(), depth + 1);
    else readMessage(/** @type {Schema} */ (type), field, message, reader.delimited(), depth + 1);
    return true;
  }
  const expected = WIRE_TYPES[type];
  if (label === "repeated" && wireType === LENGTH_DELIMITED && expected !== LENGTH_DELIMITED) {
    const packed = new Reader(reader.delimited());
    while (!packed.done) message[name].push(readScalar(packed, type));
    return true;
  }
  if (wireType !== expected) return false;
  const value = readScalar(reader, type);
  if (label === "repeated") message[name].push(value);
  else message[name] = value;
  return true;
}

/** @param {Schema} schema @param {Field} field @param {any} message @param {Uint8Array} data @param {number} depth */
function readMessage(schema, field, message, data, depth) {
  const value = (field.label === "single" && message[field.name]) || empty(schema);
  decodeInto(schema, value, data, depth);
  if (field.label === "repeated") message[field.name].push(value);
  else message[field.name] = value;
}

/** @param {Field} field @param {Map<any, any>} map @param {Uint8Array} data @param {number} depth */
function readMapEntry(field, map, data, depth) {
  const entry = empty(entrySchema(field));
  if (!decodeInto(entrySchema(field), entry, data, depth)) return;
  const value = entry.value === null && typeof field.type === "object" ? empty(field.type) : entry.value;
  map.set(entry.key, value);
}

/** @param {Field} field a map @returns {Schema} the message that each of its entries is encoded as */
export function entrySchema({ name, key, type }) {
  const keyType = /** @type {import("./messages.js").Scalar} */ (key);
  /** @type {[number, Field][]} */
  const fields = [
    [1, { name: "key", type: keyType, label: "single" }],
    [2, { name: "value", type, label: "single" }],
  ];
  return { name: `${name}'s entry`, fields: new Map(fields) };
}

/** @param {Reader} reader @param {import("./messages.js").Scalar} type */
function readScalar(reader, type) {
  if (type === "bytes") return reader.delimited();
  if (type === "string") return text(reader.delimited());
  if (type === "fixed64") return littleEndian(reader.take(8));
  const number = reader.varint();
  if (type === "uint64") return number;
  if (type === "int64") return BigInt.asIntN(64, number);
  if (type === "uint32") return Number(BigInt.asUintN(32, number));
  return type === "bool" ? number !== 0n : Number(BigInt.asIntN(32, number));
}

/** @param {Uint8Array} data */
function text(data) {
  try {
    return fromUtf8(data);
  } catch {
    throw new DecodeError("a text is not UTF-8");
  }
}
