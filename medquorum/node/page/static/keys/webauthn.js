/**
 * Votes by a security key or passkey: enrolment, and the hand that asks for a touch per vote.
 *
 * A browser offers this on https with a DNS name, or on localhost, never on an IP address. The key
 * is never here: what is asked for is one assertion over one vote's digest, and it is checked
 * against the charter's enrolment before the vote goes anywhere.
 */

import { parseAddress } from "./address.js";
import { fromHex, hex, randomBytes } from "./bytes.js";
import { compress, fromDer } from "./curve.js";
import { Fault } from "./faults.js";
import { hand } from "./hand.js";
import { sha256 } from "./hashes.js";
import { bundleOf, verifyAssertion } from "./webauthn_rules.js";

const ES256 = -7;
const FLAGS_AT = 32;
const CLOUD = 0x18;
const TIMEOUT_MS = 60_000;
export const ENROLMENT_FORMAT = "medquorum/webauthn/1";

/** Whether this page can ask an authenticator at all. */
export function canAuthenticate() {
  const host = location.hostname;
  const named = !/^[\d.]+$/.test(host) && !host.includes(":");
  return named && window.isSecureContext && "PublicKeyCredential" in window;
}

async function asked(request) {
  try {
    return await request();
  } catch (error) {
    const refused = error.name === "NotAllowedError" || error.name === "AbortError";
    throw new Fault("", refused ? "keys.authenticator_refused" : "keys.authenticator_failed");
  }
}

/** The compressed key in a SubjectPublicKeyInfo of P-256. */
async function keyOf(info) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("spki", info, algorithm, true, ["verify"]);
  return compress(new Uint8Array(await crypto.subtle.exportKey("raw", key)));
}

/**
 * Make a credential for this doctor in an authenticator of hers.
 * @param {{name: string, address: string}} doctor as the charter names her; no patient's words
 * @param {{origins?: string[], backup?: boolean}} options more pages of the same host; whether a
 *   key that a vendor's cloud may hold is wanted
 * @returns {Promise<string>} the enrolment's file for `medquorum charter amend enrol`
 */
export async function enrolAuthenticator({ name, address }, { origins = [], backup } = {}) {
  if (!canAuthenticate()) throw new Fault("R-CHA9", "keys.authenticator_needs_name");
  const rpId = location.hostname;
  const publicKey = {
    attestation: "none",
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
    challenge: randomBytes(32),
    pubKeyCredParams: [{ alg: ES256, type: "public-key" }],
    rp: { id: rpId, name: "Medquorum" },
    timeout: TIMEOUT_MS,
    user: { displayName: name, id: parseAddress(address).address, name },
  };
  const { response } = await asked(() => navigator.credentials.create({ publicKey }));
  if (response.getPublicKeyAlgorithm() !== ES256)
    throw new Fault("R-CHA9", "keys.authenticator_kind");
  const flags = new Uint8Array(response.getAuthenticatorData())[FLAGS_AT];
  const enrolment = {
    backup: backup ?? Boolean(flags & CLOUD),
    format: ENROLMENT_FORMAT,
    key: hex(await keyOf(response.getPublicKey())),
    origins: [...new Set([location.origin, ...origins])].sort(),
    rp_id: rpId,
  };
  return `${JSON.stringify(enrolment, null, 1)}\n`;
}

/**
 * Let the hand vote by the authenticator that the charter names for this doctor.
 * @param {Object} member of the answer of `GET /v1/charter`, with `webauthn` and `keys.webauthn`
 */
export function useAuthenticator(member) {
  if (!member.webauthn) throw new Fault("R-VOT2", "keys.not_enrolled");
  if (!canAuthenticate()) throw new Fault("R-CHA9", "keys.authenticator_needs_name");
  const enrolment = { ...member.webauthn, key: fromHex(member.keys.webauthn) };
  hand.take({
    algorithm: "webauthn-es256",
    address: parseAddress(member.address).address,
    member: Object.freeze({ address: member.address, publicKey: member.keys.webauthn }),
    bundled: (preimage) => assertionOf(preimage, enrolment),
  });
}

async function assertionOf(preimage, enrolment) {
  const publicKey = {
    allowCredentials: [],
    challenge: await sha256(preimage),
    rpId: enrolment.rp_id,
    timeout: TIMEOUT_MS,
    userVerification: "required",
  };
  const { response } = await asked(() => navigator.credentials.get({ publicKey }));
  const bundle = bundleOf(
    new Uint8Array(response.authenticatorData),
    new Uint8Array(response.clientDataJSON),
  );
  const signature = fromDer(new Uint8Array(response.signature));
  if (!(await verifyAssertion({ bundle, signature }, enrolment, preimage))) {
    throw new Fault("R-VOT6", "keys.other_authenticator");
  }
  return { bundle, signature };
}
