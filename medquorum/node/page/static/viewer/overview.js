/**
 * The body at one look, beside the slices: the highest uptake from the front and, where there is
 * room, from the side; the report's lesions, and a line at the slice that is open. A click goes to
 * a slice or a lesion, a drag through the slices, keys as on the pictures.
 */

import { el } from "../elements.js";
import { t } from "../texts.js";
import { letters, opposite } from "./geometry.js";
import { watchHands } from "./gestures.js";
import {
  LETTERS,
  cleanContext,
  drawNames,
  drawOutlines,
  drawSliceLine,
  shadowedText,
} from "./marks.js";
import { Layer, drawLayers, fill, fitCanvas } from "./picture.js";
import { pixelOf, voxelUnder } from "./placement.js";
import { Sight, readSights } from "./sight.js";
import { sliceWords } from "./words.js";

/** Between two views, and around them; CSS pixels. */
const GAP = 6;
/** The side is shown where the front need not shrink below this share of its size. */
const LEAST_SHARE = 0.65;
/** How far beside a lesion a click still means it; CSS pixels. */
const NEAR = 6;
/** Numbers closer than this would lie over each other. */
const APART = { x: 11, y: 11 };

export class Overview {
  /** @param {import("./reading.js").Reading} reading @param {AbortSignal} signal */
  constructor(reading, signal) {
    this.reading = reading;
    this.signal = signal;
    this.sights = [];
    this.drawn = [];
    this.frame = 0;
    this.picture = el("canvas", { class: "viewer-picture", "aria-hidden": "true" });
    this.marks = el("canvas", {
      class: "viewer-overview-marks",
      role: "img",
      tabindex: "0",
      "aria-label": t("viewer.overview_waits"),
    });
    watchHands(this.marks, this.#meanings(), signal);
    this.words = el("p", { class: "viewer-overview-words" }, t("viewer.overview_waits"));
    this.element = el("div", { class: "viewer-overview" }, this.picture, this.marks, this.words);
    reading.onChange(() => this.schedule());
    this.watch = new ResizeObserver(() => this.schedule());
    this.watch.observe(this.element);
    signal.addEventListener("abort", () => {
      this.watch.disconnect();
      cancelAnimationFrame(this.frame);
    });
  }

  /** Ends what cannot be shown. */
  remove() {
    this.sights = [];
    this.reading.overview = null;
    this.element.remove();
    this.reading.changed("overview");
  }

  /**
   * Fetches the views of the PET one after the other, then the lesions on them.
   * @param {object} source  the node's addresses
   */
  async load(source) {
    const { signal } = this;
    const { name, series } = this.reading.tracks.pet;
    for (const view of readSights(await source.projections(name))) {
      const bytes = await source.projection(name, view.name, signal);
      if (signal.aborted) return;
      const sight = new Sight(view, bytes, series.rescale);
      sight.layer = new Layer(sight.grid.columns, sight.grid.rows);
      this.sights.push(sight);
      this.words.hidden = true;
      this.schedule();
    }
    const lesions = this.reading.lesionLayer();
    if (lesions !== null) {
      for (const sight of this.sights) {
        sight.label(await source.labelsSeen(lesions.record, sight.name, name, signal));
        this.schedule();
      }
    }
  }

  /** Draws soon, once for all changes until then. */
  schedule() {
    if (this.frame === 0 && !this.signal.aborted) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.#draw();
      });
    }
  }

  /** Where the views lie: the front above, the side below it where there is room for both. */
  #placed(width, height) {
    const scaleOf = (sights) =>
      Math.min(
        ...sights.map((sight) => (width - 2 * GAP) / sight.size_mm.width),
        (height - GAP * (sights.length + 1)) /
          sights.reduce((sum, sight) => sum + sight.size_mm.height, 0),
      );
    const front = this.sights.slice(0, 1);
    const roomy = scaleOf(this.sights) >= LEAST_SHARE * scaleOf(front);
    const shown = roomy ? this.sights : front;
    const scale = scaleOf(shown);
    let top = GAP;
    return shown.map((sight) => {
      const size = [sight.size_mm.width * scale, sight.size_mm.height * scale];
      const box = [(width - size[0]) / 2, top, ...size];
      top += size[1] + GAP;
      const { columns, rows } = sight.grid;
      return { sight, placement: { scale, box, flip: { x: false, y: false }, columns, rows } };
    });
  }

  #draw() {
    const { reading } = this;
    this.element.hidden = !reading.overviewShown;
    const [width, height] = [this.element.clientWidth, this.element.clientHeight];
    if (this.sights.length === 0 || width <= 3 * GAP || height <= 3 * GAP) return;
    this.drawn = this.#placed(width, height);
    const density = fitCanvas(this.picture, width, height);
    fitCanvas(this.marks, width, height);
    fill(this.picture, "#000000");
    const table = reading.tracks.pet.table("inverse_grey");
    const context = cleanContext(this.marks, density);
    for (const { sight, placement } of this.drawn) {
      sight.layer.paint(sight.bits, table);
      drawLayers(this.picture, [sight.layer], placement, density);
      this.#drawMarks(context, sight, placement);
    }
    this.element.dataset.views = this.drawn.map(({ sight }) => sight.name).join(" ");
    const lesions = this.#lesions(this.sights[0]).length;
    const words = { place: sliceWords(reading), lesions };
    this.marks.setAttribute("aria-label", t("viewer.overview_described", words));
  }

  /** What is outlined of a view. */
  #lesions(sight) {
    const layer = this.reading.lesionLayer();
    return layer?.shown ? sight.found.filter((each) => !layer.hidden.has(each.label)) : [];
  }

  #drawMarks(context, sight, placement) {
    const lesions = this.#lesions(sight);
    const box = new Path2D();
    box.rect(...placement.box);
    context.save();
    context.clip(box);
    const line = sight.lineOf(this.reading.grid, this.reading.index);
    if (line !== null) {
      drawSliceLine(context, pixelOf(placement, line.from), pixelOf(placement, line.to));
    }
    drawOutlines(
      context,
      lesions.map((each) => each.shape),
      placement,
    );
    context.restore();
    drawNames(context, this.#apart(lesions, placement), placement);
    this.#drawLetters(context, sight, placement);
  }

  /** The numbers that do not lie over one another, those of the report's first lesions first. */
  #apart(lesions, placement) {
    const kept = [];
    for (const { name } of lesions) {
      const at = pixelOf(placement, name);
      const near = (other) =>
        Math.abs(other.at.x - at.x) < APART.x && Math.abs(other.at.y - at.y) < APART.y;
      if (!kept.some(near)) kept.push({ name, at });
    }
    return kept.map((each) => each.name);
  }

  #drawLetters(context, { grid }, { box: [left, top, width] }) {
    const side = letters(grid.steps_mm[0]);
    context.textBaseline = "top";
    context.textAlign = "left";
    shadowedText(context, opposite(side), left + GAP, top + GAP, LETTERS);
    context.textAlign = "right";
    shadowedText(context, side, left + width - GAP, top + GAP, LETTERS);
  }

  /** The view and its pixel under a place, or null. */
  #under(x, y) {
    const inside = ({ placement: { box } }) =>
      x >= box[0] && x <= box[0] + box[2] && y >= box[1] && y <= box[1] + box[3];
    const found = this.drawn.find(inside);
    return found === undefined ? null : { ...found, pixel: voxelUnder(found.placement, x, y) };
  }

  /** What hands mean here; the picture itself is neither moved nor magnified. */
  #meanings() {
    const nothing = () => {};
    return {
      hover: nothing,
      leave: nothing,
      move: nothing,
      zoom: nothing,
      click: (x, y) => this.#clicked(x, y),
      drag: (phase, tool, at) => this.#toSlice(at.x, at.y),
      turn: (steps) => this.reading.turn(steps),
      tool: () => "slice",
    };
  }

  #clicked(x, y) {
    const under = this.#under(x, y);
    if (under === null) return;
    const shown = this.#lesions(under.sight).length > 0;
    const lesion = shown ? under.sight.lesionAt(under.pixel, NEAR / under.placement.scale) : null;
    if (lesion !== null) this.reading.goToLesion(lesion);
    else this.#toSlice(x, y);
  }

  #toSlice(x, y) {
    const under = this.#under(x, y);
    const slice = under?.sight.sliceAt(this.reading.grid, under.pixel) ?? null;
    if (slice !== null) this.reading.setSlice(slice);
  }
}
