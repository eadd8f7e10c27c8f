/** One map of the protocol, read field by field with type, length and range (R-CAN5). */

import { decode, RECORD } from "../canonical.js";
import { Fault } from "../faults.js";

const MOST = 2 ** 53;

/** A fault of a rule: `what` is never shown, the rule is. */
export const broken = (rule) => new Fault(rule, "keys.proof_broken");

export class Fields {
  /** @param {*} value a decoded map @param {string[]} names exactly its fields */
  constructor(value, names) {
    const map = value !== null && typeof value === "object" && !Array.isArray(value);
    const octets = value instanceof Uint8Array;
    if (!map || octets || Object.keys(value).sort().join() !== [...names].sort().join()) {
      throw broken("R-CAN5");
    }
    this.values = value;
  }

  /** The map held by canonical bytes. */
  static of(encoded, names, bounds = RECORD) {
    return new Fields(decode(encoded, bounds), names);
  }

  value(name) {
    return this.values[name];
  }

  isNone(name) {
    return this.values[name] === null;
  }

  bytes(name, length) {
    const value = this.values[name];
    const fits = value instanceof Uint8Array && (length === undefined || value.length === length);
    if (!fits) throw broken("R-CAN5");
    return value;
  }

  optionalBytes(name, length) {
    return this.isNone(name) ? null : this.bytes(name, length);
  }

  integer(name, low = 0, high = MOST) {
    const given = this.values[name];
    // 2^53, the end of all times here, is decoded as a bigint like all beyond it.
    const value = given === BigInt(MOST) ? MOST : given;
    if (typeof value !== "number" || value < low || value > high) throw broken("R-CAN5");
    return value;
  }

  optionalInteger(name, low = 0, high = MOST) {
    return this.isNone(name) ? null : this.integer(name, low, high);
  }

  boolean(name) {
    if (typeof this.values[name] !== "boolean") throw broken("R-CAN5");
    return this.values[name];
  }

  text(name, longest = 4_096) {
    const value = this.values[name];
    if (typeof value !== "string" || [...value].length > longest) throw broken("R-CAN5");
    return value;
  }

  choice(name, allowed) {
    const value = this.text(name);
    if (!allowed.includes(value)) throw broken("R-CAN5");
    return value;
  }

  list(name) {
    if (!Array.isArray(this.values[name])) throw broken("R-CAN5");
    return this.values[name];
  }

  bytesList(name, length) {
    return this.list(name).map((entry) => {
      const fits = entry instanceof Uint8Array && (length === undefined || entry.length === length);
      if (!fits) throw broken("R-CAN5");
      return entry;
    });
  }
}
