/** The panes of a reading: laid out, drawn, and watched for what hands do on them. */

import { el } from "../elements.js";
import { watchHands } from "./gestures.js";
import { LAYOUTS, ROLES } from "./reading.js";
import { Pane } from "./pane.js";
import { voxelUnder, zoomedAt } from "./placement.js";
import { t } from "../texts.js";
import { cornerWords } from "./words.js";

/** How long a picture waits for its second series before it is drawn without. */
const PATIENCE_MS = 200;

export class Stage {
  /**
   * @param {import("./reading.js").Reading} reading
   * @param {{hover: Function, leave: Function, measured: Function, drawn: Function, failed:
   *   Function}} told
   * @param {AbortSignal} signal
   */
  constructor(reading, told, signal) {
    this.reading = reading;
    this.told = told;
    this.signal = signal;
    this.panes = new Map();
    this.drawnIndex = null;
    this.asked = null;
    this.frame = 0;
    this.element = el("div", { class: "viewer-stage" });
    this.waiting = el("p", { class: "viewer-waiting", role: "status", hidden: true });
    this.watch = new ResizeObserver(() => this.schedule());
    this.watch.observe(this.element);
    this.#layOut();
    reading.onChange((what) => (what === "layout" ? this.#layOut() : this.schedule()));
    signal.addEventListener("abort", () => this.#close());
  }

  #close() {
    this.watch.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.patience);
  }

  #layOut() {
    const kinds = LAYOUTS[this.reading.layout];
    this.element.className = `viewer-stage viewer-stage-${kinds.length}`;
    this.element.replaceChildren(...kinds.map((kind) => this.#pane(kind).element), this.waiting);
    this.shown = kinds.map((kind) => this.#pane(kind));
    this.schedule();
  }

  #pane(kind) {
    if (!this.panes.has(kind)) {
      const pane = new Pane(kind);
      watchHands(pane.marks, this.#meanings(pane), this.signal);
      this.panes.set(kind, pane);
    }
    return this.panes.get(kind);
  }

  #meanings(pane) {
    const { reading } = this;
    const under = (x, y) => ({ ...voxelUnder(pane.placement, x, y), z: reading.index });
    return {
      hover: (x, y) => this.told.hover(under(x, y)),
      leave: () => this.told.leave(),
      click: (x, y) => reading.goTo(under(x, y)),
      turn: (steps) => reading.turn(steps),
      zoom: (factor, x, y) =>
        reading.setView(zoomedAt(reading.view, pane.placement, factor, x, y, pane.size)),
      move: (dx, dy) => this.#move(pane, dx, dy),
      tool: (touch) => reading.tool ?? (touch ? "turn" : "window"),
      drag: (phase, tool, at) => this.#drag(pane, phase, tool, at, under(at.x, at.y)),
    };
  }

  #move(pane, dx, dy) {
    const { view } = this.reading;
    const { scale } = pane.placement;
    this.reading.setView({
      ...view,
      across_mm: view.across_mm + dx / scale,
      down_mm: view.down_mm + dy / scale,
    });
  }

  #drag(pane, phase, tool, at, voxel) {
    if (tool === "window") {
      this.reading.dragWindow(pane.kind, at.dx, at.dy);
      return;
    }
    const { rulers } = this.reading;
    const act = {
      start: () => rulers.begin(voxel),
      move: () => rulers.reach(voxel),
      end: () => rulers.end(),
    }[phase];
    const length = act();
    if (phase === "end" && length !== null) {
      this.told.measured(length);
    }
    this.reading.changed("rulers");
  }

  /** Draws soon, once for all changes until then. */
  schedule() {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.#drawWhenHere();
      });
    }
  }

  #drawWhenHere() {
    const { reading } = this;
    const tracks = reading.shownTracks();
    const missing = tracks.filter((track) => track.bits(reading.index) === undefined);
    this.#say(missing);
    if (missing.length === 0) {
      this.#draw(true);
      return;
    }
    this.#ask(missing);
    if (missing.length < tracks.length && this.waited === reading.index) {
      this.#draw(false);
    }
  }

  /** Says over the pictures what is not in them: a black pane is no black image. */
  #say(missing) {
    const { index } = this.reading;
    const failed = missing.some((track) => track.failed.has(index));
    const under = missing.some((track) => !track.failed.has(index));
    this.element.setAttribute("aria-busy", String(under));
    this.waiting.hidden = missing.length === 0;
    this.waiting.classList.toggle("failed", failed);
    if (missing.length > 0) {
      const text = t(failed ? "viewer.not_fetched" : "viewer.fetching");
      if (this.waiting.textContent !== text) this.waiting.textContent = text;
    }
  }

  /** Fetches what a slice lacks; a series that cannot give it leaves its place empty. */
  #ask(missing) {
    const { index } = this.reading;
    for (const track of missing) {
      if (!track.failed.has(index)) {
        track.shelf.want(index).then(
          () => this.schedule(),
          (error) => this.#failed(track, index, error),
        );
      }
    }
    if (this.asked !== index) {
      this.asked = index;
      clearTimeout(this.patience);
      this.patience = setTimeout(() => {
        this.waited = index;
        this.schedule();
      }, PATIENCE_MS);
    }
  }

  #failed(track, index, error) {
    if (!this.signal.aborted && error.name !== "AbortError" && !track.failed.has(index)) {
      track.failed.set(index, error);
      this.told.failed(error);
      this.schedule();
    }
  }

  /** @param {boolean} whole  whether nothing is missing in the pictures */
  #draw(whole) {
    const { reading } = this;
    this.drawnIndex = reading.index;
    let seen = whole;
    for (const pane of this.shown) {
      pane.placed(reading.grid, reading.view);
      const room = pane.size.width > 0 && pane.size.height > 0;
      seen &&= room;
      if (room) this.#drawPane(pane);
    }
    this.#askOutlines();
    const shownLayers = reading.labelLayers.filter((layer) => layer.shown);
    for (const each of [...reading.shownTracks(), ...shownLayers]) {
      each.shelf.prefetch(reading.index, reading.direction);
    }
    this.told.drawn(reading.index, seen);
  }

  /** Fetches the outlines of this slice; the image does not wait for them. */
  #askOutlines() {
    const { index, labelLayers } = this.reading;
    for (const { shown, shelf } of labelLayers) {
      if (shown && shelf.peek(index) === undefined) {
        shelf.want(index).then(
          () => this.schedule(),
          () => {},
        );
      }
    }
  }

  #drawPane(pane) {
    const { reading } = this;
    const drawn = [];
    const laidOver = [];
    for (const role of ROLES[pane.kind]) {
      const track = reading.tracks[role];
      const bits = track.bits(reading.index);
      if (bits !== undefined) {
        const layer = pane.layer(role, track.series.grid);
        layer.paint(bits, this.#table(pane.kind, role, track));
        drawn.push(layer);
      }
    }
    reading.washes.forEach((wash, number) => {
      const layer = pane.layer(`wash ${number}`, wash.grid);
      layer.paint(wash.bits, wash.table());
      laidOver.push(layer);
    });
    const light = pane.kind === "pet" && reading.tracks.pet.map === "inverse_grey";
    pane.draw({ layers: drawn, light, opening: reading.opening, laidOver });
    this.#drawMarks(pane);
  }

  #table(kind, role, track) {
    const over = kind === "fused" && role === "pet";
    return over ? track.table(this.reading.fusedMap, this.reading.opacity) : track.table(track.map);
  }

  #drawMarks(pane) {
    const { reading } = this;
    const { index } = reading;
    const layers = reading.labelLayers;
    pane.drawMarks({
      grid: reading.grid,
      shapes: layers.flatMap((layer) => layer.shapes(index)),
      names: layers.flatMap((layer) => layer.names(index)),
      rulers: reading.rulers.on(index),
      crosshair: reading.crosshair,
    });
    pane.say(cornerWords(reading, pane.kind));
  }
}
