/**
 * Canonical bytes: one value, one encoding (R-CAN1 to R-CAN5), as medquorum/ledger/canonical.py.
 *
 * Values: null, boolean, whole number (bigint beyond 2^53), string, Uint8Array, array, object.
 * Decoded objects have no prototype, so a map may have a key such as `__proto__`.
 */

import { bigEndian, compare, concat, equal, toBigInt, utf8 } from "./bytes.js";
import { Fault } from "./faults.js";

/** Sizes in bytes, counts in entries, depth in containers (R-CAN3). */
const limits = (total, binary, entries) =>
  Object.freeze({ total, text: 4096, binary, entries, fields: 64, depth: 8 });
export const RECORD = limits(262_144, 65_536, 1_024);
export const FRAME = limits(1_048_576, 1_048_576, 1_024);
export const CHARTER = limits(67_108_864, 67_108_864, 10_000);

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 64n - 1n;
const STRICT = { fatal: true, ignoreBOM: true };

const fault = (rule, why) => new Fault(rule, "keys.not_canonical", { why });

/**
 * @param {*} value
 * @returns {Uint8Array} its one encoding
 * @throws {Fault} when it has none, or breaks a limit
 */
export function encode(value, bounds = RECORD) {
  const pieces = [];
  write(value, bounds, bounds.depth, pieces);
  const encoded = concat(...pieces);
  if (encoded.length > bounds.total) throw fault("R-CAN3", "total");
  return encoded;
}

function write(value, bounds, depth, pieces) {
  if (value === null) pieces.push(Uint8Array.of(0xc0));
  else if (typeof value === "boolean") pieces.push(Uint8Array.of(value ? 0xc3 : 0xc2));
  else if (typeof value === "number" || typeof value === "bigint") pieces.push(integer(value));
  else if (typeof value === "string") writeText(value, bounds, pieces);
  else if (value instanceof Uint8Array) writeBinary(value, bounds, pieces);
  else if (Array.isArray(value)) writeList(value, bounds, depth, pieces);
  else if (isMap(value)) writeMap(value, bounds, depth, pieces);
  else throw fault("R-CAN1", "type");
}

function isMap(value) {
  if (typeof value !== "object") return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function integer(value) {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw fault("R-CAN1", "number");
  const whole = BigInt(value);
  if (whole < INT_MIN || whole > INT_MAX) throw fault("R-CAN1", "range");
  if (whole >= 0n) return unsigned(whole);
  if (whole >= -32n) return bigEndian(whole + 256n, 1);
  const width = [1, 2, 4, 8].find((bytes) => whole >= -(2n ** BigInt(8 * bytes - 1)));
  const mark = { 1: 0xd0, 2: 0xd1, 4: 0xd2, 8: 0xd3 }[width];
  return concat(Uint8Array.of(mark), bigEndian(whole + 2n ** BigInt(8 * width), width));
}

function unsigned(whole) {
  if (whole < 128n) return bigEndian(whole, 1);
  const width = [1, 2, 4, 8].find((bytes) => whole < 2n ** BigInt(8 * bytes));
  const mark = { 1: 0xcc, 2: 0xcd, 4: 0xce, 8: 0xcf }[width];
  return concat(Uint8Array.of(mark), bigEndian(whole, width));
}

/** The mark and length before something: `marks` for lengths of one, two and four bytes. */
function lengthMark(length, marks) {
  const [one, two, four] = marks;
  if (one !== null && length < 256) return concat(Uint8Array.of(one), bigEndian(length, 1));
  if (length < 65_536) return concat(Uint8Array.of(two), bigEndian(length, 2));
  return concat(Uint8Array.of(four), bigEndian(length, 4));
}

function writeText(text, bounds, pieces) {
  if (!text.isWellFormed()) throw fault("R-CAN1", "utf8");
  if (text.normalize("NFC") !== text) throw fault("R-CAN1", "nfc");
  const octets = utf8(text);
  if (octets.length > bounds.text) throw fault("R-CAN3", "text");
  const short = octets.length < 32;
  pieces.push(
    short ? Uint8Array.of(0xa0 | octets.length) : lengthMark(octets.length, [0xd9, 0xda, 0xdb]),
    octets,
  );
}

function writeBinary(octets, bounds, pieces) {
  if (octets.length > bounds.binary) throw fault("R-CAN3", "bytes");
  pieces.push(lengthMark(octets.length, [0xc4, 0xc5, 0xc6]), octets);
}

function checkContainer(length, longest, depth) {
  if (depth <= 0) throw fault("R-CAN3", "depth");
  if (length > longest) throw fault("R-CAN3", "entries");
}

function writeList(list, bounds, depth, pieces) {
  checkContainer(list.length, bounds.entries, depth);
  const short = list.length < 16;
  pieces.push(
    short ? Uint8Array.of(0x90 | list.length) : lengthMark(list.length, [null, 0xdc, 0xdd]),
  );
  for (const entry of list) write(entry, bounds, depth - 1, pieces);
}

function writeMap(map, bounds, depth, pieces) {
  const keys = Object.keys(map);
  checkContainer(keys.length, bounds.fields, depth);
  const short = keys.length < 16;
  pieces.push(
    short ? Uint8Array.of(0x80 | keys.length) : lengthMark(keys.length, [null, 0xde, 0xdf]),
  );
  // UTF-16 sorts other than UTF-8 beyond U+FFFF.
  const sorted = keys.map((key) => [utf8(key), key]).sort(([a], [b]) => compare(a, b));
  for (const [, key] of sorted) {
    writeText(key, bounds, pieces);
    write(map[key], bounds, depth - 1, pieces);
  }
}

/**
 * @param {Uint8Array} encoded
 * @returns {*} the value whose canonical bytes these are
 * @throws {Fault} for every other byte string
 */
export function decode(encoded, bounds = RECORD) {
  if (encoded.length > bounds.total) throw fault("R-CAN3", "total");
  const reader = new Unpacker(encoded, bounds);
  const value = reader.value(bounds.depth);
  if (reader.at !== encoded.length) throw fault("R-CAN2", "trailing");
  if (!equal(encode(value, bounds), encoded)) throw fault("R-CAN4", "form");
  return value;
}

/** Walks MessagePack; every length is checked before anything of that length is made. */
class Unpacker {
  constructor(encoded, bounds) {
    this.encoded = encoded;
    this.bounds = bounds;
    this.at = 0;
  }

  take(length) {
    if (length > this.encoded.length - this.at) throw fault("R-CAN2", "end");
    this.at += length;
    return this.encoded.subarray(this.at - length, this.at);
  }

  number(width) {
    return toBigInt(this.take(width));
  }

  length(width) {
    return Number(this.number(width));
  }

  value(depth) {
    const mark = this.take(1)[0];
    if (mark < 0x80) return mark;
    if (mark < 0x90) return this.map(mark & 15, depth);
    if (mark < 0xa0) return this.list(mark & 15, depth);
    if (mark < 0xc0) return this.text(mark & 31);
    if (mark >= 0xe0) return mark - 256;
    return this.marked(mark, depth);
  }

  marked(mark, depth) {
    if (mark === 0xc0) return null;
    if (mark === 0xc2 || mark === 0xc3) return mark === 0xc3;
    if (mark >= 0xc4 && mark <= 0xc6) return this.binary(this.length(2 ** (mark - 0xc4)));
    if (mark >= 0xcc && mark <= 0xcf) return safe(this.number(2 ** (mark - 0xcc)));
    if (mark >= 0xd0 && mark <= 0xd3) return this.signed(2 ** (mark - 0xd0));
    if (mark >= 0xd9 && mark <= 0xdb) return this.text(this.length(2 ** (mark - 0xd9)));
    if (mark === 0xdc || mark === 0xdd) return this.list(this.length(2 * (mark - 0xdb)), depth);
    if (mark === 0xde || mark === 0xdf) return this.map(this.length(2 * (mark - 0xdd)), depth);
    throw fault("R-CAN1", "type");
  }

  signed(width) {
    return safe(BigInt.asIntN(8 * width, this.number(width)));
  }

  binary(length) {
    if (length > this.bounds.binary) throw fault("R-CAN3", "bytes");
    return this.take(length).slice();
  }

  text(length) {
    if (length > this.bounds.text) throw fault("R-CAN3", "text");
    const octets = this.take(length);
    try {
      return new TextDecoder("utf-8", STRICT).decode(octets);
    } catch {
      throw fault("R-CAN1", "utf8");
    }
  }

  list(length, depth) {
    checkContainer(length, this.bounds.entries, depth);
    return Array.from({ length }, () => this.value(depth - 1));
  }

  map(length, depth) {
    checkContainer(length, this.bounds.fields, depth);
    const map = Object.create(null);
    let previous = null;
    for (let entry = 0; entry < length; entry += 1) {
      const key = this.value(0);
      if (typeof key !== "string") throw fault("R-CAN1", "key");
      const order = utf8(key);
      if (previous !== null && compare(order, previous) <= 0) throw fault("R-CAN2", "order");
      previous = order;
      map[key] = this.value(depth - 1);
    }
    return map;
  }
}

/** A number where it is exact, else a bigint. */
function safe(whole) {
  const number = Number(whole);
  return Number.isSafeInteger(number) ? number : whole;
}
