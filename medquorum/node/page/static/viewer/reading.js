/**
 * What a reader looks at: slice, window, view, crosshair, tool. It holds no element of the page;
 * who
 * draws it listens to its changes.
 */

import { holds, voxelOf } from "./geometry.js";
import { Rulers } from "./rulers.js";
import { WHOLE, bounded } from "./placement.js";

/** Which series each pane shows, from the lowest layer. */
export const ROLES = Object.freeze({
  ct: ["ct"],
  pet: ["pet"],
  fused: ["ct", "pet"],
  xray: ["xray"],
});
/** Which panes each layout shows; the first is the large one. */
export const LAYOUTS = Object.freeze({
  ct: ["ct"],
  pet: ["pet"],
  fused: ["fused"],
  triple: ["fused", "ct", "pet"],
  xray: ["xray"],
});
export const TOOLS = Object.freeze(["window", "pan", "turn", "measure"]);
/** Share of the uptake's colour in a fused picture at first. */
const FIRST_OPACITY = 0.6;

export class Reading {
  /**
   * @param {import("./track.js").Track} base  the series whose grid all panes share
   * @param {"ct"|"pet"|"xray"} role  of the base
   * @param {(mm: number) => string} named  a length in words
   */
  constructor(base, role, named) {
    this.base = base;
    this.tracks = { [role]: base };
    this.labelLayers = [];
    this.washes = [];
    /** @type {import("./shutters.js").Shutters | null} */
    this.shutters = null;
    this.index = Math.floor(base.series.grid.slices / 2);
    this.direction = 1;
    this.layout = role;
    this.view = { ...WHOLE };
    this.crosshair = null;
    this.tool = null;
    this.opacity = FIRST_OPACITY;
    this.fusedMap = "hot_iron";
    /** @type {import("./overview.js").Overview | null} */
    this.overview = null;
    this.overviewShown = true;
    this.rulers = new Rulers(base.series.grid, named);
    this.listeners = new Set();
  }

  get grid() {
    return this.base.series.grid;
  }

  /** Calls a function after each change. @param {(what: string) => void} listener */
  onChange(listener) {
    this.listeners.add(listener);
  }

  /** Tells the listeners. */
  changed(what) {
    for (const listener of this.listeners) {
      listener(what);
    }
  }

  /** Layouts that the series here allow. */
  layouts() {
    return Object.keys(LAYOUTS).filter((layout) =>
      LAYOUTS[layout].every((pane) => ROLES[pane].every((role) => this.tracks[role] !== undefined)),
    );
  }

  /** Series that the layout shows. */
  shownTracks() {
    const roles = new Set(LAYOUTS[this.layout].flatMap((pane) => ROLES[pane]));
    return [...roles].map((role) => this.tracks[role]);
  }

  /** Adds a series on the base's grid. */
  addTrack(role, track) {
    this.tracks[role] = track;
    this.changed("series");
  }

  /** 1 where a reader who goes down the body goes up the slices, else -1: the head comes first. */
  get downward() {
    return this.grid.placed && this.grid.steps_mm[2][2] > 0 ? -1 : 1;
  }

  /** The number a reader sees of a slice: from 1, from the head where that is known. */
  number(index) {
    return this.downward === 1 ? index + 1 : this.grid.slices - index;
  }

  /** Goes so many slices down the body (up, where negative). */
  turn(steps) {
    this.setSlice(this.index + steps * this.downward);
  }

  /** Shows a slice, the nearest there is. */
  setSlice(index) {
    const to = Math.min(this.grid.slices - 1, Math.max(0, Math.round(index)));
    if (to === this.index) {
      return;
    }
    this.direction = to > this.index ? 1 : -1;
    this.index = to;
    if (this.crosshair !== null) {
      this.crosshair = { ...this.crosshair, z: to };
    }
    this.changed("slice");
  }

  setLayout(layout) {
    if (this.layouts().includes(layout) && layout !== this.layout) {
      this.layout = layout;
      this.changed("layout");
    }
  }

  /** The layout after this one. */
  nextLayout() {
    const layouts = this.layouts();
    this.setLayout(layouts[(layouts.indexOf(this.layout) + 1) % layouts.length]);
  }

  /** Puts the crosshair on a voxel and shows its slice; far from the middle, brings it there. */
  goTo(voxel) {
    if (![voxel.x, voxel.y, voxel.z].every(Number.isFinite) || !holds(this.grid, voxel)) {
      return false;
    }
    const whole = { x: Math.round(voxel.x), y: Math.round(voxel.y), z: Math.round(voxel.z) };
    this.setSlice(whole.z);
    this.crosshair = whole;
    this.changed("crosshair");
    return true;
  }

  /** The same for a point in LPS mm. */
  goToPoint(point_mm) {
    return this.grid.placed && this.goTo(voxelOf(this.grid, point_mm));
  }

  /** Shows the slice of a point, LPS in mm, where the images hold it. */
  beginAt(point_mm) {
    if (point_mm === null || !this.grid.placed) return;
    const { z } = voxelOf(this.grid, point_mm);
    if (Math.round(z) >= 0 && Math.round(z) < this.grid.slices) this.setSlice(z);
  }

  /**
   * Goes to a label: at once to its slice, to its middle as soon as the slice's labels are here.
   */
  async goToLabel(layer, labelled) {
    this.setSlice(labelled.central);
    // Where the labels cannot be had the slice at least is shown.
    const centre = await layer.centreOf(labelled).catch(() => null);
    return centre !== null && this.index === labelled.central && this.goTo(centre);
  }

  /** The lesions of the report on these images, or null. */
  lesionLayer() {
    return this.labelLayers.find((layer) => layer.kind === "lesions") ?? null;
  }

  /** Goes to a lesion by its number in the report. */
  async goToLesion(number) {
    const layer = this.lesionLayer();
    const lesion = layer?.labels.find((each) => each.label === number);
    if (lesion === undefined) {
      return false;
    }
    this.lesion = number;
    return this.goToLabel(layer, lesion);
  }

  /** Moves the crosshair by voxels; it begins in the middle. */
  stepCrosshair(dx, dy) {
    const { columns, rows } = this.grid;
    const from = this.crosshair ?? {
      x: Math.floor(columns / 2),
      y: Math.floor(rows / 2),
      z: this.index,
    };
    this.goTo({ ...from, x: from.x + dx, y: from.y + dy, z: this.index });
  }

  /** The series a window gesture on a pane works on: the uptake where it is shown. */
  windowTrack(pane) {
    return pane === "ct" ? this.tracks.ct : (this.tracks.pet ?? this.base);
  }

  /** The series whose presets W cycles: the CT where it is shown. */
  presetTrack() {
    return this.layout === "pet" ? this.tracks.pet : (this.tracks.ct ?? this.base);
  }

  cyclePreset(track = this.presetTrack()) {
    const window = track.cycle();
    this.changed("window");
    return window;
  }

  setWindow(track, window) {
    track.setWindow(window);
    this.changed("window");
  }

  dragWindow(pane, dx, dy) {
    this.windowTrack(pane).drag(dx, dy);
    this.changed("window");
  }

  /** Black for white. */
  invert() {
    this.base.map = this.base.map === "grey" ? "inverse_grey" : "grey";
    this.changed("inverted");
  }

  /** What is left open of a film whose border is covered; null where nothing is covered. */
  get opening() {
    return this.shutters?.opening(this.base.map) ?? null;
  }

  /** Covers the bright border of a film, or shows it. */
  toggleShutters() {
    if (this.shutters !== null) {
      this.shutters.shown = !this.shutters.shown;
      this.changed("shown");
    }
  }

  /** Shows the body at one look, or hides it. */
  toggleOverview() {
    if (this.overview !== null) {
      this.overviewShown = !this.overviewShown;
      this.changed("overview");
    }
  }

  setOpacity(share) {
    this.opacity = Math.min(1, Math.max(0, share));
    this.changed("window");
  }

  setFusedMap(map) {
    this.fusedMap = map;
    this.changed("window");
  }

  setView(view) {
    this.view = bounded(view, this.grid);
    this.changed("view");
  }

  /** The whole picture, without crosshair and measurements. */
  reset() {
    this.view = { ...WHOLE };
    this.crosshair = null;
    this.rulers.clear();
    this.changed("view");
  }

  setTool(tool) {
    this.tool = tool;
    this.changed("tool");
  }

  /** Lets go of all that was fetched. */
  close() {
    this.listeners.clear();
    Object.values(this.tracks).forEach((track) => track.close());
    this.labelLayers.forEach((layer) => layer.close());
  }
}
