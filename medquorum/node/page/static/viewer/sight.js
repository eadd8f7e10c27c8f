/** The body seen from one side: its pixels, where they lie in the patient, the lesions on it. */

import { lesionColour } from "./colours.js";
import { outlines, pathToDraw, upperRight } from "./contours.js";
import { UnreadableSeries, count, vector } from "./description.js";
import { add, cross, dot, length, pointOf, scaled, voxelOf } from "./geometry.js";
import { labelsOf, numbersOf } from "./slices.js";

/** Columns in which no number reaches this lie beside the body and are left out. */
const BODY_SUV = 0.5;
const LONGEST_SIDE = 2048;
/** Share of the longer direction of a slice from which it is seen from above, not from its edge. */
const FACE_ON = 0.5;
const OUTLINE_WIDTH = 1.5;

/** The views in an answer of /v1/images/{record}/{part}/projections. */
export function readSights(described) {
  return (described.sights ?? []).slice(0, 2).map((given) => {
    const steps_mm = [given.across, given.down, given.depth].map(vector);
    const origin_mm = vector(given.origin);
    const known = origin_mm !== null && !steps_mm.includes(null);
    if (!known || !(Math.abs(dot(steps_mm[2], cross(steps_mm[0], steps_mm[1]))) > 0)) {
      throw new UnreadableSeries("viewer.unreadable");
    }
    const grid = {
      columns: count(given.columns, LONGEST_SIDE),
      rows: count(given.rows, LONGEST_SIDE),
      slices: 1,
      spacing_mm: steps_mm.map(length),
      origin_mm,
      steps_mm,
      placed: true,
      calibrated: true,
    };
    return { name: String(given.name), grid };
  });
}

export class Sight {
  /**
   * @param {{name: string, grid: import("./geometry.js").Grid}} view
   * @param {Uint8Array} bytes  int16, row by row
   * @param {{slope: number, intercept: number}} rescale  stored number to SUV
   */
  constructor({ name, grid }, bytes, rescale) {
    this.name = name;
    this.whole = grid;
    const bits = numbersOf(bytes, grid.columns * grid.rows);
    const [first, last] = bodyColumns(bits, grid, (BODY_SUV - rescale.intercept) / rescale.slope);
    this.first = first;
    this.grid = {
      ...grid,
      columns: last - first + 1,
      origin_mm: add(grid.origin_mm, scaled(grid.steps_mm[0], first)),
    };
    this.bits = this.#cut(bits);
    this.labels = null;
    this.found = [];
  }

  /** The columns of the body. */
  #cut(pixels) {
    const { columns, rows } = this.grid;
    const kept = new pixels.constructor(columns * rows);
    for (let row = 0; row < rows; row += 1) {
      const from = row * this.whole.columns + this.first;
      kept.set(pixels.subarray(from, from + columns), row * columns);
    }
    return kept;
  }

  /** Takes the labels of the lesions along the lines of sight. @param {Uint8Array} bytes */
  label(bytes) {
    this.labels = this.#cut(labelsOf(bytes, this.whole.columns * this.whole.rows));
    this.found = outlines(this.labels, this.grid.columns, this.grid.rows).map((outline) => ({
      label: outline.label,
      shape: {
        path: pathToDraw(outline),
        colour: lesionColour(outline.label),
        width: OUTLINE_WIDTH,
      },
      name: {
        text: String(outline.label),
        colour: lesionColour(outline.label),
        ...upperRight(outline),
      },
    }));
  }

  /** Size in mm. */
  get size_mm() {
    const { columns, rows, spacing_mm } = this.grid;
    return { width: columns * spacing_mm[0], height: rows * spacing_mm[1] };
  }

  /**
   * The line in which a slice is seen, from end to end in pixels; null of one that is not seen from
   * its edge.
   */
  lineOf(grid, index) {
    const middle = { x: (grid.columns - 1) / 2, y: (grid.rows - 1) / 2, z: index };
    const at = voxelOf(this.grid, pointOf(grid, middle));
    const runs = [
      { ...middle, x: grid.columns - 1 },
      { ...middle, y: grid.rows - 1 },
    ].map((voxel) => {
      const end = voxelOf(this.grid, pointOf(grid, voxel));
      const run = { x: end.x - at.x, y: end.y - at.y };
      const [wide_mm, high_mm] = this.grid.spacing_mm;
      return { ...run, mm: Math.hypot(run.x * wide_mm, run.y * high_mm) };
    });
    runs.sort((one, other) => other.mm - one.mm);
    if (!(runs[1].mm < FACE_ON * runs[0].mm)) return null;
    const reach = (4 * (this.grid.columns + this.grid.rows)) / Math.hypot(runs[0].x, runs[0].y);
    const end = (way) => ({ x: at.x + way * runs[0].x * reach, y: at.y + way * runs[0].y * reach });
    return { from: end(-1), to: end(1) };
  }

  /** The slice of a grid at a pixel, between slices too; null where slices are seen from above. */
  sliceAt(grid, { x, y }) {
    const seen = this.lineOf(grid, 0) !== null;
    return seen ? voxelOf(grid, pointOf(this.grid, { x, y, z: 0 })).z : null;
  }

  /** The lesion nearest to a pixel, at most so many mm away; else null. */
  lesionAt({ x, y }, within_mm) {
    if (this.labels === null) return null;
    const { columns, rows, spacing_mm } = this.grid;
    const [wide, high] = spacing_mm.slice(0, 2).map((mm) => Math.ceil(within_mm / mm));
    let best = { label: null, mm: within_mm };
    for (let row = Math.round(y) - high; row <= Math.round(y) + high; row += 1) {
      for (let column = Math.round(x) - wide; column <= Math.round(x) + wide; column += 1) {
        const inside = row >= 0 && column >= 0 && row < rows && column < columns;
        const label = inside ? this.labels[row * columns + column] : 0;
        const mm = Math.hypot((column - x) * spacing_mm[0], (row - y) * spacing_mm[1]);
        if (label > 0 && mm <= best.mm) best = { label, mm };
      }
    }
    return best.label;
  }
}

/** First and last column in which a stored number reaches `least`; all where none does. */
function bodyColumns(bits, { columns, rows }, least) {
  let [first, last] = [columns, -1];
  for (let at = 0; at < columns * rows; at += 1) {
    const stored = bits[at] < 32768 ? bits[at] : bits[at] - 65536;
    if (stored >= least) {
      first = Math.min(first, at % columns);
      last = Math.max(last, at % columns);
    }
  }
  return last < 0 ? [0, columns - 1] : [first, last];
}
