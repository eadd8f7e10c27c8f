/** The charter's members as the node tells them: addresses and keys as bytes. */

import { session } from "../session.js";
import { parseAddress } from "./address.js";
import { fromHex } from "./bytes.js";

/** @returns {Uint8Array} the network id of the node that serves this page, 32 bytes */
export function ownNetwork() {
  return fromHex(session.node.network);
}

/**
 * @param {Object} charter answer of `GET /v1/charter`
 * @returns {{address: Uint8Array, text: string, name: string, role: string, active: boolean,
 *   keys: Object<string, string>}[]}
 */
export function membersOf(charter) {
  return charter.members.map((member) => ({
    address: parseAddress(member.address).address,
    text: member.address,
    name: member.name,
    role: member.role,
    active: member.active,
    keys: member.keys,
  }));
}

/**
 * Who may read a new body besides the patient (R-BOD7): doctors, since they vote, AI entities but
 * for the names in forms, and the issuer.
 */
export function readersOf(members, type, issuer) {
  return members.filter(
    (member) =>
      member.role === "doctor" ||
      (member.role === "ai_entity" && type !== "medical_form") ||
      member.text === issuer,
  );
}
