/**
 * The patient's history under the evidence: what, when, by whom, with which outcome.
 * @module
 */

import { el } from "../elements.js";
import { localTime } from "../format.js";
import { known, t } from "../texts.js";
import { section } from "./sections.js";

const SHOWN_AT_FIRST = 8;

function entry(block, references) {
  const rejected = block.outcome === "rejected";
  const type = known(`shell.type_${block.proposal_type}`, block.proposal_type);
  const machine = block.ai === null ? null : el("span", { class: "tag" }, t("shell.ai"));
  const rests = references.includes(block.hash)
    ? el("span", { class: "tag" }, t("case.rests_on_this"))
    : null;
  return el(
    "li",
    { class: rejected ? "rejected" : null },
    el("a", { href: `#/case/${block.proposal}` }, type),
    " ",
    machine,
    rests,
    rejected ? el("span", { class: "tag reject" }, t("case.outcome_rejected")) : null,
    el(
      "span",
      { class: "history-facts" },
      t("case.history_facts", {
        time: localTime(block.batch_time_ms),
        author: block.issuer_name,
        number: block.n_bc,
      }),
    ),
  );
}

/** @param {object} facts of `loadCase` */
export function historyList({ proposal, patient, history }) {
  if (patient === null)
    return section(t("case.history"), el("p", { class: "hint" }, t("case.history_new")));
  const newest = [...history].reverse();
  const list = (blocks) =>
    el(
      "ol",
      { class: "history" },
      blocks.map((block) => entry(block, proposal.references)),
    );
  const rest = newest.slice(SHOWN_AT_FIRST);
  const phase = known(`case.phase_${patient.phase}`, patient.phase);
  return section(
    t("case.history_of", { number: patient.n_pb }),
    el("p", { class: "hint" }, t("case.phase_line", { phase, attending: patient.attending_name })),
    list(newest.slice(0, SHOWN_AT_FIRST)),
    rest.length > 0
      ? el(
          "details",
          {},
          el("summary", {}, t("case.history_more", { count: rest.length })),
          list(rest),
        )
      : null,
    el("p", {}, el("a", { href: `#/patient/${patient.n_pb}` }, t("case.whole_record"))),
  );
}
