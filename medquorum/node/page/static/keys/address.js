/** Addresses as text: bech32m with a prefix by role (R-KEY3, BIP 350). */

import { concat } from "./bytes.js";
import { Fault } from "./faults.js";

const CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const BECH32M = 0x2bc830a3;
const PREFIXES = ["mqhosp", "mqlab", "mqrad", "mqdoc", "mqai", "mqpat"];

function checksum(prefix, words) {
  const letters = Array.from(prefix, (letter) => letter.charCodeAt(0));
  const expanded = [...letters.map((code) => code >> 5), 0, ...letters.map((code) => code & 31)];
  let check = 1;
  for (const word of [...expanded, ...words]) {
    const top = check >>> 25;
    check = (((check & 0x1ffffff) << 5) ^ word) >>> 0;
    GENERATORS.forEach((generator, bit) => {
      if ((top >>> bit) & 1) check = (check ^ generator) >>> 0;
    });
  }
  return check;
}

/** Bits regrouped; null where the padding is not zero or too long. */
function regroup(values, width, to) {
  const grouped = [];
  let [accumulator, bits] = [0, 0];
  for (const value of values) {
    accumulator = (accumulator << width) | value;
    bits += width;
    while (bits >= to) {
      bits -= to;
      grouped.push((accumulator >> bits) & ((1 << to) - 1));
    }
    accumulator &= (1 << bits) - 1;
  }
  if (to === 5) return bits ? [...grouped, accumulator << (5 - bits)] : grouped;
  return bits < 5 && accumulator === 0 ? grouped : null;
}

/** @param {Uint8Array} address 32 bytes @param {string} prefix such as `mqdoc` */
export function addressText(address, prefix) {
  const words = regroup(address, 8, 5);
  const check = checksum(prefix, [...words, 0, 0, 0, 0, 0, 0]) ^ BECH32M;
  const tail = [0, 1, 2, 3, 4, 5].map((place) => (check >>> (5 * (5 - place))) & 31);
  return `${prefix}1${[...words, ...tail].map((word) => CHARSET[word]).join("")}`;
}

/**
 * @param {string} text such as `mqdoc1…`
 * @returns {{address: Uint8Array, prefix: string}} 32 bytes and the role's prefix
 * @throws {Fault} when it is mistyped
 */
export function parseAddress(text) {
  const refused = () => new Fault("R-KEY3", "keys.bad_address");
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) throw refused();
  const lower = text.toLowerCase();
  const prefix = lower.slice(0, Math.max(0, lower.lastIndexOf("1")));
  const words = Array.from(lower.slice(prefix.length + 1), (letter) => CHARSET.indexOf(letter));
  const known = PREFIXES.includes(prefix) && words.length >= 6 && !words.includes(-1);
  if (!known || checksum(prefix, words) !== BECH32M) throw refused();
  const octets = regroup(words.slice(0, -6), 5, 8);
  if (octets === null || octets.length !== 32) throw refused();
  return { address: concat(Uint8Array.from(octets)), prefix };
}
