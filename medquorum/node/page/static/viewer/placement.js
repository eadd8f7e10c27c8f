/**
 * Where a picture lies in its pane: fitted by its size in mm, then zoomed and moved by the reader.
 */

import { flips } from "./geometry.js";

/**
 * @typedef {{zoom: number, across_mm: number, down_mm: number}} View  shared by the panes of a
 * viewer
 */

export const WHOLE = Object.freeze({ zoom: 1, across_mm: 0, down_mm: 0 });
const LEAST_ZOOM = 0.5;
const MOST_ZOOM = 32;

/**
 * A view with its zoom in bounds and its picture not moved further than its own size.
 * @returns {View}
 */
export function bounded(view, grid) {
  const across = grid.columns * grid.spacing_mm[0];
  const down = grid.rows * grid.spacing_mm[1];
  const within = (value, most) => Math.min(most, Math.max(-most, value));
  return {
    zoom: within(Math.max(LEAST_ZOOM, view.zoom), MOST_ZOOM),
    across_mm: within(view.across_mm, across),
    down_mm: within(view.down_mm, down),
  };
}

/**
 * @typedef {object} Placement
 * @property {number} scale  CSS pixels per mm
 * @property {[number, number, number, number]} box  left, top, width, height of the picture, CSS
 *   pixels
 * @property {{x: boolean, y: boolean}} flip
 */

/** @param {import("./geometry.js").Grid} grid @param {View} view @returns {Placement} */
export function place(grid, view, width, height) {
  const wide_mm = grid.columns * grid.spacing_mm[0];
  const high_mm = grid.rows * grid.spacing_mm[1];
  const scale = Math.min(width / wide_mm, height / high_mm) * view.zoom;
  const box = [
    width / 2 + (view.across_mm - wide_mm / 2) * scale,
    height / 2 + (view.down_mm - high_mm / 2) * scale,
    wide_mm * scale,
    high_mm * scale,
  ];
  return { scale, box, flip: flips(grid), columns: grid.columns, rows: grid.rows };
}

/** From voxels, counted from the picture's edge, to CSS pixels. @returns {DOMMatrix} */
export function matrixOf(placement) {
  const [left, top, width, height] = placement.box;
  const { flip, columns, rows } = placement;
  const a = (flip.x ? -width : width) / columns;
  const d = (flip.y ? -height : height) / rows;
  return new DOMMatrix([a, 0, 0, d, flip.x ? left + width : left, flip.y ? top + height : top]);
}

/** CSS pixels of a voxel's centre. */
export function pixelOf(placement, voxel) {
  const point = matrixOf(placement).transformPoint({ x: voxel.x + 0.5, y: voxel.y + 0.5 });
  return { x: point.x, y: point.y };
}

/** Column and row, between voxels too, under a point of the pane. */
export function voxelUnder(placement, x, y) {
  const point = matrixOf(placement).inverse().transformPoint({ x, y });
  return { x: point.x - 0.5, y: point.y - 0.5 };
}

/**
 * The view zoomed by a factor so that what lies under a point of the pane stays there.
 * @returns {View}
 */
export function zoomedAt(view, placement, factor, x, y, size) {
  const zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, view.zoom * factor));
  const applied = zoom / view.zoom;
  const moved = (at, middle, shift) =>
    (at - middle) * (1 / (placement.scale * applied) - 1 / placement.scale) + shift;
  return {
    zoom,
    across_mm: moved(x, size.width / 2, view.across_mm),
    down_mm: moved(y, size.height / 2, view.down_mm),
  };
}
