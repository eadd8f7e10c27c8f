/**
 * Scaled integers of a report as a doctor reads them; a value that was not measured is a dash.
 * @module
 */

import { percent } from "../format.js";
import { known, t } from "../texts.js";

const NONE = "\u2013";
const MINUS = "\u2212";

/** Whether a value of a report is a number at all: what a report holds is not to be relied on. */
export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** Thousandths with a fixed number of decimals, or a dash. */
export function thousandths(milli, places = 1) {
  return isNumber(milli) ? (milli / 1000).toFixed(places).replace("-", MINUS) : NONE;
}

/** Parts per million as a share in per cent; 0 and 100 only where it is so. */
export function share(ppm) {
  if (!isNumber(ppm)) return NONE;
  if (ppm > 0 && ppm < 5_000) return t("case.below_one");
  if (ppm < 1_000_000 && ppm >= 995_000) return t("case.above_ninety_nine");
  return percent(ppm / 1_000_000);
}

/** Microlitres in millilitres with the unit: two decimals below 10 mL, one above. */
export function volume(microlitres) {
  if (!isNumber(microlitres)) return NONE;
  const ml = microlitres / 1000;
  return t("shell.millilitres", { number: ml.toFixed(Math.abs(ml) < 10 ? 2 : 1) });
}

/** A signed relative change, as "+12 %". @param {?number} before @param {?number} now */
export function change(before, now) {
  if (!isNumber(before) || !isNumber(now) || before <= 0) return NONE;
  const percents = Math.round(((now - before) * 100) / before);
  const sign = percents > 0 ? "+" : percents < 0 ? MINUS : "\u00b1";
  return t("shell.percent", { number: `${sign}${Math.abs(percents)}` });
}

/** The name of a region or organ. */
export function regionName(region) {
  const name = String(region);
  return known(`case.region_${name}`, name.replaceAll("_", " "));
}

/** A list of a report, or an empty one where it is none. */
export function listOf(value) {
  return Array.isArray(value) ? value : [];
}
