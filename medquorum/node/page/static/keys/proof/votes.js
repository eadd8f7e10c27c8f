/** Votes of a witness and the verdict they make (R-VOT1 to R-VOT4, R-VER1 to R-VER4, R-GOV4). */

import { compare, equal, hex } from "../bytes.js";
import { encode } from "../canonical.js";
import { verifyText } from "../curve.js";
import { preimage } from "../hashes.js";
import { verifyAssertion } from "../webauthn_rules.js";
import { broken, Fields } from "./fields.js";

const VOTE = [
  "algorithm", "bundle", "comment", "decision", "grade", "mode", "proposal", "role", "signature",
  "voter",
];
const MODE_CHARACTERS = 80;
const POLICY = "policy:";

/** The votes of a witness, ascending by voter (R-ORD6). */
export function readWitness(encoded) {
  const votes = Fields.of(encoded, ["votes"]).bytesList("votes").map(readVote);
  votes.forEach((vote, at) => {
    if (at && compare(votes[at - 1].voter, vote.voter) >= 0) throw broken("R-ORD6");
  });
  return votes;
}

function readVote(encoded) {
  const fields = Fields.of(encoded, VOTE);
  const { bundle, signature, ...signed } = fields.values;
  fields.optionalBytes("comment", 32);
  const mode = fields.text("mode", MODE_CHARACTERS);
  if (mode !== "human" && !(mode.startsWith(POLICY) && mode.length > POLICY.length)) {
    throw broken("R-VOT1");
  }
  return {
    algorithm: fields.choice("algorithm", ["es256", "webauthn-es256"]),
    bundle: fields.bytes("bundle"),
    decision: fields.choice("decision", ["approve", "reject", "abstain"]),
    grade: fields.optionalInteger("grade", 1, 4),
    mode,
    proposal: fields.bytes("proposal", 32),
    role: fields.choice("role", ["attending", "delegate", "peer"]),
    voter: fields.bytes("voter", 32),
    signature: fields.bytes("signature", 64),
    signed: encode(signed),
  };
}

/** Every vote is an active doctor's, on this question, allowed there, and signed. */
export async function checkVotes(votes, question, charter) {
  for (const vote of votes) {
    if (!equal(vote.proposal, question.proposal)) throw broken("R-VOT1");
    const doctor = charter.doctor(vote.voter);
    if (doctor === null) throw broken("R-VOT3");
    if (question.type === null) {
      const plain = vote.role === "peer" && vote.mode === "human" && vote.grade === null;
      if (!plain) throw broken("R-GOV1");
    } else checkClinical(vote, question, charter);
    await checkSigned(vote, doctor, charter.network);
  }
}

function checkClinical(vote, { type }, charter) {
  if (vote.grade !== null && type !== "report") throw broken("R-VOT4");
  const automatic = charter.policy(type).auto_policies;
  if (vote.mode !== "human" && !automatic.includes(vote.mode.slice(POLICY.length))) {
    throw broken("R-VER4");
  }
}

async function checkSigned(vote, doctor, network) {
  const text = preimage("vote", network, vote.signed);
  if (vote.algorithm === "webauthn-es256") {
    const held = vote.mode === "human" && (await verifyAssertion(vote, doctor.webauthn, text));
    if (!held) throw broken("R-VOT2");
    return;
  }
  if (vote.bundle.length) throw broken("R-VOT2");
  const key = vote.mode === "human" ? doctor.clinical : doctor.policy;
  if (key === null || !(await verifyText(key, text, vote.signature))) throw broken("R-VOT1");
}

/** The verdict of checked votes agrees with the block's outcome. */
export function checkVerdict(votes, question, outcome) {
  const governance = question.type === null;
  const reached = governance ? assent(votes, question) : verdict(votes, question);
  const claimed = outcome === "accepted" ? "approved" : "rejected";
  if (reached === claimed) return;
  throw broken(governance ? "R-GOV4" : outcome === "accepted" ? "R-VER2" : "R-VER3");
}

function countsOf(votes, panel) {
  const spoken = new Map(
    votes.filter((vote) => panel.has(hex(vote.voter))).map((vote) => [hex(vote.voter), vote]),
  );
  const approvals = [...spoken.values()].filter((vote) => vote.decision === "approve").length;
  return { spoken, approvals, reachable: panel.size - (spoken.size - approvals) };
}

/** `approved`, `rejected` or `pending` on a block of a patient's chain. */
function verdict(votes, { panel, attending, delegates }) {
  const { spoken, approvals, reachable } = countsOf(votes, panel);
  const voices = new Map();
  for (const delegate of delegates) if (panel.has(delegate)) voices.set(delegate, "delegate");
  if (attending !== null) voices.set(attending, "attending");
  const consent = [...voices].some(([doctor, role]) => {
    const vote = spoken.get(doctor);
    return vote?.decision === "approve" && vote.role === role && vote.mode === "human";
  });
  if (2 * approvals > panel.size && consent) return "approved";
  const heard = [...voices.keys()].every((doctor) => spoken.has(doctor));
  const refused = attending !== null && !consent && heard;
  return panel.size && (2 * reachable <= panel.size || refused) ? "rejected" : "pending";
}

/** The same of an act of governance (R-GOV4). */
function assent(votes, { panel, needed, required }) {
  const { spoken, approvals, reachable } = countsOf(votes, panel);
  const approved = (doctor) => spoken.get(doctor)?.decision === "approve";
  if (approvals >= needed && required.every(approved)) return "approved";
  const lost = required.some(
    (doctor) => !panel.has(doctor) || (spoken.has(doctor) && !approved(doctor)),
  );
  return reachable < needed || lost ? "rejected" : "pending";
}
