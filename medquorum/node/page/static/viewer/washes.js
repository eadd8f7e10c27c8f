/**
 * What an analysis of an X-ray drew, laid over the film: edges, suspicious contours, the network's
 * activation, and the boxes of its findings.
 */

import { COLOUR_MAPS } from "./colours.js";

/** Labels of a fracture overlay: an edge, a contour, and from 16 eight levels of activation. */
const EDGE = 1;
const CONTOUR = 2;
const HEAT = 16;
const HEAT_LEVELS = 8;
const EDGE_COLOUR = [90, 210, 255];
const CONTOUR_COLOUR = [255, 210, 63];
const BOX_COLOUR = "#ff7f50";

/** What can be shown, in the order of its controls. */
export const WASHES = Object.freeze(["edges", "contours", "activation"]);

/** Which wash a label belongs to, or null. */
export function washOf(label) {
  if (label >= HEAT && label < HEAT + HEAT_LEVELS) {
    return "activation";
  }
  return { [EDGE]: "edges", [CONTOUR]: "contours" }[label] ?? null;
}

/** RGB of a label. */
function colourOf(label) {
  if (label >= HEAT) {
    return COLOUR_MAPS.hot_iron(0.35 + (0.5 * (label - HEAT)) / (HEAT_LEVELS - 1));
  }
  return label === EDGE ? EDGE_COLOUR : CONTOUR_COLOUR;
}

/** A label map over a film. */
export class Wash {
  /**
   * @param {Uint8Array} bits  labels
   * @param {{columns: number, rows: number}} grid  its own size
   */
  constructor(bits, grid) {
    this.bits = bits;
    this.grid = grid;
    this.shown = new Set(["contours", "activation"]);
    this.opacity = 0.6;
    this.made = null;
  }

  /** Whether any of its labels are in the film. */
  holds(wash) {
    return this.bits.some((label) => washOf(label) === wash);
  }

  /** Pixels by label, for a layer of the picture. @returns {Uint32Array} */
  table() {
    const key = [...this.shown].sort().join(" ") + this.opacity;
    if (this.made?.key !== key) {
      const pixels = new Uint32Array(256);
      const bytes = new Uint8Array(pixels.buffer);
      for (let label = 1; label < 256; label += 1) {
        if (this.shown.has(washOf(label))) {
          bytes.set([...colourOf(label), Math.round(255 * this.opacity)], label * 4);
        }
      }
      this.made = { key, pixels };
    }
    return this.made.pixels;
  }
}

/** Boxes of findings, drawn like outlines. */
export class Boxes {
  /**
   * @param {Array<[number, number, number, number]>} boxes  left, top, width, height in pixels of
   * the film
   */
  constructor(boxes) {
    this.kind = "boxes";
    this.shown = true;
    this.labels = [];
    this.shelf = { peek: () => null, prefetch() {} };
    this.drawn = boxes
      .slice(0, 64)
      .map((box, index) => ({ box, number: index + 1, path: pathOf(box) }));
  }

  shapes() {
    return this.shown
      ? this.drawn.map(({ path }) => ({ path, colour: BOX_COLOUR, width: 1.5 }))
      : [];
  }

  names() {
    return this.shown
      ? this.drawn.map(({ box, number }) => ({
          text: String(number),
          colour: BOX_COLOUR,
          x: box[0] + box[2],
          y: box[1],
        }))
      : [];
  }

  at() {
    return null;
  }

  close() {}
}

function pathOf([left, top, width, height]) {
  const path = new Path2D();
  path.rect(left, top, width, height);
  return path;
}
