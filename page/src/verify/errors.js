/**
 * What can go wrong, by who must act on it. The names and codes are those of the rest of coname.
 */

/** The base of all of them. `message` is a sentence for a person. */
export class ConameError extends Error {
  /** @param {string} message @param {string} [code] stable, for programs */
  constructor(message, code = "internal") {
    super(message);
    this.code = code;
    this.name = new.target.name;
  }
}

/** Something that was presented as proof does not verify. */
export class ProofInvalid extends ConameError {
  /** @param {string} step which check failed: one of `STEPS` in lookup.js @param {string} message */
  constructor(step, message) {
    super(message, "proof_invalid");
    this.step = step;
  }
}

/** The realm's own configuration cannot be used. */
export class Misconfigured extends ConameError {
  /** @param {string} message */
  constructor(message) {
    super(message, "misconfigured");
  }
}

/** What the caller asks for makes no sense. */
export class InvalidRequest extends ConameError {
  /** @param {string} message */
  constructor(message) {
    super(message, "invalid_request");
  }
}

/** An update breaks a rule of protocol section 6. */
export class UpdateInvalid extends ConameError {
  /** @param {string} message */
  constructor(message) {
    super(message, "update_invalid");
  }
}

/** Bytes, or JSON, that are not a message of the expected type. */
export class DecodeError extends ConameError {
  /** @param {string} message */
  constructor(message) {
    super(message, "decode");
  }
}
