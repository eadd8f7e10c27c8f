/**
 * P-256 as WebCrypto leaves it to us: points are compressed on the ledger, signatures low-S.
 * (R-KEY1, R-SIG1, R-SIG2). WebCrypto takes only uncompressed points.
 */

import { bigEndian, concat, toBigInt } from "./bytes.js";
import { Fault } from "./faults.js";

const PRIME = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const COEFFICIENT = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const HALF_ORDER = ORDER / 2n;

const ECDSA = { name: "ECDSA", namedCurve: "P-256" };
const ECDH = { name: "ECDH", namedCurve: "P-256" };
const BY_SHA256 = { name: "ECDSA", hash: "SHA-256" };

function power(base, exponent) {
  let [result, square, rest] = [1n, base % PRIME, exponent];
  while (rest) {
    if (rest & 1n) result = (result * square) % PRIME;
    square = (square * square) % PRIME;
    rest >>= 1n;
  }
  return result;
}

/**
 * @param {Uint8Array} compressed 33 bytes
 * @returns {Uint8Array} 65 bytes, as WebCrypto reads points
 * @throws {Fault} for every other form and points off the curve (R-KEY1)
 */
export function decompress(compressed) {
  const refused = () => new Fault("R-KEY1", "keys.bad_point");
  if (compressed.length !== 33 || (compressed[0] !== 2 && compressed[0] !== 3)) throw refused();
  const x = toBigInt(compressed.subarray(1));
  if (x >= PRIME) throw refused();
  const square = (((x * x - 3n) * x + COEFFICIENT) % PRIME + PRIME) % PRIME;
  // PRIME is 3 modulo 4: this power is a root where there is one.
  const root = power(square, (PRIME + 1n) / 4n);
  if ((root * root) % PRIME !== square) throw refused();
  const y = Number(root & 1n) === (compressed[0] & 1) ? root : PRIME - root;
  return concat(Uint8Array.of(4), bigEndian(x, 32), bigEndian(y, 32));
}

/** @param {Uint8Array} point 65 bytes of WebCrypto @returns {Uint8Array} 33 bytes */
export function compress(point) {
  return concat(Uint8Array.of(2 + (point[64] & 1)), point.subarray(1, 33));
}

/** The compressed public half of a WebCrypto key. @param {CryptoKey} publicKey */
export async function exportCompressed(publicKey) {
  return compress(new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)));
}

/** A public key for ECDH. @param {Uint8Array} compressed */
export async function importExchangeKey(compressed) {
  return crypto.subtle.importKey("raw", decompress(compressed), ECDH, true, []);
}

/** Replace s by n - s where it is high (R-SIG3). @param {Uint8Array} signature r || s */
export function lowS(signature) {
  const s = toBigInt(signature.subarray(32));
  if (s <= HALF_ORDER) return signature;
  return concat(signature.subarray(0, 32), bigEndian(ORDER - s, 32));
}

/** Whether it is 64 bytes with r in [1, n) and s in [1, n/2] (R-SIG2). */
export function wellFormed(signature) {
  if (signature.length !== 64) return false;
  const [r, s] = [toBigInt(signature.subarray(0, 32)), toBigInt(signature.subarray(32))];
  return r > 0n && r < ORDER && s > 0n && s <= HALF_ORDER;
}

/**
 * Sign the SHA-256 of a text; 64 bytes r || s with a low s. The nonce is the browser's own.
 * @param {CryptoKey} privateKey @param {Uint8Array} text the preimage of R-SIG1
 */
export async function signText(privateKey, text) {
  return lowS(new Uint8Array(await crypto.subtle.sign(BY_SHA256, privateKey, text)));
}

/**
 * Whether the signature is well formed and of this text by this key; never throws.
 * @param {Uint8Array} compressed public key @param {Uint8Array} text the preimage of R-SIG1
 */
export async function verifyText(compressed, text, signature) {
  if (!wellFormed(signature)) return false;
  try {
    const key = await crypto.subtle.importKey("raw", decompress(compressed), ECDSA, true, [
      "verify",
    ]);
    return await crypto.subtle.verify(BY_SHA256, key, signature, text);
  } catch {
    return false;
  }
}

/**
 * A signature of an authenticator as the ledger keeps it: DER to r || s with a low s (R-VOT2).
 * @param {Uint8Array} der SEQUENCE of two INTEGERs
 */
export function fromDer(der) {
  const refused = () => new Fault("R-SIG1", "keys.bad_signature");
  if (der[0] !== 0x30 || der[1] !== der.length - 2) throw refused();
  const numbers = [];
  let at = 2;
  for (let count = 0; count < 2; count += 1) {
    const length = der[at + 1];
    if (der[at] !== 2 || !length || length > 33 || at + 2 + length > der.length) throw refused();
    numbers.push(toBigInt(der.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  if (at !== der.length || numbers.some((one) => one >= ORDER)) throw refused();
  return lowS(concat(...numbers.map((one) => bigEndian(one, 32))));
}
