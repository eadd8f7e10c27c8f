/**
 * Medical forms, test results and prescriptions as documents.
 * @module
 */

import { api } from "../api.js";
import { el } from "../elements.js";
import { localTime } from "../format.js";
import { known, t } from "../texts.js";
import { isNumber, listOf, thousandths } from "./numbers.js";
import { prose, remark, section } from "./sections.js";

/** Usual ranges of an adult at rest, in thousandths of the unit: a mark, no judgement. */
const USUAL = Object.freeze({
  body_temperature: [36_000, 37_700],
  heart_rate: [60_000, 100_000],
  systolic_pressure: [90_000, 140_000],
  diastolic_pressure: [60_000, 90_000],
  respiratory_rate: [12_000, 20_000],
  oxygen_saturation: [94_000, 100_000],
  blood_glucose: [3_900, 7_800],
});
const UNITS = Object.freeze({ degC: "\u00b0C", "/min": "/min" });
const ARROWS = Object.freeze({ low: "\u2193", high: "\u2191", implausible: "\u26a0" });

function markOf({ code, value_milli: milli }, plausible) {
  const range = plausible.find((one) => one.code === code);
  if (
    !isNumber(milli) ||
    range === undefined ||
    milli < range.low_milli ||
    milli > range.high_milli
  )
    return "implausible";
  const [low, high] = USUAL[code] ?? [milli, milli];
  return milli < low ? "low" : milli > high ? "high" : "usual";
}

const unitOf = (unit) => UNITS[unit] ?? String(unit);

function places(milli) {
  return isNumber(milli) && milli % 1000 === 0 ? 0 : 1;
}

function signRow(sign, plausible) {
  const mark = markOf(sign, plausible);
  const usual = USUAL[sign.code];
  const range =
    usual === undefined ? "" : t("case.range", { low: usual[0] / 1000, high: usual[1] / 1000 });
  return el(
    "tr",
    { class: `sign-${mark}` },
    el("th", { scope: "row" }, known(`case.sign_${sign.code}`, String(sign.code))),
    el(
      "td",
      { class: "value" },
      thousandths(sign.value_milli, places(sign.value_milli)),
      " ",
      el("span", { class: "unit" }, unitOf(sign.unit)),
    ),
    el(
      "td",
      { class: "mark" },
      mark === "usual" ? "" : `${ARROWS[mark]} ${t(`case.mark_${mark}`)}`,
    ),
    el("td", { class: "hint" }, range),
  );
}

function grid(heads, rows) {
  const cells = heads.map((name) => el("th", { scope: "col" }, t(`case.${name}`)));
  return el(
    "table",
    { class: "document-table" },
    el("thead", {}, el("tr", {}, cells)),
    el("tbody", {}, rows),
  );
}

async function medicalForm(form) {
  const plausible = await api.get("/v1/signs");
  const when = el(
    "p",
    { class: "hint" },
    t("case.observed_at", { time: localTime(form.observed_at_ms) }),
  );
  const rows = listOf(form.signs).map((sign) => signRow(sign, plausible));
  return [
    section(
      t("case.vital_signs"),
      when,
      grid(["sign", "value", "mark", "usual_range"], rows),
      el("p", { class: "hint" }, t("case.usual_hint")),
    ),
    section(
      t("case.anamnesis"),
      form.anamnesis ? prose(form.anamnesis) : el("p", {}, t("case.nothing_written")),
    ),
  ];
}

function resultRow(result) {
  const { reference_low_milli: low, reference_high_milli: high, flag } = result;
  const range = [low, high].every(isNumber)
    ? t("case.range", { low: thousandths(low, places(low)), high: thousandths(high, places(high)) })
    : "";
  return el(
    "tr",
    { class: flag === "normal" ? null : "flagged" },
    el("th", { scope: "row" }, result.analyte),
    el(
      "td",
      { class: "value" },
      thousandths(result.value_milli, places(result.value_milli)),
      " ",
      el("span", { class: "unit" }, result.unit),
    ),
    el(
      "td",
      { class: "mark" },
      flag === "normal" ? "" : `${ARROWS[flag] ?? ""} ${known(`case.mark_${flag}`, String(flag))}`,
    ),
    el("td", { class: "hint" }, range),
  );
}

function testResults(results) {
  const about = t("case.specimen", {
    specimen: results.specimen,
    time: localTime(results.collected_at_ms),
  });
  return [
    section(
      t("case.test_results"),
      el("p", { class: "hint" }, about),
      grid(["analyte", "value", "mark", "reference_range"], listOf(results.results).map(resultRow)),
    ),
  ];
}

function prescription(prescribed) {
  const lines = listOf(prescribed.lines).map((line) =>
    el(
      "li",
      {},
      el("strong", {}, line.text),
      line.instruction ? el("p", { class: "hint" }, line.instruction) : null,
    ),
  );
  return [
    section(
      t("case.prescription_of", {
        kind: known(`case.step_${prescribed.kind}`, String(prescribed.kind)),
      }),
      lines.length > 0
        ? el("ol", { class: "lines" }, lines)
        : el("p", {}, t("case.nothing_written")),
    ),
  ];
}

const SHOWN = Object.freeze({ V_IND: medicalForm, TEST_RES: testResults, PRESC: prescription });

/** The document of a structured part; null for parts that are shown otherwise. */
export async function documentOf({ part, content, faults }) {
  if (!(part in SHOWN)) return null;
  const refused = faults.map((fault) => remark(t("case.content_fault", { fault }), "reject"));
  return el("article", { class: "document" }, refused, await SHOWN[part](content));
}
