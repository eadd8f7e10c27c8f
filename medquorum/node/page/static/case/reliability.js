/**
 * The reliability diagram: of what was called 70 % probable, how much was so?
 * @module
 */

import { svg } from "../elements.js";
import { percent } from "../format.js";
import { t } from "../texts.js";
import { isNumber, listOf } from "./numbers.js";

const PPM = 1_000_000;
const SIDE = 200;
const LEFT = 44;
const TOP = 10;
const WIDTH = LEFT + SIDE + 12;
const HEIGHT = TOP + SIDE + 44;
const LARGEST = 6;
const SMALLEST = 2;
const MOST_BINS = 50;
/** Answers that state less are mostly background: so many that they hide what the others err. */
const ASSERTED = 0.1;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

const across = (share) => LEFT + SIDE * share;
const down = (share) => TOP + SIDE * (1 - share);

/** The bins of a card that are bins, by stated share. */
export function binsOf(reliability) {
  const whole = (one) => [one?.count, one?.stated_ppm, one?.observed_ppm].every(isNumber);
  const inside = (one) =>
    one.count > 0 && [one.stated_ppm, one.observed_ppm].every((ppm) => ppm >= 0 && ppm <= PPM);
  return listOf(reliability?.bins)
    .filter((one) => whole(one) && inside(one))
    .slice(0, MOST_BINS)
    .map((one) => ({
      count: one.count,
      stated: one.stated_ppm / PPM,
      observed: one.observed_ppm / PPM,
    }))
    .sort((one, other) => one.stated - other.stated);
}

/** Mean gap between stated and observed share, weighted by count; 0 to 1. */
function calibrationError(bins) {
  const total = bins.reduce((sum, one) => sum + one.count, 0);
  return total === 0
    ? 0
    : bins.reduce((sum, one) => sum + one.count * Math.abs(one.stated - one.observed), 0) / total;
}

/** The gap where something is stated, and beside it that of all answers. */
export function gapWords(bins) {
  const points = (some) => (100 * calibrationError(some)).toFixed(1);
  const told = bins.filter((one) => one.stated >= ASSERTED);
  if (told.length === 0 || told.length === bins.length)
    return t("case.reliability_gap", { error: points(bins) });
  const count = (some) => some.reduce((sum, one) => sum + one.count, 0);
  return t("case.reliability_gap_asserted", {
    error: points(told),
    all: points(bins),
    low: percent(1 - count(told) / count(bins)),
  });
}

function axes() {
  const lines = TICKS.flatMap((share) => [
    svg("line", { class: "grid", x1: LEFT, x2: LEFT + SIDE, y1: down(share), y2: down(share) }),
    svg("text", { x: LEFT - 6, y: down(share) + 4, "text-anchor": "end" }, `${share * 100}`),
    svg(
      "text",
      { x: across(share), y: TOP + SIDE + 16, "text-anchor": "middle" },
      `${share * 100}`,
    ),
  ]);
  const ideal = svg("line", {
    class: "ideal",
    x1: across(0),
    y1: down(0),
    x2: across(1),
    y2: down(1),
  });
  const below = svg(
    "text",
    { x: LEFT + SIDE / 2, y: HEIGHT - 8, "text-anchor": "middle" },
    t("case.stated"),
  );
  const beside = svg(
    "text",
    {
      x: 0,
      y: 0,
      "text-anchor": "middle",
      transform: `translate(11 ${TOP + SIDE / 2}) rotate(-90)`,
    },
    t("case.observed"),
  );
  return [...lines, ideal, below, beside];
}

/** The diagram as a picture that says itself aloud. @param {object[]} bins of `binsOf` */
export function diagram(bins) {
  const most = Math.max(...bins.map((one) => one.count));
  const path = bins
    .map((one) => `${across(one.stated).toFixed(1)} ${down(one.observed).toFixed(1)}`)
    .join("L");
  const dots = bins.map((one) =>
    svg("circle", {
      cx: across(one.stated),
      cy: down(one.observed),
      r: SMALLEST + (LARGEST - SMALLEST) * Math.sqrt(one.count / most),
    }),
  );
  const spoken = t("case.reliability_spoken", {
    gap: gapWords(bins),
    count: bins.length,
  });
  return svg(
    "svg",
    { class: "reliability", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": spoken },
    axes(),
    svg("path", { class: "curve", d: `M${path}` }),
    dots,
  );
}
