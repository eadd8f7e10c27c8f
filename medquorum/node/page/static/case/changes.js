/**
 * What changed since the patient's last study, in numbers before words.
 * @module
 */

import { el } from "../elements.js";
import { known, t } from "../texts.js";
import { chip } from "./organs.js";
import { change, isNumber, listOf, regionName, thousandths, volume } from "./numbers.js";
import { section, table } from "./sections.js";

const MEASURES = [
  ["total_tumour_volume_ul", volume],
  ["total_lesion_glycolysis_milli", (milli) => thousandths(milli, 0)],
  ["hottest_suv_max_milli", thousandths],
  ["hottest_suv_peak_milli", thousandths],
];
const FATES = ["new", "vanished", "persists", "outside_before", "outside_now", "unplaced"];

function measured(changes) {
  const rows = MEASURES.filter(
    ([name]) => isNumber(changes[name]?.now) || isNumber(changes[name]?.before),
  ).map(([name, shown]) => {
    const { before, now } = changes[name];
    return [t(`case.change_${name}`), shown(before), shown(now), change(before, now)];
  });
  return table([t("case.measure"), t("case.before"), t("case.now"), t("case.change")], rows);
}

function fates(lesions) {
  const told = FATES.map((fate) => [fate, lesions.filter((one) => one.fate === fate)]).filter(
    ([, these]) => these.length > 0,
  );
  return el(
    "ul",
    { class: "fates" },
    told.map(([fate, these]) => {
      const where = [...new Set(these.map((one) => regionName(one.region)))].join(", ");
      return el(
        "li",
        { class: `fate-${fate}` },
        t(`case.fate_${fate}`, { count: these.length, where }),
      );
    }),
  );
}

function levels(listed) {
  return listed.map((one) =>
    el("p", {}, regionName(one.region), ": ", chip(one.before), " \u2192 ", chip(one.now)),
  );
}

/** @param {?object} changes the findings' `changes` */
export function changesSince(changes) {
  if (changes === null || typeof changes !== "object") return null;
  const when = isNumber(changes.days)
    ? t("case.changes_days", { count: changes.days })
    : t("case.changes");
  const doubts = [
    changes.same_modality === false ? t("case.changes_other_modality") : null,
    changes.same_model === false ? t("case.changes_other_model") : null,
    typeof changes.placement?.reason === "string" ? changes.placement.reason : null,
  ].filter((text) => text !== null);
  const course = (name) => known(`case.course_${changes[name]}`, String(changes[name]));
  return section(
    when,
    measured(changes),
    fates(listOf(changes.lesions)),
    levels(listOf(changes.levels)),
    el(
      "p",
      { class: "hint" },
      t("case.cut_offs", { percist: course("by_percist"), eortc: course("by_eortc") }),
    ),
    doubts.map((text) => el("p", { class: "hint" }, text)),
  );
}
