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

function row({ region, level, probabilities_ppm: probabilities }) {
  const shares = listOf(probabilities);
  const told =
    shares.length !== LEVELS.length
      ? null
      : [el("span", { class: "organ-share" }, share(shares[LEVELS.indexOf(level)])), bar(shares)];
  return el(
    "li",
    { class: "organ" },
    el("span", { class: "organ-name" }, regionName(region)),
    chip(level),
    told,
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

/** The organs; those that are negative lie in one line, to be opened. */
export function organs(regions) {
  const ordered = inOrder(listOf(regions));
  if (ordered.length === 0) return null;
  const clear = ordered.filter((one) => one.level === "Negative");
  const marked = ordered.filter((one) => one.level !== "Negative");
  const list = (these) => el("ul", { class: "organs" }, these.map(row));
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
