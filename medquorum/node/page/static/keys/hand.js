/**
 * The doctor's hand: her clinical key, opened from its file, in memory only, until the lock.
 *
 * The key cannot be exported, is in no storage, and is forgotten when the desk locks. What it
 * signs are votes and proposals built in this page from canonical bytes.
 */

import { addressText } from "./address.js";
import { hex } from "./bytes.js";
import { signText } from "./curve.js";
import { Fault } from "./faults.js";
import { openKeyFile } from "./keyfile.js";

const CLINICAL = "clinical";
const SHORTEST_PREIMAGE = 24;
const listeners = new Set();
let held = null;

function tell() {
  for (const listener of listeners) listener(hand);
}

export const hand = {
  /**
   * Open a page key file (`medquorum keys page-file`).
   * @param {string} fileText @param {string} passphrase
   * @throws {Fault} wrong passphrase, a damaged file, or a file of other keys
   */
  async open(fileText, passphrase) {
    const { owner, keys } = await openKeyFile(fileText, passphrase);
    if (!(CLINICAL in keys)) throw new Fault("R-KEY4", "keys.no_clinical_key");
    const { privateKey, publicKey } = keys[CLINICAL];
    const text = addressText(owner, "mqdoc");
    held = {
      algorithm: "es256",
      address: owner,
      member: Object.freeze({ address: text, publicKey: hex(publicKey) }),
      sign: (preimage) => signText(privateKey, preimage),
      bundled: async (preimage) => ({
        signature: await signText(privateKey, preimage), bundle: new Uint8Array(0),
      }),
    };
    tell();
  },

  /** Take another signer of the same shape: an authenticator that signs votes only. */
  take(signer) {
    held = signer;
    tell();
  },

  get isOpen() {
    return held !== null;
  },

  /** 32 bytes, null while locked. */
  get address() {
    return held?.address ?? null;
  },

  /** `{address: "mqdoc1…", publicKey: hex}`, null while locked. */
  get member() {
    return held?.member ?? null;
  },

  /** The votes' algorithm of R-VOT1: `es256`, or `webauthn-es256` for an authenticator. */
  get algorithm() {
    return held?.algorithm ?? null;
  },

  /**
   * Sign the SHA-256 of a text (R-SIG1). WebCrypto hashes itself: a ready digest is refused.
   * @param {Uint8Array} preimage of `hashes.preimage` @returns {Promise<Uint8Array>} 64 bytes
   */
  async sign(preimage) {
    const { sign } = opened();
    if (!sign) throw new Fault("R-VOT2", "keys.votes_only");
    checkPreimage(preimage);
    return sign(preimage);
  },

  /** The signature and bundle of a vote (R-VOT2). */
  async signVote(preimage) {
    const { bundled } = opened();
    checkPreimage(preimage);
    return bundled(preimage);
  },

  /** Forget the key. */
  lock() {
    if (held === null) return;
    held = null;
    tell();
  },

  /** Be told when the hand opens or locks. @returns {function} stop */
  onChange(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

function opened() {
  if (held === null) throw new Fault("", "keys.locked");
  return held;
}

/** A preimage begins with the length of its tag; a digest, handed in by mistake, does not. */
function checkPreimage(preimage) {
  const long = preimage.length > SHORTEST_PREIMAGE;
  if (!long || preimage.subarray(0, 7).some(Boolean) || preimage[7] < 13) {
    throw new TypeError("hand.sign wants the preimage of a tagged digest");
  }
}
