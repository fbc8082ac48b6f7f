/**
 * Protobuf's JSON, for the tables of messages.js: the original field names, 64-bit integers as text, bytes as base64.
 *
 * What comes in may also have lowerCamel names, integers as numbers and URL-safe base64; null means absent, and unknown
 * names are passed over, as unknown fields are in the binary encoding.
 */

import { base64, fromBase64 } from "./bytes.js";
import { DecodeError } from "./errors.js";
import { MAX_DEPTH, empty } from "./wire.js";

/** @typedef {import("./messages.js").Field} Field */
/** @typedef {import("./messages.js").Scalar} Scalar */
/** @typedef {import("./messages.js").Schema} Schema */

/** The values of an enum that have names: there is one enum in what a client reads. */
const VRF_SUITES = ["VRF_2017", "RFC9381"];

/** @type {Record<string, [bigint, bigint]>} */
const RANGES = {
  uint32: [0n, 2n ** 32n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

/**
 * @param {Schema} schema
 * @param {unknown} value as JSON.parse gives it
 * @returns {any} the message, as types.d.ts has it
 * @throws {DecodeError} it is not one; says where
 */
export function fromJson(schema, value) {
  return readMessage(schema, value, schema.name, 1);
}

/** @param {Schema} schema @param {unknown} value @param {string} path @param {number} depth */
function readMessage(schema, value, path, depth) {
  if (depth > MAX_DEPTH) throw new DecodeError(`${path}: nested too deeply`);
  const object = asObject(value, path);
  const message = empty(schema);
  for (const field of schema.fields.values()) {
    const found = object[field.name] ?? object[lowerCamel(field.name)];
    if (found !== undefined && found !== null) message[field.name] = readField(field, found, path, depth);
  }
  return message;
}

/** @param {Field} field @param {unknown} value @param {string} parent @param {number} depth */
function readField(field, value, parent, depth) {
  const path = `${parent}.${field.name}`;
  if (field.label === "repeated") {
    if (!Array.isArray(value)) throw new DecodeError(`${path}: a list is expected`);
    return value.map((each, place) => readValue(field.type, each, `${path}[${place}]`, depth));
  }
  if (field.label === "map") {
    const keyType = /** @type {Scalar} */ (field.key);
    const pairs = Object.entries(asObject(value, path));
    return new Map(
      pairs.map(([key, each]) => [
        readScalar(keyType, key, path),
        readValue(field.type, each, `${path}[${key}]`, depth),
      ]),
    );
  }
  return readValue(field.type, value, path, depth);
}

/** @param {Scalar | Schema} type @param {unknown} value @param {string} path @param {number} depth */
function readValue(type, value, path, depth) {
  return typeof type === "object" ? readMessage(type, value, path, depth + 1) : readScalar(type, value, path);
}

/** @param {Scalar} type @param {unknown} value @param {string} path */
function readScalar(type, value, path) {
  if (type === "bool" && typeof value === "boolean") return value;
  if (type === "string" && typeof value === "string") return value;
  if (type === "bytes" && typeof value === "string") return readBase64(value, path);
  if (type === "enum") return readEnum(value, path);
  if (type in RANGES) return readInteger(type, value, path);
  throw new DecodeError(`${path}: ${type} is expected`);
}

/** @param {string} value @param {string} path */
function readBase64(value, path) {
  try {
    return fromBase64(value);
  } catch {
    throw new DecodeError(`${path}: not base64`);
  }
}

/** @param {unknown} value @param {string} path @returns {number} */
function readEnum(value, path) {
  const number = typeof value === "string" ? VRF_SUITES.indexOf(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < 0) {
    throw new DecodeError(`${path}: none of ${VRF_SUITES.join(", ")}`);
  }
  return number;
}

/** @param {Scalar} type @param {unknown} value @param {string} path @returns {number | bigint} */
function readInteger(type, value, path) {
  const plain = typeof value === "number" ? Number.isSafeInteger(value) : /^-?[0-9]{1,20}$/.test(String(value));
  if (!plain || !["number", "string"].includes(typeof value)) throw new DecodeError(`${path}: an integer is expected`);
  const number = BigInt(/** @type {string | number} */ (value));
  const [least, most] = RANGES[type];
  if (number < least || number > most) throw new DecodeError(`${path}: ${number} is out of range`);
  return type.endsWith("64") ? number : Number(number);
}

/** @param {unknown} value @param {string} path @returns {Record<string, unknown>} */
function asObject(value, path) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DecodeError(`${path}: an object is expected`);
  }
  return /** @type {Record<string, unknown>} */ (value);
}

/** @param {string} name */
function lowerCamel(name) {
  return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}

/**
 * @param {Schema} schema
 * @param {any} message
 * @returns {Record<string, unknown>} for JSON.stringify; what is not set is left out
 */
export function toJson(schema, message) {
  /** @type {Record<string, unknown>} */
  const object = {};
  for (const field of schema.fields.values()) {
    const value = message[field.name];
    if (isSet(field, value)) object[field.name] = writeField(field, value);
  }
  return object;
}

/** @param {Field} field @param {any} value */
function isSet(field, value) {
  if (value === null || value === undefined) return false;
  if (field.label === "optional" || (field.label === "single" && typeof field.type === "object")) return true;
  const size = value instanceof Map ? value.size : value.length;
  return size === undefined ? Boolean(value) : size > 0;
}

/** @param {Field} field @param {any} value */
function writeField(field, value) {
  if (field.label === "repeated") return value.map((/** @type {any} */ each) => writeValue(field.type, each));
  if (field.label !== "map") return writeValue(field.type, value);
  return Object.fromEntries([...value].map(([key, each]) => [String(key), writeValue(field.type, each)]));
}

/** @param {Scalar | Schema} type @param {any} value */
function writeValue(type, value) {
  if (typeof type === "object") return toJson(type, value);
  if (type === "bytes") return base64(value);
  if (type === "enum") return VRF_SUITES[value] ?? value;
  return typeof value === "bigint" ? String(value) : value;
}
