/**
 * Blocks as a small graph: one row for each patient, the global chain through all of them.
 * @module
 */

import { el, svg } from "../elements.js";
import { go } from "../router.js";
import { known, t } from "../texts.js";

const STEP = 46;
const ROW = 44;
const LEFT = 96;
const TOP = 24;
const RADIUS = 15;
const MOST_ROWS = 8;

/**
 * The rows: governance first (N PB 0), then patients as they come; beyond the limit they share
 * one.
 */
function rowsOf(blocks) {
  const rows = new Map();
  for (const { n_pb } of blocks) {
    if (!rows.has(n_pb)) rows.set(n_pb, Math.min(rows.size, MOST_ROWS - 1));
  }
  return rows;
}

function placed(blocks) {
  const rows = rowsOf(blocks);
  const places = blocks.map((block, index) => ({
    block,
    x: LEFT + index * STEP,
    y: TOP + rows.get(block.n_pb) * ROW,
  }));
  return { rows, places };
}

/** Lines between blocks that follow one another. */
function globalLinks(places) {
  return places.slice(1).map((to, index) => {
    const from = places[index];
    return svg("line", { class: "global", x1: from.x, y1: from.y, x2: to.x, y2: to.y });
  });
}

/** Curves from each block to the one of the same patient that its Hpatient names. */
function patientLinks(places) {
  const byHash = new Map(places.map((place) => [place.block.hash, place]));
  return places.flatMap(({ block, x, y }) => {
    const before = byHash.get(block.hpatient);
    if (before === undefined) return [];
    const middle = (before.x + x) / 2;
    const bow = Math.max(Math.min(y, before.y) - 20, 2);
    return [
      svg("path", { class: "own", d: `M ${before.x} ${before.y} Q ${middle} ${bow} ${x} ${y}` }),
    ];
  });
}

function mark({ block, x, y }) {
  const letters = known(`explorer.letters_${block.proposal_type}`, "·");
  const group = svg(
    "g",
    { class: `node ${block.outcome} ${block.n_pb === 0 ? "governance" : "clinical"}` },
    svg("circle", { cx: x, cy: y, r: RADIUS }),
    svg("text", { x, y: y + 4, "text-anchor": "middle" }, letters),
    svg("text", { class: "number", x, y: y + RADIUS + 12, "text-anchor": "middle" }, block.n_bc),
  );
  group.addEventListener("click", () => go(`#/block/${block.n_bc}`));
  return group;
}

function rowNames(rows) {
  const shared = rows.size > MOST_ROWS;
  const named = new Map();
  for (const [n_pb, row] of rows) {
    const last = shared && row === MOST_ROWS - 1;
    const name = n_pb === 0 ? t("explorer.governance") : t("record.patient", { n: n_pb });
    named.set(row, last ? t("explorer.other_patients") : name);
  }
  return [...named].map(([row, name]) =>
    svg("text", { class: "row", x: 4, y: TOP + row * ROW + 4 }, name),
  );
}

/**
 * The graph of some blocks; everything in it stands in the table as well.
 * @param {object[]} blocks  ascending by N BC
 */
export function graph(blocks) {
  const { rows, places } = placed(blocks);
  const height = TOP + Math.min(rows.size, MOST_ROWS) * ROW + 8;
  const width = LEFT + blocks.length * STEP;
  const picture = svg(
    "svg",
    {
      class: "graph",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": t("explorer.graph", { count: blocks.length }),
    },
    rowNames(rows),
    globalLinks(places),
    patientLinks(places),
    places.map(mark),
  );
  const frame = el(
    "div",
    { class: "graph-frame", tabindex: "0", role: "region", "aria-label": t("explorer.graph_name") },
    picture,
  );
  queueMicrotask(() => {
    frame.scrollLeft = frame.scrollWidth;
  });
  return [frame, el("p", { class: "hint legend" }, t("explorer.legend"))];
}
