/**
 * The structured parts of a record, read on request (each reading is logged) and shown.
 * @module
 */

import { api, ApiError } from "../api.js";
import { dialog, el } from "../elements.js";
import { localTime, percent } from "../format.js";
import { decode } from "../keys/canonical.js";
import { may } from "../session.js";
import { known, t } from "../texts.js";
import { milli, unitName } from "./vital_signs.js";

const READABLE = ["PAT_NAME", "V_IND", "TEST_RES", "M_REPORT", "PRESC"];

function facts(rows) {
  return el(
    "dl",
    { class: "facts" },
    rows
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}

function table(columns, rows) {
  const head = columns.map((name) => el("th", { scope: "col" }, t(`record.column_${name}`)));
  const body = rows.map(([first, ...others]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, first),
      others.map((each) => el("td", {}, each)),
    ),
  );
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body));
}

function vitalSigns({ observed_at_ms, signs, anamnesis }) {
  const rows = signs.map(({ code, unit, value_milli }) => [
    t(`record.sign_${code}`),
    `${milli(value_milli)} ${unitName(unit)}`,
  ]);
  return [
    facts([[t("record.observed"), localTime(observed_at_ms)]]),
    table(["sign", "value"], rows),
    anamnesis
      ? [el("h3", {}, t("record.anamnesis")), el("p", { class: "prose" }, anamnesis)]
      : null,
  ];
}

function reference({ reference_low_milli: low, reference_high_milli: high }) {
  if (low === null && high === null) return "";
  const shown = (bound) => (bound === null ? "" : milli(bound));
  return `${shown(low)} – ${shown(high)}`;
}

function results({ collected_at_ms, specimen, results: found }) {
  const rows = found.map((one) => [
    one.analyte,
    `${milli(one.value_milli)} ${one.unit}`,
    reference(one),
    el("span", { class: `flag ${one.flag}` }, t(`record.flag_${one.flag}`)),
  ]);
  return [
    facts([
      [t("record.collected"), localTime(collected_at_ms)],
      [t("record.specimen"), specimen],
    ]),
    table(["analyte", "value", "reference", "flag"], rows),
  ];
}

function scores(findings) {
  const found = findings.scores_ppm;
  if (found === undefined || found === null || typeof found !== "object") return null;
  const rows = Object.entries(found).map(([name, ppm]) => [name, percent(Number(ppm) / 1_000_000)]);
  return rows.length === 0 ? null : table(["score", "share"], rows);
}

/** A machine's "negative" says what it looked for, never more. */
function conclusionName(conclusion, kind) {
  const name = t(`record.conclusion_${conclusion}`);
  return conclusion === "negative" ? known(`record.negative_${kind}`, name) : name;
}

function report({ author_kind, conclusion, next_step, text, findings }) {
  return [
    facts([
      [t("record.author"), t(`record.author_${author_kind}`)],
      [t("record.conclusion"), conclusionName(conclusion, findings.kind)],
      [t("record.advises"), t(`record.advice_${next_step}`)],
    ]),
    el("p", { class: "prose" }, text),
    scores(findings),
  ];
}

function prescription({ kind, lines }) {
  const rows = lines.map(({ text, instruction }) => [text, instruction]);
  return [
    facts([[t("record.prescribed"), t(`record.prescription_${kind}`)]]),
    rows.length === 0 ? null : table(["line", "instruction"], rows),
  ];
}

const SHOWN = {
  PAT_NAME: ({ name }) => el("p", { class: "name" }, name),
  V_IND: vitalSigns,
  TEST_RES: results,
  M_REPORT: report,
  PRESC: prescription,
};

/** Reads one part; throws ApiError where the node refuses. */
export async function readPart(record, part, purpose) {
  const bytes = await api.bytes(
    `/v1/records/${record}/${part}?purpose=${encodeURIComponent(purpose)}`,
  );
  return decode(bytes);
}

/** What to do where a part was not read. @param {ApiError} error */
function refusal({ rule, advice }) {
  return rule === "unknown_record" ? t("record.part_not_here") : advice;
}

/** One part to be shown; `logged` is whether the node has handed it out. */
async function read(block, part, purpose) {
  const problem = (text) => el("p", { class: "problem", role: "alert" }, text);
  try {
    return { shown: SHOWN[part](await readPart(block.record, part, purpose)), logged: true };
  } catch (error) {
    if (error instanceof ApiError) return { shown: problem(refusal(error)), logged: false };
    return { shown: problem(t("record.part_malformed")), logged: true };
  }
}

async function open(block, part, purpose) {
  const { shown, logged } = await read(block, part, purpose);
  const noted = t("record.logged", { purpose: t(`record.purpose_${purpose}`) });
  const close = el(
    "button",
    { type: "button", on: { click: () => box.close() } },
    t("shell.close"),
  );
  const box = dialog(
    t("record.part_of", { part: known(`record.part_${part}`, part), n: block.n_bc }),
    shown,
    logged ? el("p", { class: "hint" }, noted) : null,
    el("div", { class: "buttons" }, close),
  );
  box.classList.add("wide");
  close.focus();
}

/**
 * Buttons that read a block's structured parts.
 * @param {object} block
 * @param {{purpose: function(): string}} reading
 */
export function readButtons(block, reading) {
  if (!may("record.read")) return null;
  return block.parts
    .filter((part) => READABLE.includes(part))
    .map((part) =>
      el(
        "button",
        {
          type: "button",
          class: "small",
          on: { click: () => void open(block, part, reading.purpose()) },
        },
        known(`record.part_${part}`, part),
      ),
    );
}
