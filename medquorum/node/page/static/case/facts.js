/**
 * What a case is made of: the proposal, its exact bytes, its patient, her history, its content.
 * @module
 */

import { api } from "../api.js";
import { isIssued, readProposal } from "../keys/ballot.js";
import { membersOf, ownNetwork } from "../keys/members.js";
import { may, session } from "../session.js";
import { agrees } from "./agreement.js";

const STRUCTURED = ["V_IND", "TEST_RES", "M_REPORT", "PRESC"];
const IMAGES = {
  ct: { kind: "ct", part: "IMG_CT" },
  pet: { kind: "pet", part: "IMM_PET" },
  xray: { kind: "xray", part: "IMG_XRAY" },
};
const PAGE = 500;
const MOST_PAGES = 20;

/** A patient's blocks, oldest first. @param {number} patient N PB */
export async function historyOf(patient) {
  const blocks = [];
  let after = 0;
  for (let page = 0; page < MOST_PAGES && after !== null; page += 1) {
    const answer = await api.get(`/v1/patients/${patient}/history?after=${after}&limit=${PAGE}`);
    blocks.push(...answer.blocks);
    after = answer.next_after;
  }
  return blocks;
}

/**
 * The structured part of a proposal or block; null where it has none or it is not here to be read.
 * @returns {Promise<?{part: string, content: object, faults: string[]}>} a part that is in no form
 *   at all has no fields and the refusal as its fault
 */
export async function contentOf({ record, parts, body }) {
  const part = STRUCTURED.find((name) => parts.includes(name));
  if (part === undefined || body !== "opened" || !may("record.read")) return null;
  try {
    const { content, faults } = await api.get(`/v1/contents/${record}/${part}`);
    return { part, content, faults };
  } catch (error) {
    if (error.status === 409) return { part, content: {}, faults: [error.advice] };
    if (error.status === 404) return null;
    throw error;
  }
}

/**
 * The proposal as its bytes say, for what is signed; `issued` is whether its issuer signed it.
 * @param {string} id hex, as the address of the page names it
 */
async function signedProposal(id) {
  const bytes = await api.bytes(`/v1/proposals/${id}/bytes`);
  const read = await readProposal(bytes, ownNetwork());
  const charter = await api.get("/v1/charter");
  const issued = read.id === id && (await isIssued(read, membersOf(charter)));
  return { bytes, core: read.core, id: read.id, issued, members: membersOf(charter) };
}

/** What is signed, with whether the view that is shown says the same: else it is not `genuine`. */
export function compared(signed, proposal) {
  const same = proposal.id === signed.id && agrees(proposal, signed.core);
  return { ...signed, genuine: signed.issued && same };
}

/** In which capacity this node's doctor votes now (R-VOT4, R-GOV1). */
export function voterRole(proposal, patient, entries) {
  const own = session.node.address;
  if (proposal.patient === null && proposal.type !== "medical_form") return "peer";
  const attending = patient === null ? proposal.doctor : patient.attending;
  if (attending === own) return "attending";
  const stands = (entry) =>
    entry.in_force &&
    entry.attending === attending &&
    entry.delegate === own &&
    [null, proposal.patient].includes(entry.patient) &&
    [null, proposal.id].includes(entry.proposal);
  return entries.some(stands) ? "delegate" : "peer";
}

/**
 * The series beside which a case is judged: an image's own, a report's references, a PET with the
 * CT that it is read with.
 * @returns {{series: {kind: string, record: string, part: string}[], overlays: {record: string}[]}}
 */
export function imagesOf(proposal, history) {
  const own = IMAGES[proposal.type];
  const found = own ? [{ ...own, record: proposal.record }] : referenced(proposal, history);
  if (found.some((one) => one.kind === "pet") && !found.some((one) => one.kind === "ct")) {
    const ct = history.filter(isAccepted).findLast((block) => block.type === "ct");
    if (ct !== undefined) found.unshift({ ...IMAGES.ct, record: ct.record });
  }
  const drawn = proposal.type === "report" && proposal.parts.includes("ATTACHMENT");
  return { series: found, overlays: drawn ? [{ record: proposal.record }] : [] };
}

const isAccepted = (block) => block.outcome === "accepted";

function referenced({ references, replaces }, history) {
  const named = history.filter((block) => references.includes(block.hash) && IMAGES[block.type]);
  if (named.length > 0) {
    return named.map((block) => ({ ...IMAGES[block.type], record: block.record }));
  }
  const corrected = history.find((block) => block.hash === replaces);
  return corrected === undefined
    ? []
    : referenced(
        corrected,
        history.filter((one) => one !== corrected),
      );
}

/** Everything that the case view shows. @param {string} id hex of the proposal */
export async function loadCase(id) {
  const proposal = await api.get(`/v1/proposals/${id}`);
  const known = proposal.patient !== null;
  const [read, patient, history, registry] = await Promise.all([
    signedProposal(id),
    known ? api.get(`/v1/patients/${proposal.patient}`) : null,
    known ? historyOf(proposal.patient) : [],
    api.get("/v1/registry"),
  ]);
  const content = await contentOf(proposal);
  const role = voterRole(proposal, patient, registry.entries);
  const signed = compared(read, proposal);
  return { proposal, signed, patient, history, content, role, images: imagesOf(proposal, history) };
}
