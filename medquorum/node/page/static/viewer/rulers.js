/** Distances a reader measures: two voxels of one slice, and the millimetres between them. */

import { distance_mm } from "./geometry.js";

/** Measurements kept; the oldest goes first. */
const MOST_RULERS = 50;
/** Millimetres below which a drawn line was only a click. */
const LEAST_MM = 0.5;

export class Rulers {
  /** @param {import("./geometry.js").Grid} grid @param {(mm: number) => string} named */
  constructor(grid, named) {
    this.grid = grid;
    this.named = named;
    this.rulers = [];
    this.open = null;
  }

  /** Begins at a voxel. */
  begin(voxel) {
    this.open = { from: { ...voxel }, to: { ...voxel } };
  }

  /** Draws the open end to a voxel of the same slice. */
  reach(voxel) {
    if (this.open !== null) {
      this.open.to = { ...voxel, z: this.open.from.z };
    }
  }

  /** Keeps the open line. @returns {string?} its length in words, null where it was only a click */
  end() {
    const line = this.open;
    this.open = null;
    if (line === null || this.#length(line) < LEAST_MM) {
      return null;
    }
    this.rulers.push(line);
    this.rulers.splice(0, Math.max(0, this.rulers.length - MOST_RULERS));
    return this.named(this.#length(line));
  }

  /** Takes the last one away. */
  undo() {
    this.rulers.pop();
  }

  /** Takes all away. */
  clear() {
    this.rulers = [];
    this.open = null;
  }

  /** Lines to draw on a slice. */
  on(index) {
    const all = this.open === null ? this.rulers : [...this.rulers, this.open];
    return all
      .filter((line) => line.from.z === index)
      .map((line) => ({ ...line, text: this.named(this.#length(line)) }));
  }

  #length(line) {
    return distance_mm(this.grid, line.from, line.to);
  }
}
