/**
 * What the node says about a series, checked and brought into one shape: nothing behind this file
 * sees the node's words.
 */

import { cross, direction, length, add, scaled } from "./geometry.js";

/** Sizes beyond these are refused: they would only be a mistake or an attack. */
const LONGEST_SIDE = 16384;
const MOST_SLICES = 10000;
const MOST_WARNINGS = 16;
const AXES = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** A series the page cannot show; the message is a key of the catalogue. */
export class UnreadableSeries extends Error {}

/**
 * @typedef {object} Series
 * @property {"ct"|"pet"|"xray"} kind
 * @property {import("./geometry.js").Grid} grid
 * @property {{slope: number, intercept: number}} rescale  stored number to unit
 * @property {"HU"|"SUV"|"none"} unit  what a number means once rescaled
 * @property {Array<{name: string, low: number, high: number}>} windows  the series' own
 * @property {boolean} unsigned  whether stored numbers are uint16 (X-ray) instead of int16
 * @property {Array<{columns: number, rows: number}>} frames  sizes of a radiograph's films
 * @property {Array<{kind: string, after: number?, count: number?, least_mm: number?, most_mm:
 *   number?}>} warnings
 * @property {string?} frameOfReference
 */

/** @param {object} described  the answer of /v1/images/{record}/{part} @returns {Series} */
export function readSeries(described) {
  const grid = readGrid(described);
  const rescale = described.rescale ?? {};
  return {
    kind: ["ct", "pet", "xray"].includes(described.kind) ? described.kind : "ct",
    grid,
    rescale: { slope: number(rescale.slope, 1), intercept: number(rescale.intercept, 0) },
    unit: ["HU", "SUV"].includes(described.unit) ? described.unit : "none",
    windows: (described.windows ?? []).map(readWindow).filter((each) => each !== null),
    unsigned: described.stored === "uint16",
    frames: (described.frames ?? []).map(readFrame),
    warnings: (described.warnings ?? []).slice(0, MOST_WARNINGS),
    frameOfReference: described.frame_of_reference ?? null,
  };
}

function number(value, otherwise) {
  return Number.isFinite(value) ? value : otherwise;
}

function readWindow(given) {
  const centre = number(given.centre, NaN);
  const width = number(given.width, NaN);
  if (!(width > 0) || Number.isNaN(centre)) {
    return null;
  }
  return { name: String(given.name ?? ""), low: centre - width / 2, high: centre + width / 2 };
}

function readFrame(frame) {
  return { columns: count(frame.columns, LONGEST_SIDE), rows: count(frame.rows, LONGEST_SIDE) };
}

/** A whole number from 1 to the most there may be. */
export function count(value, most) {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new UnreadableSeries("viewer.unreadable");
  }
  return value;
}

function readGrid(described) {
  const columns = count(described.columns, LONGEST_SIDE);
  const rows = count(described.rows, LONGEST_SIDE);
  const slices = count(described.slices ?? 1, MOST_SLICES);
  const given = described.spacing_mm ?? [];
  const spacing = [0, 1, 2].map((axis) => (given[axis] > 0 ? given[axis] : 1));
  const axes = readAxes(described.orientation);
  const steps = [
    scaled(axes ? axes[0] : AXES[0], spacing[0]),
    scaled(axes ? axes[1] : AXES[1], spacing[1]),
    throughStep(described, axes, spacing[2], slices),
  ];
  return {
    columns,
    rows,
    slices,
    spacing_mm: [spacing[0], spacing[1], length(steps[2])],
    origin_mm: vector(described.origin) ?? vector(described.positions?.[0]) ?? [0, 0, 0],
    steps_mm: steps,
    placed: axes !== null,
    calibrated: given[0] > 0 && given[1] > 0,
  };
}

/** Three numbers, or null. */
export function vector(given) {
  const three = Array.isArray(given) && given.length === 3 && given.every(Number.isFinite);
  return three ? [...given] : null;
}

/** Directions of a row"s and a column"s course: six numbers, or two or three vectors. */
function readAxes(orientation) {
  const flat = Array.isArray(orientation) ? orientation.flat() : [];
  if (flat.length < 6 || !flat.every(Number.isFinite)) {
    return null;
  }
  const right = direction(flat.slice(0, 3));
  const down = direction(flat.slice(3, 6));
  const through =
    right && down ? direction(flat.length >= 9 ? flat.slice(6, 9) : cross(right, down)) : null;
  return through ? [right, down, through] : null;
}

/** The step between slices by their positions, which are truer than a nominal spacing. */
function throughStep(described, axes, spacing, slices) {
  const first = vector(described.positions?.[0]);
  const last = vector(described.positions?.[slices - 1]);
  if (first && last && slices > 1) {
    const step = scaled(add(last, scaled(first, -1)), 1 / (slices - 1));
    if (direction(step)) {
      return step;
    }
  }
  return scaled(axes ? axes[2] : AXES[2], spacing);
}
