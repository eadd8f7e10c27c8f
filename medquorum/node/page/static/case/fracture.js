/**
 * What an analysis of an X-ray found: probability by each opinion, severity, healing, advice.
 * @module
 */

import { el } from "../elements.js";
import { known, t } from "../texts.js";
import { isNumber, share, thousandths } from "./numbers.js";
import { facts, section } from "./sections.js";

const OPINIONS = ["rule", "network", "fused"];

function opinion(name, ppm, threshold) {
  const bar = el("span", { class: "opinion-bar", "aria-hidden": "true" });
  const fill = el("i", {});
  fill.style.width = `${isNumber(ppm) ? ppm / 10_000 : 0}%`;
  bar.append(fill);
  if (name === "fused" && isNumber(threshold)) {
    const mark = el("b", { title: t("case.threshold", { share: share(threshold) }) });
    mark.style.left = `${threshold / 10_000}%`;
    bar.append(mark);
  }
  return el(
    "li",
    { class: `opinion opinion-${name}` },
    el("span", {}, t(`case.opinion_${name}`)),
    bar,
    el("span", { class: "organ-share" }, share(ppm)),
  );
}

function care(fracture) {
  const weeks = { low: fracture.healing_weeks_low, high: fracture.healing_weeks_high };
  const severity = known(`case.severity_${fracture.severity}`, String(fracture.severity));
  const rows = [
    [t("case.severity"), el("strong", { class: `severity-${fracture.severity}` }, severity)],
  ];
  if (isNumber(weeks.high) && weeks.high > 0)
    rows.push([t("case.healing"), t("case.healing_weeks", weeks)]);
  rows.push(
    [t("case.advice"), String(fracture.advice)],
    [t("case.referral"), String(fracture.referral)],
  );
  const caveat = el("p", { class: "hint" }, t("case.severity_caveat"));
  return section(t("case.consequence"), caveat, facts(rows));
}

function measures(fracture) {
  return el(
    "details",
    {},
    el("summary", {}, t("case.edge_measures")),
    facts([
      [t("case.edge_density"), share(fracture.edge_density_ppm)],
      [t("case.contour_count"), String(fracture.contour_count)],
      [t("case.fracture_area"), share(fracture.fracture_area_ppm)],
      [t("case.score"), thousandths(fracture.score_milli, 2)],
      [t("case.severity_number"), thousandths(fracture.severity_milli, 2)],
    ]),
  );
}

/**
 * @param {object} fracture the findings' `fracture`
 * @param {boolean} judged unless the model abstained
 */
export function fractureFindings(fracture, judged) {
  const shares = {
    rule: fracture.rule_probability_ppm,
    network: fracture.network_probability_ppm,
    fused: fracture.probability_ppm,
  };
  const told = OPINIONS.filter((name) => name === "fused" || isNumber(shares[name]));
  const list = el(
    "ul",
    { class: "opinions" },
    told.map((name) => opinion(name, shares[name], fracture.threshold_ppm)),
  );
  const line = isNumber(fracture.threshold_ppm)
    ? el("p", { class: "hint" }, t("case.threshold", { share: share(fracture.threshold_ppm) }))
    : null;
  return [
    section(t("case.fracture_probability"), list, line, measures(fracture)),
    judged && fracture.severity !== "none" ? care(fracture) : null,
  ];
}
