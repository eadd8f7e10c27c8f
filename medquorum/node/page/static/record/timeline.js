/**
 * A patient's consultations: the phases entered, what may come next, and the blocks behind them.
 * @module
 */

import { el } from "../elements.js";
import { estimate, localTime } from "../format.js";
import { known, t } from "../texts.js";
import { caseLink } from "./case_link.js";
import { readButtons } from "./contents.js";
import { drawn, isEnd } from "./phases.js";

const COLUMNS = ["block", "what", "issuer", "issued", "votes", "led_to", "contents"];

function phaseMark({ phase, state, n_bc }) {
  const name = t(`record.phase_${phase}`);
  const mark = n_bc === null ? name : el("a", { href: `#/block/${n_bc}` }, name);
  return el(
    "li",
    { class: `phase ${state === "current" && isEnd(phase) ? "reached" : state}` },
    mark,
    el("span", { class: "unseen" }, `, ${t(`record.state_${state}`)}`),
  );
}

function diagram(consultation) {
  return el(
    "div",
    { class: "phases" },
    drawn(consultation).map(({ name, phases }) =>
      el(
        "div",
        { class: "branch" },
        el("h4", {}, t(`record.branch_${name}`)),
        el("ol", {}, phases.map(phaseMark)),
      ),
    ),
  );
}

function nextSteps({ permitted, closed }) {
  if (closed) return el("p", { class: "hint" }, t("record.closed"));
  if (permitted.length === 0) return el("p", { class: "hint" }, t("record.no_step"));
  return el(
    "div",
    { class: "next" },
    el("h4", {}, t("record.next")),
    el(
      "ul",
      {},
      permitted.map(({ step, roles, leads_to }) =>
        el(
          "li",
          {},
          el("strong", {}, t(`record.step_${step}`)),
          " ",
          el(
            "span",
            { class: "hint" },
            t("record.step_by", {
              roles: roles.map((role) => t(`record.member_${role}`)).join(", "),
              phase: t(`record.phase_${leads_to}`),
            }),
          ),
        ),
      ),
    ),
  );
}

/** The name of a block's type, for people. */
export function typeName(type) {
  return known(`record.type_${type}`, type);
}

function votes({ verdict }) {
  const said = t("record.votes", { approvals: verdict.approvals, panel: verdict.panel });
  if (verdict.dissent.length === 0) return said;
  return [
    said,
    el("p", { class: "dissent" }, t("record.dissent", { names: verdict.dissent.join(", ") })),
  ];
}

function what(block) {
  const machine = block.ai;
  const sure = machine && estimate(machine.confidence_ppm);
  return [
    typeName(block.proposal_type),
    machine ? el("span", { class: "tag" }, t("record.machine", { sure })) : null,
    block.outcome === "rejected"
      ? el("span", { class: "tag rejected" }, t("record.rejected"))
      : null,
    block.replaces ? el("span", { class: "tag" }, t("record.corrects")) : null,
  ];
}

function row(block, phase, reading) {
  return el(
    "tr",
    { class: block.outcome === "rejected" ? "rejected" : null },
    el(
      "th",
      { scope: "row" },
      el("a", { href: `#/block/${block.n_bc}` }, t("record.block", { n: block.n_bc })),
    ),
    el("td", {}, what(block)),
    el("td", {}, block.issuer_name),
    el("td", { class: "time" }, localTime(block.issued_at_ms)),
    el("td", {}, votes(block)),
    el("td", {}, phase === undefined ? null : t(`record.phase_${phase}`)),
    el("td", {}, readButtons(block, reading), caseLink(block)),
  );
}

/**
 * A table of blocks.
 * @param {object[]} blocks  of `GET /v1/patients/{n}/history`
 * @param {Map<number, string>} led  N BC to the phase it led to
 * @param {{purpose: function(): string}} reading
 */
export function blockTable(blocks, led, reading, caption) {
  const head = COLUMNS.map((name) => el("th", { scope: "col" }, t(`record.column_${name}`)));
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      { class: "blocks" },
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, head)),
      el(
        "tbody",
        {},
        blocks.map((block) => row(block, led.get(block.n_bc), reading)),
      ),
    ),
  );
}

function heading(consultation) {
  const began = consultation.phases.find(({ time_ms }) => time_ms !== null);
  return el(
    "header",
    {},
    el("h3", {}, t(`record.track_${consultation.track}`, { n: consultation.number })),
    el(
      "span",
      { class: `phase-now${consultation.closed ? "" : " current"}` },
      t(`record.phase_${consultation.phase}`),
    ),
    began
      ? el("span", { class: "hint" }, t("record.since", { time: localTime(began.time_ms) }))
      : null,
  );
}

function section(consultation, byNumber, reading) {
  const led = new Map(consultation.phases.map(({ n_bc, phase }) => [n_bc, phase]));
  const blocks = consultation.blocks.map((n_bc) => byNumber.get(n_bc)).filter(Boolean);
  const caption = t("record.blocks_of", {
    consultation: t(`record.track_${consultation.track}`, { n: consultation.number }),
  });
  return el(
    "section",
    { class: "consultation", "aria-label": caption },
    heading(consultation),
    diagram(consultation),
    nextSteps(consultation),
    blocks.length === 0 ? null : blockTable(blocks, led, reading, caption),
  );
}

/**
 * The timeline, newest consultation first, then what belongs to none.
 * @param {object} timeline  of `GET /v1/patients/{n}/timeline`
 * @param {object[]} history  every block of the patient
 * @param {{purpose: function(): string}} reading
 */
export function timelineView(timeline, history, reading) {
  const byNumber = new Map(history.map((block) => [block.n_bc, block]));
  const placed = new Set(timeline.consultations.flatMap(({ blocks }) => blocks));
  const rest = history.filter(({ n_bc }) => !placed.has(n_bc));
  const sections = timeline.consultations.map((one) => section(one, byNumber, reading)).reverse();
  const others = t(timeline.readable ? "record.others" : "record.all_blocks");
  return [
    timeline.readable ? null : el("p", { class: "notice" }, t("record.not_readable")),
    ...sections,
    rest.length === 0
      ? null
      : el(
          "section",
          { class: "consultation" },
          el("h3", {}, others),
          blockTable(rest, new Map(), reading, others),
        ),
  ];
}
