/**
 * The lesions a report lists: a row leads the images to the lesion.
 * @module
 */

import { el } from "../elements.js";
import { t } from "../texts.js";
import { isNumber, listOf, regionName, share, thousandths } from "./numbers.js";
import { section } from "./sections.js";

const COLUMNS = ["number", "where", "volume", "suv_max", "suv_peak", "probability"];

function row(lesion, goTo) {
  const go = (event) => {
    event.preventDefault();
    goTo(lesion);
  };
  const label = t("case.lesion_go", { number: lesion.number, where: regionName(lesion.region) });
  const link = el(
    "button",
    { type: "button", class: "link", "aria-label": label, on: { click: go } },
    lesion.number,
  );
  const cells = [
    thousandths(lesion.volume_ul, 2),
    thousandths(lesion.suv_max_milli),
    thousandths(lesion.suv_peak_milli),
    share(lesion.probability_ppm),
  ];
  return el(
    "tr",
    { on: { click: go } },
    el("td", {}, link),
    el("td", {}, regionName(lesion.region)),
    cells.map((cell) => el("td", {}, cell)),
  );
}

/**
 * The table of lesions.
 * @param {object} tumour the findings' `tumour` @param {function(object): void} goTo of a lesion
 */
export function lesions(tumour, goTo) {
  const listed = listOf(tumour.lesions);
  const rest = isNumber(tumour.lesion_count) ? tumour.lesion_count - listed.length : 0;
  if (listed.length === 0 && rest <= 0)
    return section(t("case.lesions"), el("p", {}, t("case.lesions_none")));
  const heads = COLUMNS.map((name) =>
    el("th", { scope: "col", title: t(`case.lesion_${name}_title`) }, t(`case.lesion_${name}`)),
  );
  const grid = el(
    "table",
    { class: "case-table lesions" },
    el("thead", {}, el("tr", {}, heads)),
    el(
      "tbody",
      {},
      listed.map((one) => row(one, goTo)),
    ),
  );
  const more =
    rest > 0 ? el("p", { class: "hint" }, t("case.lesions_rest", { count: rest })) : null;
  return section(
    t("case.lesions_count", { count: tumour.lesion_count ?? listed.length }),
    grid,
    more,
    el("p", { class: "hint" }, t("case.lesions_hint")),
  );
}
