/**
 * Every graded organ with its level of four, and how probable each level is.
 * @module
 */

import { el } from "../elements.js";
import { t } from "../texts.js";
import { isNumber, listOf, regionName, share } from "./numbers.js";
import { section } from "./sections.js";

/** From the least to the gravest, as reports name them. */
export const LEVELS = Object.freeze(["Negative", "Tumor", "Tumor+", "Metastasis"]);
const CLASSES = Object.freeze({
  Negative: "negative",
  Tumor: "tumor",
  "Tumor+": "tumor-plus",
  Metastasis: "metastasis",
});

/** Lesions named beside an organ that they reach. */
const MOST_NAMED = 3;

/** The level as a chip with its name. */
export function chip(level) {
  const name = LEVELS.includes(level)
    ? t(`case.level_${CLASSES[level].replace("-", "_")}`)
    : String(level);
  return el("span", { class: `chip level-${CLASSES[level] ?? "unknown"}` }, name);
}

function bar(probabilities) {
  const shares = LEVELS.map((level, at) => ({
    level,
    ppm: isNumber(probabilities[at]) ? probabilities[at] : 0,
  }));
  const spoken = shares
    .map(({ level, ppm }) => t("case.level_share", { level, share: share(ppm) }))
    .join(", ");
  const pieces = shares.map(({ level, ppm }) => {
    const piece = el("i", { class: `level-${CLASSES[level]}` });
    piece.style.flexGrow = String(Math.max(0, ppm));
    return piece;
  });
  return el("span", { class: "levels", role: "img", "aria-label": spoken, title: spoken }, pieces);
}

/**
 * Why an organ has its level although no lesion is listed in it, or null where one is.
 * @param {string} region @param {object[]} lesions of the report
 */
function reachedBy(region, lesions) {
  if (lesions.some((one) => one.region === region)) return null;
  const from = lesions.filter((one) => listOf(one.reaches).includes(region));
  if (from.length === 0) return t("case.organ_unlisted");
  const named = from
    .slice(0, MOST_NAMED)
    .map((one) => t("case.lesion_in", { number: one.number, where: regionName(one.region) }));
  const more = from.length > MOST_NAMED ? ["\u2026"] : [];
  return t("case.organ_reached", { lesions: [...named, ...more].join(", ") });
}

function row({ region, level, probabilities_ppm: probabilities }, lesions) {
  const shares = listOf(probabilities);
  const told =
    shares.length !== LEVELS.length
      ? null
      : [el("span", { class: "organ-share" }, share(shares[LEVELS.indexOf(level)])), bar(shares)];
  const why = level === "Negative" ? null : reachedBy(region, lesions);
  return el(
    "li",
    { class: "organ" },
    el("span", { class: "organ-name" }, regionName(region)),
    chip(level),
    told,
    why === null ? null : el("span", { class: "organ-why" }, why),
  );
}

/** Regions from the gravest to the least. */
export function inOrder(regions) {
  const gravity = (one) => LEVELS.indexOf(one.level);
  const calm = (one) => listOf(one.probabilities_ppm)[0] ?? 0;
  return [...regions].sort(
    (one, other) => gravity(other) - gravity(one) || calm(one) - calm(other),
  );
}

/**
 * The organs; those that are negative lie in one line, to be opened.
 * @param {object} tumour the findings' `tumour`
 */
export function organs(tumour) {
  const ordered = inOrder(listOf(tumour.regions));
  const lesions = listOf(tumour.lesions);
  if (ordered.length === 0) return null;
  const clear = ordered.filter((one) => one.level === "Negative");
  const marked = ordered.filter((one) => one.level !== "Negative");
  const list = (these) => el("ul", { class: "organs" }, these.map((one) => row(one, lesions)));
  const folded = el(
    "details",
    { open: marked.length === 0 },
    el("summary", {}, t("case.organs_negative", { count: clear.length })),
    list(clear),
  );
  return section(
    t("case.organs"),
    marked.length > 0 ? list(marked) : null,
    clear.length > 0 ? folded : null,
  );
}
