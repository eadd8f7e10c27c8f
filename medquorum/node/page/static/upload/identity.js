/**
 * What de-identification does with each element of a series, before anything is sealed.
 * @module
 */

import { el } from "../elements.js";
import { visible } from "../format.js";
import { t } from "../texts.js";

const ORDER = ["removed", "emptied", "replaced", "moved", "kept"];

function counts(table) {
  return ORDER.map((action) => [action, table.filter((line) => line.action === action).length]);
}

function row(line) {
  return el(
    "tr",
    { "data-action": line.action },
    el("td", { class: "tag-number" }, el("code", {}, line.tag)),
    el("td", {}, visible(line.name)),
    el("td", { class: "element-value" }, el("bdi", {}, visible(line.value))),
    el("td", { class: "element-action" }, t(`upload.action_${line.action}`)),
  );
}

/** Whether a picture may have writing in its pixels, in words; null where there is no doubt. */
export function burnedIn(series) {
  if (series.burned_in === true) return t("upload.burned_in_yes");
  if (series.kind === "xray" && series.burned_in === null) return t("upload.burned_in_unknown");
  return null;
}

function heading(name) {
  return el("th", { scope: "col" }, t(`upload.column_${name}`));
}

/** The table of a series, folded; null where its files have no elements. */
export function identityTable(series) {
  if (series.table.length === 0) return null;
  const words = counts(series.table)
    .filter(([, count]) => count > 0)
    .map(([action, count]) => t(`upload.count_${action}`, { count }))
    .join(", ");
  const lines = [...series.table].sort((a, b) => ORDER.indexOf(a.action) - ORDER.indexOf(b.action));
  const names = ["tag", "element", "value", "action"];
  return el(
    "details",
    { class: "identity" },
    el("summary", {}, t("upload.identity", { words })),
    el("p", { class: "hint" }, t("upload.identity_why")),
    el(
      "div",
      { class: "element-rows", tabindex: "0", role: "region", "aria-label": t("upload.elements") },
      el(
        "table",
        { class: "elements" },
        el("thead", {}, el("tr", {}, names.map(heading))),
        el("tbody", {}, lines.map(row)),
      ),
    ),
  );
}
