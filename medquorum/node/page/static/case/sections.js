/**
 * The pieces evidence is made of: sections, facts, tables.
 * @module
 */

import { el } from "../elements.js";

/** A titled section. @param {string} title @param {...*} children */
export function section(title, ...children) {
  return el("section", { class: "case-section" }, el("h3", {}, title), ...children);
}

/** Names with their values. @param {[string, *][]} rows */
export function facts(rows) {
  return el(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}

/**
 * A table; cells after the first two are numbers.
 * @param {string[]} heads @param {*[][]} rows @param {string} [caption]
 */
export function table(heads, rows, caption) {
  const head = el(
    "tr",
    {},
    heads.map((name) => el("th", { scope: "col" }, name)),
  );
  const body = rows.map((cells) =>
    el(
      "tr",
      {},
      cells.map((cell) => el("td", {}, cell)),
    ),
  );
  const titled = caption === undefined ? null : el("caption", {}, caption);
  return el("table", { class: "case-table" }, titled, el("thead", {}, head), el("tbody", {}, body));
}

/** A text of a record, line by line, as it was written. */
export function prose(text) {
  return el(
    "div",
    { class: "prose" },
    String(text)
      .split("\n")
      .map((line) => el("p", {}, line)),
  );
}

/** A remark in the colour of its weight: "warning", "reject", "approve" or "". */
export function remark(text, weight = "") {
  return el("p", { class: weight === "" ? "remark" : `remark ${weight}` }, text);
}

/** A button of the page. */
export function button(text, click, attributes = {}) {
  return el("button", { type: "button", ...attributes, on: { click } }, text);
}
