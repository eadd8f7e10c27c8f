/**
 * The lesions of a correction, to be struck out one by one, and the organs each grows into.
 * @module
 */

import { el } from "../elements.js";
import { t } from "../texts.js";
import { listOf, regionName, thousandths } from "./numbers.js";
import { isNegative, isParted, totalVolume } from "./report_draft.js";

function tick(name, settings, words) {
  const box = el("input", { type: "checkbox", name, ...settings });
  return el("label", { class: "tick" }, box, words);
}

function lesionTick(draft, lesion, change) {
  const keep = (event) => {
    const struck = new Set(draft.struck);
    if (event.target.checked) struck.delete(lesion.number);
    else struck.add(lesion.number);
    change({ struck: [...struck], volume_ul: totalVolume(draft.lesions, struck) });
  };
  const words = t("case.lesion_line", {
    number: lesion.number,
    where: regionName(lesion.region),
    volume: thousandths(lesion.volume_ul, 2),
  });
  const settings = { checked: !draft.struck.includes(lesion.number), on: { change: keep } };
  return tick(`lesion-${lesion.number}`, settings, words);
}

/** Whether a lesion grows into an organ; an organ that she calls negative is grown into by none. */
function reachTick(draft, { number }, region, change) {
  const keep = (event) => {
    const others = listOf(draft.parted).filter(
      (one) => one.number !== number || one.region !== region,
    );
    change({ parted: event.target.checked ? others : [...others, { number, region }] });
  };
  const clear = isNegative(draft, region);
  const settings = {
    checked: !clear && !isParted(draft, number, region),
    disabled: clear,
    on: { change: keep },
  };
  const where = regionName(region);
  const words = clear
    ? t("case.lesion_reach_negative", { where })
    : t("case.lesion_reach", { where });
  return tick(`reach-${number}-${region}`, settings, words);
}

/**
 * The lesions with a tick each, and under each that is kept a tick for every organ it grows into.
 * @param {object} draft of `report_draft` @param {function(object): void} change takes the fields
 *   of the draft that changed
 * @returns {?HTMLElement} null where the report lists no lesion
 */
export function lesionTicks(draft, change) {
  if (draft.lesions.length === 0) return null;
  const row = (lesion) => {
    const kept = !draft.struck.includes(lesion.number);
    const reached = kept ? listOf(lesion.reaches) : [];
    return [
      lesionTick(draft, lesion, change),
      reached.length === 0
        ? null
        : el(
            "div",
            { class: "form-reaches" },
            reached.map((region) => reachTick(draft, lesion, region, change)),
          ),
    ];
  };
  return el("fieldset", {}, el("legend", {}, t("case.lesions_kept")), draft.lesions.map(row));
}
