/**
 * Remarks beside votes, until their receipts are saved: sealed, for one user, on this computer.
 *
 * A vote holds the hash of a remark only; its words and salt are in the receipt alone (R-EXP4) and
 * would be lost with the page. They may speak of a patient, and the computer of a ward is shared.
 * So they are kept under AES-256-GCM with a key of this user that no script can export, and go with
 * it when she signs out, when somebody else signs in, when the receipt is saved, or in time.
 */

import { concat, equal, randomBytes, utf8 } from "./bytes.js";
import { decode, encode } from "./canonical.js";
import { sha256 } from "./hashes.js";
import { remarkKeys, sealedRemarks } from "./storage.js";

const ALGORITHM = "AES-GCM";
const NONCE_BYTES = 12;
/** As long as what is proposed in the page is open to votes. */
const KEPT_MS = 7 * 86_400_000;

/** The digest of a remark that stands in its vote. @returns {Promise<Uint8Array>} 32 bytes */
export async function digestOf({ salt, text }) {
  return sha256(concat(salt, utf8(text)));
}

/** The user's key, made at its first use. @returns {Promise<CryptoKey>} */
async function keyFor(user) {
  const known = await remarkKeys.get(user);
  if (known) return known.key;
  const usages = ["encrypt", "decrypt"];
  const key = await crypto.subtle.generateKey({ name: ALGORITHM, length: 256 }, false, usages);
  // Another page of hers may have been faster: the key that was first counts.
  await remarkKeys.add({ user, key }).catch(() => {});
  return (await remarkKeys.get(user)).key;
}

const bound = (iv, user, id) => ({
  name: ALGORITHM,
  iv,
  additionalData: utf8(`medquorum/page/remark\n${user}\n${id}`),
});

/**
 * Keep the remark of a vote.
 * @param {string} user who signed in @param {string} id the vote's, hex
 * @param {{salt: Uint8Array, text: string}} remark
 */
export async function keepRemark(user, id, { salt, text }) {
  const iv = randomBytes(NONCE_BYTES);
  const key = await keyFor(user);
  const plain = encode({ salt, text });
  const sealed = new Uint8Array(await crypto.subtle.encrypt(bound(iv, user, id), key, plain));
  await sealedRemarks.keep({ id, user, iv, sealed, kept_at_ms: Date.now() });
}

/**
 * The remark of a vote, if it is this user's, is still here, and is what the vote says.
 * @param {?Uint8Array} digest the vote's own
 * @returns {Promise<?{salt: Uint8Array, text: string}>}
 */
export async function remarkFor(user, id, digest) {
  if (digest === null) return null;
  const [kept, held] = await Promise.all([sealedRemarks.get(id), remarkKeys.get(user)]);
  if (!kept || !held) return null;
  try {
    const opening = bound(kept.iv, user, id);
    const plain = await crypto.subtle.decrypt(opening, held.key, kept.sealed);
    const { salt, text } = decode(new Uint8Array(plain));
    return equal(await digestOf({ salt, text }), digest) ? { salt, text } : null;
  } catch {
    return null; // Another user's, or damaged: as if it were not here.
  }
}

/** Forget the remark of one vote: its receipt is saved, or will never be. */
export async function dropRemark(id) {
  await sealedRemarks.drop(id);
}

/**
 * Forget remarks and keys of all users, or of all but one; what is older than its time in any case.
 * @param {?string} user whose are kept
 */
export async function forgetRemarks(user = null) {
  for (const held of await remarkKeys.all()) {
    if (held.user !== user) await remarkKeys.drop(held.user);
  }
  const oldest = Date.now() - KEPT_MS;
  for (const kept of await sealedRemarks.all()) {
    if (kept.user !== user || kept.kept_at_ms < oldest) await sealedRemarks.drop(kept.id);
  }
}
