/**
 * What a doctor has chosen so far, as a value: keys and clicks lead from one to the next.
 * @module
 */

export const DECISIONS = Object.freeze({ a: "approve", r: "reject", q: "abstain" });
export const GRADES = Object.freeze([1, 2, 3, 4]);
export const NOTHING = Object.freeze({ decision: null, grade: null });

/**
 * The choice after a key, or null where the key is none of the vote's.
 * @param {{decision: ?string, grade: ?number}} choice
 * @param {string} key as of a keyboard event @param {boolean} graded whether a grade may be given
 */
export function pressed(choice, key, graded) {
  const name = key.toLowerCase();
  if (name in DECISIONS) return chosen(choice, DECISIONS[name]);
  const grade = Number(key);
  if (graded && GRADES.includes(grade)) return withGrade(choice, grade);
  if (name === "escape" && (choice.decision !== null || choice.grade !== null)) return NOTHING;
  return null;
}

/** The choice with a decision. */
export function chosen(choice, decision) {
  return { ...choice, decision };
}

/** The choice with a grade. */
export function withGrade(choice, grade) {
  return { ...choice, grade };
}

/**
 * What is still missing before it can be signed: "decision", "grade", or null.
 * Abstaining needs no grade: who cannot judge does not grade.
 */
export function missing(choice, graded) {
  if (choice.decision === null) return "decision";
  return graded && choice.grade === null && choice.decision !== "abstain" ? "grade" : null;
}

/**
 * Why a vote cannot be cast on this case, as the key of a text, or null where it can.
 * @param {object} facts of `loadCase` @param {?string} decision
 */
export function obstacle({ proposal, signed }, decision) {
  if (!signed.genuine) return "case.not_genuine";
  if (proposal.body === "failed" && decision === "approve") return "case.body_failed";
  const sealed = proposal.parts.length > 0;
  if (decision === "approve" && sealed && proposal.body !== "opened") return "case.body_not_here";
  return null;
}

/** Whether a decision says something of images that have not been shown to who decides. */
export function isBlind(decision, imagesShown) {
  return !imagesShown && decision !== "abstain";
}

/** Where a case stands for its reader: "open", "cast", or how it ended. */
export function standingOf(proposal, own) {
  if (proposal.state !== "open") return proposal.state;
  return proposal.votes.some((vote) => vote.voter === own) ? "cast" : "open";
}
