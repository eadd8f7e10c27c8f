/**
 * The right side of a case: evidence above the votes, the history, and what may be written.
 * @module
 */

import { el } from "../elements.js";
import { may, session } from "../session.js";
import { known, t } from "../texts.js";
import { historyList } from "./history.js";
import { prescriptionForm } from "./prescription_form.js";
import { reportForm } from "./report_form.js";
import { reportEvidence } from "./report.js";
import { votesSection } from "./others.js";
import { button, facts, remark, section } from "./sections.js";

function about({ proposal }) {
  const rows = [
    [
      t("case.issuer"),
      [
        proposal.issuer_name,
        known(`shell.role_${proposal.issuer_role}`, proposal.issuer_role),
      ].join(" \u00b7 "),
    ],
    [t("case.body"), known(`shell.body_${proposal.body}`, proposal.body)],
  ];
  if (proposal.replaces !== null)
    rows.push([
      t("case.replaces"),
      el("code", { title: proposal.replaces }, proposal.replaces.slice(0, 8)),
    ]);
  return facts(rows);
}

function ownEvidence(given, goTo) {
  const { proposal, content, signed } = given;
  const doubts = signed.genuine ? null : remark(t("case.not_genuine"), "reject");
  if (proposal.type === "report" && content !== null) return [doubts, reportEvidence(given, goTo)];
  const words =
    proposal.summary.length > 0
      ? section(
          t("case.act"),
          proposal.summary.map((line) => el("p", {}, line)),
        )
      : null;
  const judged = known(`case.judge_${proposal.type}`, "");
  return [
    doubts,
    words,
    judged === "" ? null : remark(judged),
    section(t("case.about_title"), about(given)),
  ];
}

/** Whether this user may issue something for the patient from here. */
function writable(type, patient) {
  if (patient === null || !may("record.read")) return false;
  const issuers = { report: ["doctor", "radiologist"], prescription: ["doctor"] }[type];
  const signsHere = session.node.role === "doctor" && session.role === "doctor";
  const nodeSigns = session.node.role !== "doctor" && may("submission.create");
  return issuers.includes(session.node.role) && (signsHere || nodeSigns);
}

function writing(given, place, acts) {
  const open = (form) => {
    acts.writing(true);
    place.replaceChildren(
      form(given, () => {
        acts.writing(false);
        place.replaceChildren(...choices());
        acts.refresh();
      }),
    );
    place.scrollIntoView({ block: "start" });
  };
  const corrects = given.proposal.type === "report" && given.proposal.ai !== null;
  const choices = () =>
    [
      writable("report", given.patient)
        ? button(t(corrects ? "case.write_correction" : "case.write_report"), () =>
            open(reportForm),
          )
        : null,
      writable("prescription", given.patient)
        ? button(t("case.write_prescription"), () => open(prescriptionForm))
        : null,
    ].filter((one) => one !== null);
  place.replaceChildren(...choices());
  return place;
}

/**
 * Others' votes come first once they may be seen, since they are what is new then.
 * @param {object} given of `loadCase` @param {{goTo, writing, refresh}} acts
 */
export function evidence(given, acts) {
  const votes = votesSection(given.proposal);
  const { blind } = given.proposal;
  return [
    blind ? null : votes,
    ownEvidence(given, acts.goTo),
    writing(given, el("div", { class: "case-writing buttons" }), acts),
    blind ? votes : null,
    historyList(given),
  ];
}
