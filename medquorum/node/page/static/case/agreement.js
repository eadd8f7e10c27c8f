/**
 * Whether what is shown of a proposal is what its signed bytes say: a node tells both, and only
 * the bytes bear the issuer's signature.
 * @module
 */

import { parseAddress } from "../keys/address.js";
import { hex } from "../keys/bytes.js";
import { Fault } from "../keys/faults.js";

const octets = (value) => (value instanceof Uint8Array ? hex(value) : null);
const list = (value) => (Array.isArray(value) ? value : []);

/** An address as hex; a stranger's, which the node tells in hex, as it is. */
function addressOf(text) {
  try {
    return hex(parseAddress(text).address);
  } catch (error) {
    if (error instanceof Fault) return text;
    throw error;
  }
}

/** A core's facts; an act of governance has no patient, no parts, and its issuer as its doctor. */
function signedFacts(core) {
  const patient = core.patient ?? null;
  return [
    octets(core.record),
    core.type,
    octets(core.issuer),
    octets("act" in core ? core.issuer : core.doctor),
    patient === null ? null : Number(patient),
    list(core.references).map(octets),
    octets(core.replaces),
    list(core.parts).map((part) => part?.name),
  ];
}

/**
 * @param {object} proposal the node's view of it @param {object} core as decoded from the bytes
 * @returns {boolean} whether the view names the same record, type, issuer, doctor, patient,
 *   references, replaced block and parts
 */
export function agrees(proposal, core) {
  const shown = [
    proposal.record,
    proposal.type,
    addressOf(proposal.issuer),
    addressOf(proposal.doctor),
    proposal.patient,
    proposal.references,
    proposal.replaces,
    proposal.parts,
  ];
  return JSON.stringify(shown) === JSON.stringify(signedFacts(core));
}
