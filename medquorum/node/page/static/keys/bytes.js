/** Octets: joining, comparing, hexadecimal, big-endian numbers. */

const TEXT = new TextEncoder();

/** @param {string} text @returns {Uint8Array} its UTF-8 */
export function utf8(text) {
  return TEXT.encode(text);
}

/** @param {...Uint8Array} pieces @returns {Uint8Array} the pieces one after another */
export function concat(...pieces) {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** Whether two byte strings are the same. */
export function equal(left, right) {
  return left.length === right.length && left.every((octet, at) => octet === right[at]);
}

/** Negative, zero or positive, as bytes are ordered. */
export function compare(left, right) {
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at += 1) {
    if (left[at] !== right[at]) return left[at] - right[at];
  }
  return left.length - right.length;
}

/** @param {Uint8Array} octets @returns {string} lower-case hexadecimal */
export function hex(octets) {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** @param {string} text an even number of hexadecimal digits @returns {?Uint8Array} or null */
export function fromHex(text) {
  if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** @param {number|bigint} value @param {number} width bytes @returns {Uint8Array} big-endian */
export function bigEndian(value, width) {
  const octets = new Uint8Array(width);
  let rest = BigInt(value);
  for (let at = width - 1; at >= 0; at -= 1) {
    octets[at] = Number(rest & 255n);
    rest >>= 8n;
  }
  return octets;
}

/** @param {Uint8Array} octets big-endian @returns {bigint} */
export function toBigInt(octets) {
  return octets.length ? BigInt(`0x${hex(octets)}`) : 0n;
}

/** `P(x)`: the length as eight big-endian bytes, then the bytes. */
export function prefixed(octets) {
  return concat(bigEndian(octets.length, 8), octets);
}

/** @param {Uint8Array} octets @returns {string} base64 with padding, as the API takes bytes */
export function base64(octets) {
  let binary = "";
  for (let at = 0; at < octets.length; at += 8192) {
    binary += String.fromCharCode(...octets.subarray(at, at + 8192));
  }
  return btoa(binary);
}

/** @param {number} length bytes @returns {Uint8Array} unpredictable ones */
export function randomBytes(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}
