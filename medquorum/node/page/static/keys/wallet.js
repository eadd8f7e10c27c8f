/**
 * A patient's own keys: one to be the patient (Kp), one to read her record (R-PRO4, R-KEY4).
 *
 * Made on the patient's device, saved as a page key file with the purposes `patient` and
 * `encryption`, which `medquorum patient` reads too. An institution sees public keys and proofs.
 */

import { addressText } from "./address.js";
import { hex, randomBytes } from "./bytes.js";
import { encode } from "./canonical.js";
import { exportCompressed, signText } from "./curve.js";
import { Fault } from "./faults.js";
import { addressOf, preimage } from "./hashes.js";
import { openSealed } from "./hpke.js";
import { openKeyFile, sealKeyFile } from "./keyfile.js";

const NAME_CHARACTERS = 200;
const GENERATED = {
  patient: [{ name: "ECDSA", namedCurve: "P-256" }, ["sign", "verify"]],
  encryption: [{ name: "ECDH", namedCurve: "P-256" }, ["deriveBits"]],
};

async function generate(purpose) {
  const [algorithm, uses] = GENERATED[purpose];
  // Extractable for the one `wrapKey` of the file; the wallet in use is opened from that file.
  const pair = await crypto.subtle.generateKey(algorithm, true, uses);
  return { privateKey: pair.privateKey, publicKey: await exportCompressed(pair.publicKey) };
}

/**
 * New keys and the file to save.
 * @param {string} passphrase of at least 12 characters
 * @returns {Promise<{wallet: Object, fileText: string}>}
 */
export async function newWallet(passphrase) {
  const keys = { patient: await generate("patient"), encryption: await generate("encryption") };
  const owner = await addressOf(keys.patient.publicKey);
  const fileText = await sealKeyFile(keys, owner, passphrase);
  return { wallet: await openWallet(fileText, passphrase), fileText };
}

/** @returns {Promise<Object>} the wallet; Fault for a wrong passphrase or another file */
export async function openWallet(fileText, passphrase) {
  const { owner, keys } = await openKeyFile(fileText, passphrase);
  const { patient, encryption } = keys;
  if (!patient || !encryption) throw new Fault("R-KEY4", "keys.no_wallet");
  return walletOf(owner, patient, encryption);
}

function walletOf(owner, patient, encryption) {
  let open = { signing: patient.privateKey, reading: encryption.privateKey };
  const opened = () => {
    if (open === null) throw new Fault("", "keys.locked");
    return open;
  };
  return Object.freeze({
    /** Kp, 33 bytes. */
    publicKey: patient.publicKey,
    /** 33 bytes. */
    encryptionKey: encryption.publicKey,
    /** `mqpat1…` */
    address: addressText(owner, "mqpat"),
    /** Sign the SHA-256 of a preimage of `hashes.preimage`; 64 bytes. */
    sign: async (text) => signText(opened().signing, text),
    /** Open a wrap's sealed keys (R-BOD7). */
    open: async (sealed, info) => {
      return openSealed(sealed, opened().reading, encryption.publicKey, info);
    },
    /** Forget both keys. */
    close: () => {
      open = null;
    },
  });
}

/**
 * What an institution needs to register this patient, and nothing more (R-PRO4, R-PRO5).
 * @param {Object} asked `wallet`, `network` and `issuer` (32 bytes each), `name`
 * @returns {Promise<Object>} RegistrationForm of the API, hex
 */
export async function registrationFor({ wallet, network, issuer, name }) {
  const shown = name.trim().normalize("NFC");
  if (!shown || shown.length > NAME_CHARACTERS) throw new Fault("R-PRO5", "keys.bad_name");
  const payload = encode({
    encryption_key: wallet.encryptionKey, issuer, patient_key: wallet.publicKey,
  });
  const proof = await wallet.sign(preimage("registration", network, payload));
  return {
    public_key: hex(wallet.publicKey),
    encryption_key: hex(wallet.encryptionKey),
    proof: hex(proof),
    name_salt: hex(randomBytes(32)),
    name: shown,
  };
}

/**
 * The patient's signature of a statement: a consent, a grant, a withdrawal.
 * @param {string} kind of R-HASH2, such as `consent` @param {Uint8Array} statement canonical bytes
 */
export async function signStatement(wallet, kind, network, statement) {
  return wallet.sign(preimage(kind, network, statement));
}
