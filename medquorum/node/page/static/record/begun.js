/**
 * A registration that was sent and not answered, so that a reload of the page finds it again: in
 * this tab only, until it is answered; the sign-out clears it (`session.leave`).
 *
 * The wallet is kept as the patient keeps it, the encrypted file. What the form held, her name
 * too, is sealed to her own reading key: without her passphrase neither opens.
 * @module
 */

import { fromHex, hex, utf8 } from "../keys/bytes.js";
import { Fault } from "../keys/faults.js";
import { sealTo } from "../keys/hpke.js";
import { openWallet } from "../keys/wallet.js";
import { session } from "../session.js";

const PREFIX = "medquorum.begun.";
const INFO = utf8("medquorum/v1/begun-registration");

const key = () => `${PREFIX}${session.user}`;

/**
 * Keeps a registration that is about to be sent; a browser that keeps nothing has it on the page
 * alone.
 * @param {{wallet: object, fileText: string}} keys @param {object} written of `registrar`, JSON
 * @param {boolean} changed whether something else was sent before, and not answered either
 */
export async function keepBegun({ wallet, fileText }, written, changed) {
  const sealed = await sealTo(utf8(JSON.stringify(written)), wallet.encryptionKey, INFO);
  const begun = { address: wallet.address, fileText, sealed: hex(sealed), changed };
  try {
    sessionStorage.setItem(key(), JSON.stringify(begun));
  } catch {
    // No room, or storage is switched off.
  }
}

/**
 * What was sent and not answered.
 * @returns {?{address: string, fileText: string, changed: boolean}} null: nothing
 */
export function begunRegistration() {
  try {
    const begun = JSON.parse(sessionStorage.getItem(key()) ?? "null");
    const texts = [begun?.address, begun?.fileText, begun?.sealed];
    return texts.every((text) => typeof text === "string") ? begun : null;
  } catch {
    return null;
  }
}

/**
 * Its keys and what the form held.
 * @param {string} passphrase the patient's
 * @returns {Promise<{keys: {wallet: object, fileText: string}, written: object}>} the wallet is
 *   open; Fault for a wrong passphrase
 */
export async function openBegun({ address, fileText, sealed }, passphrase) {
  const wallet = await openWallet(fileText, passphrase);
  const octets = fromHex(sealed);
  if (wallet.address !== address || octets === null) throw new Fault("", "keys.file_corrupt");
  try {
    const written = JSON.parse(new TextDecoder().decode(await wallet.open(octets, INFO)));
    return { keys: { wallet, fileText }, written };
  } catch {
    wallet.close();
    throw new Fault("", "keys.file_corrupt");
  }
}

/** Forgets it: it was answered, or is given up. */
export function dropBegun() {
  sessionStorage.removeItem(key());
}
