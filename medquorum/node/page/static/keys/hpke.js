/**
 * HPKE base mode in one shot, with no associated bytes (RFC 9180): DHKEM(P-256, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM. What a wrap is sealed with (R-BOD7).
 */

import { bigEndian, concat, utf8 } from "./bytes.js";
import { decompress, importExchangeKey } from "./curve.js";

const ECDH = { name: "ECDH", namedCurve: "P-256" };
const HMAC = { name: "HMAC", hash: "SHA-256" };
const KEM_SUITE = concat(utf8("KEM"), bigEndian(0x0010, 2));
const SUITE = concat(
  utf8("HPKE"),
  bigEndian(0x0010, 2),
  bigEndian(0x0001, 2),
  bigEndian(0x0002, 2),
);
const VERSION = utf8("HPKE-v1");
const NOTHING = new Uint8Array(0);
const POINT_BYTES = 65;

async function hmac(key, text) {
  // HMAC pads a short key with zeros: an empty salt is 32 of them (RFC 5869 2.2).
  const padded = key.length ? key : new Uint8Array(32);
  const imported = await crypto.subtle.importKey("raw", padded, HMAC, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, text));
}

/** LabeledExtract of RFC 9180 section 4. */
async function extract(suite, salt, label, material) {
  return hmac(salt, concat(VERSION, suite, utf8(label), material));
}

/** LabeledExpand of RFC 9180 section 4, for at most 32 bytes: one round of HKDF. */
async function expand(suite, secret, label, info, length) {
  const labeled = concat(bigEndian(length, 2), VERSION, suite, utf8(label), info);
  return (await hmac(secret, concat(labeled, Uint8Array.of(1)))).subarray(0, length);
}

async function sharedSecret(privateKey, publicKey, context) {
  const algorithm = { name: "ECDH", public: publicKey };
  const agreed = new Uint8Array(await crypto.subtle.deriveBits(algorithm, privateKey, 256));
  const pseudorandom = await extract(KEM_SUITE, NOTHING, "eae_prk", agreed);
  return expand(KEM_SUITE, pseudorandom, "shared_secret", context, 32);
}

/** KeySchedule of RFC 9180 section 5.1, base mode: the key and nonce of message 0. */
async function schedule(secret, info) {
  const identifier = await extract(SUITE, NOTHING, "psk_id_hash", NOTHING);
  const context = concat(
    Uint8Array.of(0),
    identifier,
    await extract(SUITE, NOTHING, "info_hash", info),
  );
  const scheduled = await extract(SUITE, secret, "secret", NOTHING);
  const key = await expand(SUITE, scheduled, "key", context, 32);
  const nonce = await expand(SUITE, scheduled, "base_nonce", context, 12);
  const usages = ["encrypt", "decrypt"];
  return { key: await crypto.subtle.importKey("raw", key, "AES-GCM", false, usages), nonce };
}

/**
 * @param {Uint8Array} plaintext
 * @param {Uint8Array} recipient compressed public key, 33 bytes
 * @param {Uint8Array} info what the seal is bound to
 * @returns {Promise<Uint8Array>} `enc || ciphertext`
 */
export async function sealTo(plaintext, recipient, info) {
  const ephemeral = await crypto.subtle.generateKey(ECDH, false, ["deriveBits"]);
  const sent = new Uint8Array(await crypto.subtle.exportKey("raw", ephemeral.publicKey));
  const context = concat(sent, decompress(recipient));
  const publicKey = await importExchangeKey(recipient);
  const secret = await sharedSecret(ephemeral.privateKey, publicKey, context);
  const { key, nonce } = await schedule(secret, info);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, plaintext);
  return concat(sent, new Uint8Array(sealed));
}

/**
 * Open what was sealed to a key; rejects where it was not, or with another info.
 * @param {Uint8Array} sealed @param {CryptoKey} privateKey ECDH @param {Uint8Array} publicKey 33
 *   bytes
 */
export async function openSealed(sealed, privateKey, publicKey, info) {
  const sent = sealed.subarray(0, POINT_BYTES);
  const context = concat(sent, decompress(publicKey));
  const theirs = await crypto.subtle.importKey("raw", sent, ECDH, true, []);
  const { key, nonce } = await schedule(await sharedSecret(privateKey, theirs, context), info);
  const ciphertext = sealed.subarray(POINT_BYTES);
  return new Uint8Array(
    await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, key, ciphertext),
  );
}
