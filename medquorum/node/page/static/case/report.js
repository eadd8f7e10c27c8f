/**
 * A report as evidence: the machine's findings in numbers, or a colleague's words.
 * @module
 */

import { el } from "../elements.js";
import { known, t } from "../texts.js";
import { showCard } from "./card.js";
import { changesSince } from "./changes.js";
import { fractureFindings } from "./fracture.js";
import { lesions } from "./lesions.js";
import { isNumber, share } from "./numbers.js";
import { organs } from "./organs.js";
import { button, prose, remark, section } from "./sections.js";
import { volumes } from "./volumes.js";

/** What a report concludes: a machine's "negative" says what it looked for, never more. */
function conclusionName({ conclusion, findings }) {
  const name = known(`case.conclusion_${conclusion}`, String(conclusion));
  return conclusion === "negative" ? known(`case.negative_${findings.kind}`, name) : name;
}

/** A share of which no model is ever sure: neither 0 nor 100. */
const unsure = (ppm) => share(isNumber(ppm) ? Math.min(Math.max(ppm, 1), 999_999) : ppm);

/** What the machine's number is a probability of: never of the conclusion as such. */
function probability({ conclusion, findings }) {
  const { fracture, confidence_ppm: sure } = findings;
  if (fracture) return t("case.probability_fracture", { share: unsure(fracture.probability_ppm) });
  const highest = conclusion === "negative" && isNumber(sure) ? 1_000_000 - sure : sure;
  return t("case.probability_tumour", { share: unsure(highest) });
}

function verdict(report, proposal) {
  const { conclusion, next_step: step, findings } = report;
  const machine = report.author_kind === "machine";
  const stated =
    machine && findings.abstained === null
      ? el("span", { class: "hint" }, probability(report))
      : null;
  const next =
    step === "none"
      ? null
      : el("p", {}, t("case.advises", { step: known(`case.step_${step}`, String(step)) }));
  return el(
    "header",
    { class: `conclusion conclusion-${conclusion} of-${findings.fracture ? "film" : "volume"}` },
    el(
      "p",
      { class: "conclusion-line" },
      el("strong", {}, conclusionName(report)),
      " ",
      stated,
    ),
    findings.fracture ? remark(t("case.fracture_scope")) : null,
    findings.abstained ? remark(t("case.abstained", { why: findings.abstained }), "warning") : null,
    next,
    machine
      ? el("p", { class: "machine" }, t("case.machine_made", { name: proposal.issuer_name }))
      : null,
  );
}

function model(proposal, findings) {
  if (proposal.ai === null) return null;
  const card = findings.model_card ?? null;
  const open = button(
    t("case.card_open", { name: proposal.ai.model_name, version: proposal.ai.model_version }),
    () => showCard(proposal.ai, card, proposal.issuer),
    { class: "card-open" },
  );
  return el("p", {}, open);
}

/** A report that is not by the kind of author it names is told so. */
function mismatch(proposal, report) {
  const said = report.author_kind === "machine";
  return said === (proposal.issuer_role === "ai_entity")
    ? null
    : remark(t("case.author_mismatch"), "reject");
}

/**
 * The evidence of a report.
 * @param {object} facts of `loadCase`
 * @param {function(object): void} goTo leads the images to a lesion
 */
export function reportEvidence({ proposal, content }, goTo) {
  const report = content.content;
  const findings = report.findings ?? {};
  const told = el(
    "details",
    { open: report.author_kind !== "machine" },
    el("summary", {}, t("case.words")),
    prose(report.text),
  );
  return [
    content.faults.map((fault) => remark(t("case.content_fault", { fault }), "reject")),
    mismatch(proposal, report),
    verdict(report, proposal),
    model(proposal, findings),
    findings.fracture ? fractureFindings(findings.fracture, findings.abstained === null) : null,
    findings.tumour
      ? [organs(findings.tumour), lesions(findings.tumour, goTo), volumes(findings.tumour)]
      : null,
    changesSince(findings.changes ?? null),
    report.text ? section(t("case.text"), told) : null,
  ];
}
