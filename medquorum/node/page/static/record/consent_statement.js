/**
 * Statements of consent as the patient's key signs them (R-CST1, R-CST2).
 * @module
 */

import { parseAddress } from "../keys/address.js";
import { fromHex } from "../keys/bytes.js";
import { encode } from "../keys/canonical.js";
import { signStatement } from "../keys/wallet.js";

/** Purposes that need a consent, in the order of the bytes. */
export const PURPOSES = ["quality", "request", "research"];
/** Ten years, in ms. */
export const LONGEST_MS = 3_660 * 86_400_000;

/**
 * A grant.
 * @param {Uint8Array} patientKey Kp, 33 bytes
 * @param {{purposes: string[], grantee: ?string, fromMs: number, untilMs: number}} wish
 *   grantee: a member's address, null for every member
 */
export function grant(patientKey, { purposes, grantee, fromMs, untilMs }, nowMs = Date.now()) {
  return encode({
    from_ms: fromMs,
    grantee: grantee === null ? null : parseAddress(grantee).address,
    issued_at_ms: nowMs,
    patient_key: patientKey,
    purposes: PURPOSES.filter((purpose) => purposes.includes(purpose)),
    revokes: null,
    until_ms: untilMs,
    version: 1,
  });
}

/** The revocation of a grant. @param {string} id of the grant, hex */
export function revocation(patientKey, id, nowMs = Date.now()) {
  return encode({
    from_ms: 0,
    grantee: null,
    issued_at_ms: nowMs,
    patient_key: patientKey,
    purposes: [],
    revokes: fromHex(id),
    until_ms: 0,
    version: 1,
  });
}

/**
 * A statement with the wallet's signature, canonical bytes.
 * @param {Uint8Array} network 32 bytes
 */
export async function signed(wallet, network, statement) {
  const signature = await signStatement(wallet, "consent", network, statement);
  return encode({ signature, statement });
}
