/**
 * How a proposal stands: others' votes, once one's own is cast, and who is still missing.
 * @module
 */

import { el } from "../elements.js";
import { known, t } from "../texts.js";
import { section } from "./sections.js";

function voteRow(vote) {
  const grade = vote.grade === null ? "" : t("case.grade_short", { grade: vote.grade });
  const role = vote.automatic ? t("case.automatic") : known(`case.role_${vote.role}`, vote.role);
  return el(
    "li",
    { class: `vote-${vote.decision}` },
    el("span", {}, vote.voter_name),
    el("span", { class: "hint" }, role),
    el(
      "strong",
      {},
      known(`case.said_${vote.decision}`, vote.decision),
      grade === "" ? null : ` ${grade}`,
    ),
  );
}

function tally({ verdict, state }) {
  const attending =
    verdict.attending === null
      ? null
      : t(
          verdict.attending_approved
            ? "case.attending_approved"
            : state === "open"
              ? "case.attending_waits"
              : "case.attending_not",
          { name: verdict.attending },
        );
  return [
    el(
      "p",
      {},
      t("case.tally", {
        approvals: verdict.approvals,
        rejections: verdict.rejections,
        abstentions: verdict.abstentions,
        panel: verdict.panel,
      }),
    ),
    attending === null ? null : el("p", { class: "hint" }, attending),
    verdict.missing.length > 0
      ? el("p", { class: "hint" }, t("case.not_voted", { names: verdict.missing.join(", ") }))
      : null,
  ];
}

/** The votes of a proposal as far as its reader may see them. */
export function votesSection(proposal) {
  if (proposal.blind) {
    return section(
      t("case.votes"),
      el("p", { class: "hint" }, t("case.blind", { panel: proposal.verdict.panel })),
    );
  }
  return section(
    t("case.votes"),
    tally(proposal),
    el("ul", { class: "votes" }, proposal.votes.map(voteRow)),
  );
}
