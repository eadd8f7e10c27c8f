/** Domain-separated hashes and Merkle trees (R-HASH1 to R-HASH3, R-MRK1, R-MRK2). */

import { concat, equal, prefixed, utf8 } from "./bytes.js";

export const ZERO = new Uint8Array(32);
const NOTHING = new Uint8Array(0);
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** @param {Uint8Array} octets @returns {Promise<Uint8Array>} 32 bytes */
export async function sha256(octets) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
}

/**
 * The text whose SHA-256 is signed (R-SIG1): what WebCrypto, which hashes itself, is given.
 * @param {string} kind one of R-HASH2 @param {Uint8Array} network 32 bytes, or none
 */
export function preimage(kind, network, payload) {
  return concat(prefixed(utf8(`medquorum/v1/${kind}`)), prefixed(network), prefixed(payload));
}

/** @returns {Promise<Uint8Array>} `tagged(kind, network, payload)` of R-HASH1, 32 bytes */
export async function tagged(kind, network, payload) {
  return sha256(preimage(kind, network, payload));
}

/** @returns {Promise<Uint8Array>} the address of a clinical key or of Kp (R-KEY2) */
export async function addressOf(publicKey) {
  return tagged("address", NOTHING, publicKey);
}

export async function leafHash(leaf) {
  return sha256(concat(LEAF, leaf));
}

const nodeHash = async (left, right) => sha256(concat(NODE, left, right));

/** @param {Uint8Array[]} leaves in order @returns {Promise<Uint8Array>} the root (R-MRK1) */
export async function merkleRoot(leaves) {
  return rootOfHashes(await Promise.all(leaves.map(leafHash)));
}

/** The root over leaf hashes made already. */
export async function rootOfHashes(hashes) {
  if (!hashes.length) return sha256(NOTHING);
  let level = hashes;
  while (level.length > 1) {
    const above = [];
    for (let at = 0; at < level.length; at += 2) {
      above.push(at + 1 < level.length ? nodeHash(level[at], level[at + 1]) : level[at]);
    }
    level = await Promise.all(above);
  }
  return level[0];
}

/**
 * Whether `leaf` stands at `index` of a tree of `count` leaves (R-MRK2, RFC 9162 2.1.3.2).
 * @param {Uint8Array[]} path siblings from the leaf upwards
 */
export async function verifyPath(leaf, index, count, path, expected) {
  if (!Number.isInteger(index) || index < 0 || index >= count) return false;
  let [position, last, current] = [index, count - 1, await leafHash(leaf)];
  for (const sibling of path) {
    if (last === 0) return false;
    if (position % 2 || position === last) {
      current = await nodeHash(sibling, current);
      while (position % 2 === 0 && position) {
        [position, last] = [half(position), half(last)];
      }
    } else current = await nodeHash(current, sibling);
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && equal(current, expected);
}

const half = (number) => Math.floor(number / 2);
