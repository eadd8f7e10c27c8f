/**
 * Vital signs: units and plausible ranges of R-CON1, and the form that takes them.
 * @module
 */

import { el, replace } from "../elements.js";
import { t } from "../texts.js";

/** [code, unit, lowest, highest, step] in the unit itself; as the ledger's table. */
export const SIGNS = [
  ["body_temperature", "degC", 25, 45, 0.1],
  ["heart_rate", "/min", 20, 300, 1],
  ["systolic_pressure", "mmHg", 40, 300, 1],
  ["diastolic_pressure", "mmHg", 20, 200, 1],
  ["respiratory_rate", "/min", 4, 80, 1],
  ["oxygen_saturation", "%", 40, 100, 1],
  ["body_weight", "kg", 0.3, 400, 0.1],
  ["body_height", "cm", 20, 260, 0.5],
  ["blood_glucose", "mmol/L", 0.5, 60, 0.1],
];
const ANAMNESIS_CHARACTERS = 4_000;

/** A number of thousandths as text. @param {number} value thousandths */
export function milli(value) {
  return String(Number(value) / 1_000);
}

/** A unit as it is written at the bedside. */
export function unitName(unit) {
  return unit === "degC" ? "°C" : unit;
}

function problemOf(sign, text) {
  const [code, unit, low, high] = sign;
  if (text === "") return null;
  const value = Number(text.replace(",", "."));
  if (Number.isFinite(value) && value >= low && value <= high) return null;
  return t("record.implausible", {
    sign: t(`record.sign_${code}`),
    low,
    high,
    unit: unitName(unit),
  });
}

function field(sign) {
  const [code, unit, low, high, step] = sign;
  const problem = el("span", { class: "problem", id: `problem-${code}`, role: "alert" });
  const input = el("input", {
    id: `sign-${code}`,
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    "aria-describedby": `range-${code} problem-${code}`,
    "data-step": step,
    on: { change: () => check() },
  });
  const check = () => {
    const said = problemOf(sign, input.value.trim());
    replace(problem, said);
    if (said === null) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
    return said === null;
  };
  const row = el(
    "div",
    { class: "sign" },
    el("label", { for: `sign-${code}` }, t(`record.sign_${code}`)),
    input,
    el("span", { class: "unit" }, unitName(unit)),
    el("span", { class: "hint", id: `range-${code}` }, `${low} – ${high}`),
    problem,
  );
  const value = () => {
    const text = input.value.trim();
    if (text === "") return null;
    return { code, unit, value_milli: Math.round(Number(text.replace(",", ".")) * 1_000) };
  };
  return { row, check, value, input };
}

function now() {
  const local = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/**
 * The form of V_IND.
 * @returns {{element: Node, check: function(): boolean, contents: function(): object}}
 *   `check` focuses the first field that is wrong; `contents` is the map of R-CON1.
 */
export function vitalSignsForm() {
  const fields = SIGNS.map(field);
  const observed = el("input", {
    id: "observed",
    type: "datetime-local",
    value: now(),
    required: true,
  });
  const anamnesis = el("textarea", { id: "anamnesis", rows: 4, maxlength: ANAMNESIS_CHARACTERS });
  const element = el(
    "fieldset",
    { class: "signs" },
    el("legend", {}, t("record.vital_signs")),
    el("p", { class: "hint" }, t("record.vital_signs_hint")),
    el("div", { class: "sign" }, el("label", { for: "observed" }, t("record.observed")), observed),
    fields.map(({ row }) => row),
    el("label", { for: "anamnesis" }, t("record.anamnesis")),
    anamnesis,
  );
  const check = () => {
    const wrong = fields.filter((each) => !each.check());
    wrong[0]?.input.focus();
    return wrong.length === 0;
  };
  const contents = () => ({
    anamnesis: anamnesis.value.trim().normalize("NFC"),
    observed_at_ms: new Date(observed.value).getTime() || Date.now(),
    signs: fields.map((each) => each.value()).filter((one) => one !== null),
  });
  return { element, check, contents };
}
