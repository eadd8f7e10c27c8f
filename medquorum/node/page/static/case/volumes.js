/**
 * Total tumour volume, each number beside the method that gave it.
 * @module
 */

import { el } from "../elements.js";
import { t } from "../texts.js";
import { thousandths, volume } from "./numbers.js";
import { section, table } from "./sections.js";

/** @param {object} tumour the findings' `tumour` */
export function volumes(tumour) {
  const others = Object.entries(tumour.comparison_volumes_ul ?? {});
  const glycolysis = tumour.total_lesion_glycolysis_milli;
  const first = el(
    "p",
    { class: "figure" },
    el("strong", {}, volume(tumour.total_tumour_volume_ul)),
    " ",
    el("span", { class: "hint" }, t("case.volume_by", { method: String(tumour.volume_method) })),
  );
  const rows = others.map(([method, microlitres]) => [method, volume(microlitres)]);
  if (typeof glycolysis === "number")
    rows.push([
      t("case.glycolysis"),
      t("case.glycolysis_value", { value: thousandths(glycolysis, 0) }),
    ]);
  const compared =
    rows.length === 0
      ? null
      : el(
          "details",
          {},
          el("summary", {}, t("case.volume_others")),
          table([t("case.method"), t("case.volume")], rows),
        );
  return section(t("case.total_volume"), first, compared);
}
