/**
 * Charts with a table each: drawn where the library is there, read as a table everywhere.
 * @module
 */

import { el } from "../elements.js";
import { t } from "../texts.js";

const LIBRARY = "/page/vendor/uPlot/uPlot.esm.js";
const STYLE = "/page/vendor/uPlot/uPlot.min.css";
const MUTED = "#93a1ad";
const LINE = "#2a333b";
const HEIGHT = 220;
const NARROWEST = 320;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000, 1_000_000];

let library;

/** The charting library; null where the page was built without it. */
async function uPlot() {
  library ??= import(LIBRARY).then(
    (module) => {
      document.head.append(el("link", { rel: "stylesheet", href: STYLE }));
      return module.default;
    },
    () => null,
  );
  return library;
}

function table(columns, rows) {
  return el(
    "table",
    {},
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        columns.map((name) => el("th", { scope: "col" }, name)),
      ),
    ),
    el(
      "tbody",
      {},
      rows.map(([first, ...others]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, first),
          others.map((each) => el("td", { class: "number" }, each)),
        ),
      ),
    ),
  );
}

function axis(label, options = {}) {
  return {
    stroke: MUTED,
    grid: { stroke: LINE, width: 1 },
    ticks: { stroke: LINE, width: 1 },
    label,
    labelSize: 22,
    font: "12px system-ui",
    labelFont: "12px system-ui",
    ...options,
  };
}

/** One line, or bars, of a chart. */
export function series(library_, { label, colour, bars = false, points = true }) {
  const drawn = bars
    ? { paths: library_.paths.bars({ size: [0.6, 60] }), fill: `${colour}66` }
    : {};
  return { label, stroke: colour, width: 2, points: { show: points && !bars, size: 5 }, ...drawn };
}

function draw(library_, place, chart) {
  const width = Math.max(NARROWEST, place.clientWidth);
  const plot = new library_(
    {
      width,
      height: HEIGHT,
      scales: { x: { time: false, ...chart.xScale }, y: chart.yScale ?? {} },
      axes: [
        axis(chart.xLabel, { incrs: WHOLE, ...chart.xAxis }),
        axis(chart.yLabel, { size: 60, ...chart.yAxis }),
      ],
      series: [{ label: chart.xLabel }, ...chart.lines.map((line) => series(library_, line))],
      legend: { show: chart.lines.length > 1 },
      cursor: { y: false },
    },
    [chart.x, ...chart.lines.map(({ values }) => values)],
    place,
  );
  const follow = new ResizeObserver(() => {
    plot.setSize({ width: Math.max(NARROWEST, place.clientWidth), height: HEIGHT });
  });
  follow.observe(place);
  return () => {
    follow.disconnect();
    plot.destroy();
  };
}

/**
 * A chart as a figure.
 * @param {{title: string, note: string, x: number[], xLabel: string, yLabel: string,
 *   lines: {label: string, colour: string, values: (?number)[], bars?: boolean}[],
 *   columns: string[], rows: Array[], xAxis?: object, yAxis?: object, xScale?: object,
 *   yScale?: object}} chart
 * @returns {{element: Node, start: function(): Promise<function(): void>}}
 *   `start` draws once the figure stands in the page and answers what takes it down
 */
export function figure(chart) {
  const place = el("div", { class: "plot", "aria-hidden": "true" });
  const details = el(
    "details",
    {},
    el("summary", {}, t("explorer.as_table", { title: chart.title })),
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": chart.title },
      table(chart.columns, chart.rows),
    ),
  );
  const element = el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, el("h3", {}, chart.title), el("p", { class: "hint" }, chart.note)),
    place,
    details,
  );
  const start = async () => {
    const found = chart.x.length === 0 ? null : await uPlot();
    if (found !== null) return draw(found, place, chart);
    details.open = true;
    return () => {};
  };
  return { element, start };
}
