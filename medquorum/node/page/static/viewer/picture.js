/** Slices as pixels: each layer is painted once per slice and table, then only placed. */

import { matrixOf } from "./placement.js";

/** One series of a pane, at the size of its slices. */
export class Layer {
  constructor(columns, rows) {
    this.canvas = document.createElement("canvas");
    this.canvas.width = columns;
    this.canvas.height = rows;
    this.context = this.canvas.getContext("2d");
    this.pixels = this.context.createImageData(columns, rows);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.painted = { bits: null, table: null };
  }

  /** Paints numbers by a table of pixels, unless that is what it shows already. */
  paint(bits, table) {
    if (this.painted.bits === bits && this.painted.table === table) {
      return;
    }
    const words = this.words;
    for (let at = 0; at < words.length; at += 1) {
      words[at] = table[bits[at]];
    }
    this.context.putImageData(this.pixels, 0, 0);
    this.painted = { bits, table };
  }
}

/**
 * Fits a canvas to its element and the screen's pixels.
 * @returns {{width: number, height: number}} CSS pixels
 */
export function fitCanvas(canvas, width, height) {
  const density = Math.min(window.devicePixelRatio || 1, 2);
  const wanted = {
    width: Math.max(1, Math.round(width * density)),
    height: Math.max(1, Math.round(height * density)),
  };
  if (canvas.width !== wanted.width || canvas.height !== wanted.height) {
    canvas.width = wanted.width;
    canvas.height = wanted.height;
  }
  return density;
}

/**
 * Covers what lies around an opening.
 * @param {HTMLCanvasElement} canvas  with the picture drawn
 * @param {import("./shutters.js").Opening} opening
 * @param {import("./placement.js").Placement} placement
 */
export function drawShutters(canvas, { left, top, right, bottom }, placement, density) {
  const context = canvas.getContext("2d", { alpha: false });
  const matrix = new DOMMatrix([density, 0, 0, density, 0, 0]).multiply(matrixOf(placement));
  context.setTransform(matrix);
  const { columns, rows } = placement;
  const cover = new Path2D();
  // Beyond the film by a pixel of the screen, lest its edge shines through where it is smoothed.
  const beyond = 1 + (2 * columns) / placement.box[2];
  cover.rect(-beyond, -beyond, columns + 2 * beyond, rows + 2 * beyond);
  cover.rect(left, top, right - left, bottom - top);
  context.fillStyle = "#000000";
  context.fill(cover, "evenodd");
}

/** Fills a canvas. @param {HTMLCanvasElement} canvas @param {string} ground  beside the picture */
export function fill(canvas, ground) {
  const context = canvas.getContext("2d", { alpha: false });
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
}

/**
 * Draws layers one over the other.
 * @param {HTMLCanvasElement} canvas
 * @param {Layer[]} layers  from the lowest
 * @param {import("./placement.js").Placement} placement
 */
export function drawLayers(canvas, layers, placement, density) {
  const context = canvas.getContext("2d", { alpha: false });
  const matrix = new DOMMatrix([density, 0, 0, density, 0, 0]).multiply(matrixOf(placement));
  context.setTransform(matrix);
  for (const layer of layers) {
    const magnified = (placement.box[2] * density) / layer.canvas.width;
    // Far magnified, single voxels shall be seen as what they are.
    context.imageSmoothingEnabled = magnified < 6;
    context.drawImage(layer.canvas, 0, 0, placement.columns, placement.rows);
  }
}
