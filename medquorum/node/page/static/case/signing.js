/**
 * From a choice to a vote the node has: the key is opened where it must be, the vote signed here,
 * read back, kept until it is acknowledged.
 * @module
 */

import { ApiError } from "../api.js";
import { ensureHand } from "../key_form.js";
import { parseAddress } from "../keys/address.js";
import { castVote, readVote } from "../keys/ballot.js";
import { hex } from "../keys/bytes.js";
import { Fault } from "../keys/faults.js";
import { ownNetwork } from "../keys/members.js";
import { send } from "../keys/outbox.js";
import { session } from "../session.js";
import { known, t } from "../texts.js";
import { remarkOf } from "./receipt.js";

/** What became of an attempt; `final` where nothing more can be done on this case. */
const notice = (text, weight, final = false) => ({ text, weight, final });

async function signed({ signed: proposal, role }, choice, comment) {
  const network = ownNetwork();
  const bytes = await castVote({
    proposalBytes: proposal.bytes,
    network,
    id: proposal.id,
    decision: choice.decision,
    grade: choice.grade,
    role,
    comment,
  });
  const meant = {
    proposal: proposal.id,
    voter: hex(parseAddress(session.node.address).address),
    decision: choice.decision,
    grade: choice.grade,
    role,
    comment: comment === null ? null : hex(comment),
  };
  const said = await readVote(bytes, network);
  if (Object.entries(meant).some(([name, value]) => said[name] !== value))
    throw new Fault("R-VOT1", "keys.bad_vote");
  return bytes;
}

function told(outcome) {
  if (outcome.state === "acknowledged") return null;
  if (outcome.state === "kept") {
    const why =
      outcome.rule === undefined || outcome.rule === "away"
        ? t("case.kept_away")
        : known(`case.kept_${outcome.rule}`, outcome.advice ?? "");
    return notice(t("case.kept", { why }), "warning", true);
  }
  const why = known(`case.refused_${outcome.rule}`, outcome.advice ?? "");
  return notice(t("case.refused", { why }), "reject", true);
}

/**
 * Signs and sends.
 * @returns {Promise<{state: string, notice: ?object, comment: ?object}>} `state` is acknowledged,
 *   kept (signed, not with the node yet), refused, or idle (nothing was signed)
 */
export async function signAndSend(facts, choice, text) {
  const idle = (said) => ({ state: "idle", notice: said, comment: null });
  try {
    if (!(await ensureHand())) return idle(notice(t("case.key_needed"), "warning"));
    const { comment, digest } = await remarkOf(text);
    const outcome = await send(await signed(facts, choice, digest), comment);
    return { state: outcome.state, notice: told(outcome), comment };
  } catch (error) {
    if (error instanceof Fault) return idle(notice(t(error.key, error.values), "reject"));
    if (error instanceof ApiError) return idle(notice(error.advice, "warning"));
    throw error;
  }
}
