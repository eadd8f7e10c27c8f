/**
 * The votes a block rests on, the verdict, who dissented.
 * @module
 */

import { el } from "../elements.js";
import { known, t } from "../texts.js";

const COLUMNS = ["doctor", "decision", "role", "mode", "grade"];

function row(vote) {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, vote.voter_name),
    el("td", { class: vote.decision }, known(`explorer.decision_${vote.decision}`, vote.decision)),
    el("td", {}, known(`explorer.role_${vote.role}`, vote.role)),
    el(
      "td",
      {},
      vote.automatic ? t("explorer.by_policy", { mode: vote.mode }) : t("explorer.by_person"),
    ),
    el("td", {}, vote.grade ?? ""),
  );
}

function said({ verdict, outcome }) {
  const counts = t("explorer.verdict", {
    outcome: t(`explorer.outcome_${outcome}`),
    approvals: verdict.approvals,
    rejections: verdict.rejections,
    abstentions: verdict.abstentions,
    panel: verdict.panel,
  });
  return [
    el("p", { class: `verdict ${outcome === "accepted" ? "passed" : "failed"}` }, counts),
    verdict.attending === null
      ? null
      : el(
          "p",
          {},
          t(verdict.attending_approved ? "explorer.attending_approved" : "explorer.attending_not", {
            name: verdict.attending,
          }),
        ),
    verdict.dissent.length === 0
      ? null
      : el("p", { class: "dissent" }, t("record.dissent", { names: verdict.dissent.join(", ") })),
    verdict.missing.length === 0
      ? null
      : el("p", { class: "hint" }, t("explorer.without", { names: verdict.missing.join(", ") })),
  ];
}

/** The section of votes. */
export function votesOf(block) {
  const head = COLUMNS.map((name) => el("th", { scope: "col" }, t(`explorer.column_${name}`)));
  return el(
    "section",
    {},
    el("h2", {}, t("explorer.votes")),
    said(block),
    block.votes.length === 0
      ? null
      : el(
          "table",
          { class: "votes" },
          el("thead", {}, el("tr", {}, head)),
          el("tbody", {}, block.votes.map(row)),
        ),
  );
}
