/** Votes: built from the proposal's bytes and what the doctor chose, signed here (R-VOT1). */

import { hand } from "./hand.js";
import { equal, fromHex, hex } from "./bytes.js";
import { decode, encode } from "./canonical.js";
import { verifyText } from "./curve.js";
import { Fault } from "./faults.js";
import { preimage, sha256, tagged } from "./hashes.js";
import { ownNetwork } from "./members.js";

export const DECISIONS = Object.freeze(["approve", "reject", "abstain"]);
export const VOTER_ROLES = Object.freeze(["attending", "delegate", "peer"]);
/** Who issues what (R-BLK2); evidence and the rest of governance by the charter's rules. */
export const ISSUERS = Object.freeze({
  medical_form: ["hospital", "doctor"],
  ct: ["radiologist", "hospital"],
  pet: ["radiologist", "hospital"],
  xray: ["radiologist", "hospital"],
  test_result: ["laboratory", "hospital"],
  report: ["doctor", "radiologist", "ai_entity"],
  prescription: ["doctor"],
  attending: ["hospital", "doctor"],
});

/**
 * Read a proposal's bytes (R-PRO2); its id is computed from them, whatever a node says it is.
 * @param {Uint8Array} proposalBytes @param {Uint8Array} network 32 bytes
 * @returns {Promise<{id: string, idBytes: Uint8Array, core: Object, coreBytes: Uint8Array,
 *   signature: Uint8Array}>}
 * @throws {Fault} when malformed or of another network
 */
export async function readProposal(proposalBytes, network) {
  const fields = decode(proposalBytes);
  const names = fields && typeof fields === "object" ? Object.keys(fields).join() : "";
  const shaped = names === "core,signature" && fields.core instanceof Uint8Array;
  if (!shaped || fields.signature?.length !== 64) throw new Fault("R-PRO2", "keys.bad_proposal");
  const core = decode(fields.core);
  if (core === null || typeof core !== "object" || core.version !== 1) {
    throw new Fault("R-PRO1", "keys.bad_proposal");
  }
  if (!(core.network instanceof Uint8Array) || !equal(core.network, network)) {
    throw new Fault("R-PRO1", "keys.other_network");
  }
  const idBytes = await tagged("proposal", network, fields.core);
  const { core: coreBytes, signature } = fields;
  return { id: hex(idBytes), idBytes, core, coreBytes, signature };
}

/**
 * Whether the proposal's issuer is a member who may issue its type, and signed it.
 * @param {Object} proposal of `readProposal`
 * @param {{address: Uint8Array, role: string, keys: Object<string, string>, active: boolean}[]}
 *   members
 */
export async function isIssued(proposal, members) {
  const { core, coreBytes, signature } = proposal;
  const issuer = members.find((member) => equal(member.address, core.issuer));
  const roles = ISSUERS[core.type];
  if (!issuer?.active || (roles && !roles.includes(issuer.role))) return false;
  const key = core.type === "evidence" ? issuer.keys.consensus : issuer.keys.clinical;
  const text = preimage("proposal", core.network, coreBytes);
  return verifyText(fromHex(key), text, signature);
}

/**
 * A signed vote on exactly the proposal whose bytes are given.
 * @param {Object} choice `proposalBytes`; `id` the hexadecimal id that was shown; `network` 32
 *   bytes, else the node's; `decision`; `grade` 1 to 4 on reports, else null; `role`; `comment` a
 *   digest of 32
 *   bytes or null
 * @returns {Promise<Uint8Array>} the vote's canonical bytes (R-VOT1)
 */
export async function castVote(choice) {
  const { proposalBytes, id, decision, grade = null, role = "peer", comment = null } = choice;
  const { network = ownNetwork() } = choice;
  const proposal = await readProposal(proposalBytes, network);
  if (proposal.id !== id) throw new Fault("R-PRO2", "keys.other_proposal");
  checkChoice(proposal.core, decision, grade, role);
  const digest = comment instanceof Uint8Array && comment.length === 32;
  if (comment !== null && !digest) throw new Fault("R-VOT1", "keys.bad_choice");
  const algorithm = hand.algorithm;
  if (algorithm === null) throw new Fault("", "keys.locked");
  const signed = {
    algorithm,
    comment,
    decision,
    grade,
    mode: "human",
    proposal: proposal.idBytes,
    role,
    voter: hand.address,
  };
  const text = preimage("vote", network, encode(signed));
  const { signature, bundle } = await hand.signVote(text);
  return encode({ ...signed, bundle, signature });
}

function checkChoice(core, decision, grade, role) {
  const known = DECISIONS.includes(decision) && VOTER_ROLES.includes(role);
  if (!known) throw new Fault("R-VOT1", "keys.bad_choice");
  const graded = grade !== null;
  if (graded && (core.type !== "report" || ![1, 2, 3, 4].includes(grade))) {
    throw new Fault("R-VOT4", "keys.bad_grade");
  }
  if ("act" in core && role !== "peer") throw new Fault("R-GOV1", "keys.bad_choice");
}

/**
 * What a vote's bytes say.
 * @param {Uint8Array} voteBytes @param {Uint8Array} network
 * @returns {Promise<{id: string, proposal: string, voter: string, decision: string,
 *   grade: ?number, role: string, comment: ?string}>} ids and the remark's digest in hex
 */
export async function readVote(voteBytes, network) {
  const { bundle, signature, ...signed } = decode(voteBytes);
  if (!(bundle instanceof Uint8Array) || signature?.length !== 64) {
    throw new Fault("R-VOT1", "keys.bad_vote");
  }
  const digest = await sha256(preimage("vote", network, encode(signed)));
  return {
    id: hex(digest),
    proposal: hex(signed.proposal),
    voter: hex(signed.voter),
    decision: signed.decision,
    grade: signed.grade,
    role: signed.role,
    comment: signed.comment === null ? null : hex(signed.comment),
  };
}
