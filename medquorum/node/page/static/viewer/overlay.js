/**
 * Lesions and organs of a report over the image: their labels, outlines and where each begins and
 * ends.
 */

import { lesionColour, organColour } from "./colours.js";
import { outlines, pathToDraw, upperRight } from "./contours.js";
import { SliceShelf, labelsOf } from "./slices.js";

const LESION_WIDTH = 2;
const ORGAN_WIDTH = 1.25;
/** Bytes an outline takes for each of its numbers, with what stands around it. */
const OUTLINE_BYTES = 8;

/**
 * @typedef {object} Labelled
 * @property {number} label
 * @property {string} name  of the region or organ, in the report's words
 * @property {[number, number]} slices  first and last
 * @property {number} central  the slice of its largest extent
 * @property {string} colour
 */

/** One map of labels: "lesions" or "organs". */
export class LabelLayer {
  /**
   * @param {"lesions"|"organs"} kind
   * @param {Array<object>} labels  as the node describes them
   * @param {import("./geometry.js").Grid} grid  of the image under it
   * @param {(index: number, signal: AbortSignal) => Promise<Uint8Array>} fetchBytes
   * @param {import("./slices.js").Lane} lane
   */
  constructor(kind, labels, grid, fetchBytes, lane) {
    this.kind = kind;
    /** Hex of the report's record. */
    this.record = null;
    this.shown = kind === "lesions";
    this.hidden = new Set();
    this.colourOf = kind === "lesions" ? lesionColour : organColour;
    this.labels = labels
      .slice(0, 255)
      .map((each) => ({ ...each, colour: this.colourOf(each.label) }));
    this.grid = grid;
    const voxels = grid.columns * grid.rows;
    const drawable = async (index, signal) =>
      this.#drawable(labelsOf(await fetchBytes(index, signal), voxels));
    this.shelf = new SliceShelf(grid.slices, drawable, lane);
  }

  #drawable(labels) {
    const found = outlines(labels, this.grid.columns, this.grid.rows).map((outline) => ({
      label: outline.label,
      path: pathToDraw(outline),
      corner: upperRight(outline),
    }));
    const numbers = found.length * 64 * OUTLINE_BYTES;
    return { found, labels, byteLength: labels.byteLength + numbers };
  }

  /** Outlines to draw on a slice; none until they are here. */
  shapes(index) {
    return this.#visible(index).map(({ path, label }) => ({
      path,
      colour: this.colourOf(label),
      width: this.kind === "lesions" ? LESION_WIDTH : ORGAN_WIDTH,
    }));
  }

  /** Numbers beside the lesions of a slice; organs stand in the legend alone. */
  names(index) {
    const named = this.kind === "lesions" ? this.#visible(index) : [];
    return named.map(({ label, corner }) => ({
      text: String(label),
      colour: this.colourOf(label),
      ...corner,
    }));
  }

  #visible(index) {
    const slice = this.shown ? this.shelf.peek(index) : undefined;
    return slice === undefined ? [] : slice.found.filter((each) => !this.hidden.has(each.label));
  }

  /** What is labelled at a voxel, or null. @returns {Labelled?} */
  at(voxel) {
    const slice = this.shelf.peek(voxel.z);
    if (slice === undefined || !this.shown) {
      return null;
    }
    const label = slice.labels[Math.round(voxel.y) * this.grid.columns + Math.round(voxel.x)];
    return label > 0 ? (this.labels.find((each) => each.label === label) ?? null) : null;
  }

  /** The middle of a label on its central slice, once that is here. @returns {Promise<Voxel?>} */
  async centreOf(labelled) {
    const { labels } = await this.shelf.want(labelled.central);
    const { columns } = this.grid;
    let [count, across, down] = [0, 0, 0];
    labels.forEach((label, at) => {
      if (label === labelled.label) {
        count += 1;
        across += at % columns;
        down += Math.floor(at / columns);
      }
    });
    return count === 0 ? null : { x: across / count, y: down / count, z: labelled.central };
  }

  /** Labels present on a slice. */
  present(index) {
    const slice = this.shelf.peek(index);
    return new Set(slice === undefined ? [] : slice.found.map((each) => each.label));
  }

  /** Lets go of all outlines. */
  close() {
    this.shelf.close();
  }
}
