/** One pane: the picture, what is drawn over it, and the words in its corners. */

import { el, replace } from "../elements.js";
import { t } from "../texts.js";
import { sides } from "./geometry.js";
import {
  cleanContext,
  drawCrosshair,
  drawNames,
  drawOutlines,
  drawRulers,
  drawScaleBar,
  drawSides,
} from "./marks.js";
import { Layer, drawLayers, drawShutters, fill, fitCanvas } from "./picture.js";
import { place } from "./placement.js";

const BLACK = "#000000";
const WHITE = "#ffffff";

export class Pane {
  /** @param {string} kind  "ct" | "pet" | "fused" | "xray" */
  constructor(kind) {
    this.kind = kind;
    this.picture = el("canvas", { class: "viewer-picture", "aria-hidden": "true" });
    this.marks = el("canvas", { class: "viewer-marks", role: "img", tabindex: "0" });
    this.title = el(
      "div",
      { class: "viewer-corner viewer-corner-title" },
      t(`viewer.pane_${kind}`),
    );
    this.place = el("div", { class: "viewer-corner viewer-corner-place" });
    this.level = el("div", { class: "viewer-corner viewer-corner-level" });
    this.element = el(
      "div",
      { class: `viewer-pane viewer-pane-${kind}` },
      this.picture,
      this.marks,
      this.title,
      this.place,
      this.level,
    );
    this.layers = new Map();
  }

  /** Width and height in CSS pixels. */
  measure() {
    this.size = { width: this.element.clientWidth, height: this.element.clientHeight };
    return this.size;
  }

  /** A layer for slices of this size, made once. */
  layer(name, grid) {
    const key = `${name} ${grid.columns} ${grid.rows}`;
    if (!this.layers.has(key)) {
      this.layers.set(key, new Layer(grid.columns, grid.rows));
    }
    return this.layers.get(key);
  }

  /** Where the picture lies at a view. */
  placed(grid, view) {
    const { width, height } = this.measure();
    this.placement = place(grid, view, width, height);
    return this.placement;
  }

  /**
   * Draws the picture.
   * @param {object} shown
   * @param {Layer[]} shown.layers  painted, the lowest first
   * @param {boolean} shown.light  whether nothing is white, as in an inverse PET
   * @param {import("./shutters.js").Opening | null} shown.opening  what is not covered; null:
   *   nothing is
   * @param {Layer[]} shown.laidOver  what an analysis drew: nothing covers it
   */
  draw({ layers, light, opening, laidOver }) {
    const density = fitCanvas(this.picture, this.size.width, this.size.height);
    fill(this.picture, light ? WHITE : BLACK);
    drawLayers(this.picture, layers, this.placement, density);
    if (opening !== null) {
      drawShutters(this.picture, opening, this.placement, density);
    }
    drawLayers(this.picture, laidOver, this.placement, density);
    this.element.classList.toggle("viewer-light", light);
  }

  /** @param {{grid, shapes, names, rulers, crosshair}} drawn */
  drawMarks(drawn) {
    const density = fitCanvas(this.marks, this.size.width, this.size.height);
    const context = cleanContext(this.marks, density);
    drawOutlines(context, drawn.shapes, this.placement);
    drawNames(context, drawn.names, this.placement);
    if (drawn.crosshair !== null) {
      drawCrosshair(context, this.placement, drawn.crosshair, this.size);
    }
    drawRulers(context, drawn.rulers, this.placement);
    const letters = sides(drawn.grid);
    if (letters !== null) {
      drawSides(context, letters, this.size);
    }
    if (drawn.grid.calibrated) {
      drawScaleBar(context, this.placement, this.size, (mm) =>
        t("viewer.millimetres", { number: mm }),
      );
    }
  }

  /** Words of the corners, and the whole for screen readers. */
  say({ place: placeText, height, levels, whole }) {
    replace(this.place, placeText, el("span", { class: "viewer-height" }, `  ${height}`));
    const line = ({ name, numbers }) => {
      const preset = name === "" ? "" : `${name}  `;
      return el("div", {}, el("span", { class: "viewer-preset" }, preset), numbers);
    };
    replace(this.level, levels.map(line));
    this.marks.setAttribute("aria-label", whole);
  }
}
