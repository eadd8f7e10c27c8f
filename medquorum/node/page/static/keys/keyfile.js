/**
 * Page key files: private keys at rest, one AES-256-GCM seal each, under a passphrase.
 *
 * The same format as medquorum/node/page_key_file.py: PKCS#8 sealed under PBKDF2-SHA256 of the
 * passphrase (WebCrypto has no Argon2id). Keys are unwrapped by WebCrypto itself, so that no
 * script, this one included, ever holds the bytes of a private key.
 */

import { fromHex, hex, randomBytes, utf8, concat } from "./bytes.js";
import { encode } from "./canonical.js";
import { Fault } from "./faults.js";

export const FORMAT = "medquorum/page-keys/1";
const ITERATIONS = 600_000;
const MOST_ITERATIONS = 10_000_000;
const FILE_CHARACTERS = 65_536;
export const PASSPHRASE_CHARACTERS = 12;

const USE = {
  ECDSA: [{ name: "ECDSA", namedCurve: "P-256" }, ["sign"]],
  ECDH: [{ name: "ECDH", namedCurve: "P-256" }, ["deriveBits"]],
};

/** Which algorithm a purpose's key is for: encryption keys agree, all others sign. */
export const algorithmOf = (purpose) => (purpose === "encryption" ? "ECDH" : "ECDSA");

const corrupt = () => new Fault("", "keys.file_corrupt");

/**
 * @param {string} text a page key file
 * @returns {{owner: Uint8Array, salt: Uint8Array, iterations: number, keys: Object}} its shape
 *   checked
 */
export function readKeyFile(text) {
  if (text.length > FILE_CHARACTERS) throw corrupt();
  let fields;
  try {
    fields = JSON.parse(text);
  } catch {
    throw corrupt();
  }
  if (fields?.format !== FORMAT) throw new Fault("", "keys.file_foreign");
  const { iterations, name } = fields.kdf ?? {};
  const weak = !Number.isInteger(iterations) || iterations < ITERATIONS;
  if (name !== "pbkdf2-sha256" || weak || iterations > MOST_ITERATIONS) {
    throw new Fault("", "keys.file_kdf");
  }
  const owner = octets(fields.owner, 32);
  return { owner, salt: octets(fields.salt, 16), iterations, keys: readKeys(fields.keys) };
}

function octets(text, length) {
  const read = fromHex(text);
  if (read === null || (length !== undefined && read.length !== length)) throw corrupt();
  return read;
}

function readKeys(sealed) {
  const purposes = Object.keys(sealed ?? {});
  const named = purposes.every((purpose) => /^[a-z][a-z0-9-]{0,31}$/.test(purpose));
  if (!purposes.length || purposes.length > 16 || !named) throw corrupt();
  const entries = purposes.map((purpose) => [
    purpose,
    {
      nonce: octets(sealed[purpose]?.nonce, 12),
      publicKey: octets(sealed[purpose]?.public_key, 33),
      sealed: octets(sealed[purpose]?.sealed),
    },
  ]);
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}

/** What a seal also vouches for: every field that stands in clear. */
function associated(file, purpose, publicKey) {
  const { owner, salt, iterations } = file;
  const clear = { format: FORMAT, iterations, owner, public_key: publicKey, purpose, salt };
  return concat(utf8("medquorum/v1/page-keys\0"), encode(clear));
}

async function wrappingKey(passphrase, { salt, iterations }) {
  const secret = utf8(passphrase.normalize("NFC"));
  const material = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveKey"]);
  return crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations },
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["wrapKey", "unwrapKey"],
  );
}

/**
 * The private keys of a file, none of them extractable.
 * @returns {Promise<{owner: Uint8Array, keys: Object<string, {privateKey: CryptoKey, publicKey:
 *   Uint8Array}>}>}
 * @throws {Fault} wrong passphrase, or the file was changed: the seal cannot tell the two apart
 */
export async function openKeyFile(text, passphrase) {
  const file = readKeyFile(text);
  const wrapping = await wrappingKey(passphrase, file);
  const opened = Object.create(null);
  for (const [purpose, { nonce, publicKey, sealed }] of Object.entries(file.keys)) {
    const additionalData = associated(file, purpose, publicKey);
    const cipher = { name: "AES-GCM", iv: nonce, additionalData };
    const [algorithm, uses] = USE[algorithmOf(purpose)];
    try {
      const privateKey = await crypto.subtle.unwrapKey(
        "pkcs8",
        sealed,
        wrapping,
        cipher,
        algorithm,
        false,
        uses,
      );
      opened[purpose] = { privateKey, publicKey };
    } catch {
      throw new Fault("", "keys.wrong_passphrase");
    }
  }
  return { owner: file.owner, keys: opened };
}

/**
 * A new file's text. The keys must be extractable for `wrapKey`; drop them afterwards.
 * @param {Object<string, {privateKey: CryptoKey, publicKey: Uint8Array}>} keys by purpose
 */
export async function sealKeyFile(keys, owner, passphrase) {
  if (passphrase.normalize("NFC").length < PASSPHRASE_CHARACTERS) {
    throw new Fault("", "keys.short_passphrase", { characters: PASSPHRASE_CHARACTERS });
  }
  const file = { owner, salt: randomBytes(16), iterations: ITERATIONS };
  const wrapping = await wrappingKey(passphrase, file);
  const sealed = {};
  for (const purpose of Object.keys(keys).sort()) {
    const { privateKey, publicKey } = keys[purpose];
    const iv = randomBytes(12);
    const cipher = { name: "AES-GCM", iv, additionalData: associated(file, purpose, publicKey) };
    const wrapped = await crypto.subtle.wrapKey("pkcs8", privateKey, wrapping, cipher);
    sealed[purpose] = {
      nonce: hex(iv),
      public_key: hex(publicKey),
      sealed: hex(new Uint8Array(wrapped)),
    };
  }
  const kdf = { iterations: ITERATIONS, name: "pbkdf2-sha256" };
  const fields = { format: FORMAT, kdf, keys: sealed, owner: hex(owner), salt: hex(file.salt) };
  return `${JSON.stringify(fields, null, 1)}\n`;
}
