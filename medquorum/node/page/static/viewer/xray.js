/**
 * The X-ray viewer: a film, its window, and what an analysis drew on it.
 *
 *     createXray(place, { series: [{ kind: "xray", record, part }], overlays: [{ record }],
 *     boxes: [[x, y, w, h]] });
 */

import { announce, el } from "../elements.js";
import { t } from "../texts.js";
import { readSeries } from "./description.js";
import { inPlaceOfPictures, viewerFrame } from "./frame.js";
import { showKeys } from "./help.js";
import { Reading } from "./reading.js";
import { Shutters } from "./shutters.js";
import { Lane, labelsOf } from "./slices.js";
import { nodeSource } from "./source.js";
import { Stage } from "./stage.js";
import { watchKeys } from "./strokes.js";
import { Track } from "./track.js";
import { Boxes, Wash } from "./washes.js";
import { lengthWords, readoutWords, reasonOf, warningWords, windowWords } from "./words.js";
import { xrayToolbar } from "./xray_toolbar.js";

/**
 * Makes a viewer of a film in a place of the page; the same handle as the slice viewer's.
 * @param {HTMLElement} place  emptied
 * @param {{series, overlays, boxes, source}} wanted
 */
export function createXray(place, wanted) {
  const viewer = new XrayViewer(place, wanted);
  viewer.begin();
  return viewer.handle();
}

class XrayViewer {
  constructor(place, wanted) {
    this.wanted = wanted;
    this.source = wanted.source ?? nodeSource;
    this.name = wanted.series[0];
    this.first = Promise.withResolvers();
    this.seen = Promise.withResolvers();
    Object.assign(this, viewerFrame(place, "viewer viewer-film"));
  }

  handle() {
    const nothing = () => {};
    return {
      setSlice: (film) => this.loaded.then(() => this.#showFilm(film)),
      setLayout: nothing,
      goTo: (pixel) => this.loaded.then(() => this.reading?.goTo({ ...pixel, z: 0 })),
      goToPoint: nothing,
      goToLesion: (number) => this.loaded.then(() => this.#goToBox(number)),
      onReady: (act) => this.first.promise.then(act, nothing),
      ready: this.first.promise,
      seen: this.seen.promise,
      destroy: () => this.#end(),
    };
  }

  begin() {
    this.first.promise.catch(() => {});
    this.loaded = this.#load().catch((error) => {
      const words = t("viewer.failed", { reason: reasonOf(error) });
      this.notes.replaceChildren(el("p", { class: "viewer-note" }, words));
      this.body.replaceChildren(inPlaceOfPictures(words, "failed"));
      this.first.reject(error);
    });
  }

  async #load() {
    this.series = readSeries(await this.source.describe(this.name));
    const notes = this.series.warnings.map((warning) =>
      el("p", { class: "viewer-note" }, warningWords(warning)),
    );
    this.notes.replaceChildren(...notes);
    this.#showFilm(0);
  }

  /** Shows one film of the series; they may differ in size, so each is a reading of its own. */
  #showFilm(film) {
    const size = this.series.frames[film] ?? this.series.grid;
    this.#closeFilm();
    this.ending = new AbortController();
    const grid = { ...this.series.grid, columns: size.columns, rows: size.rows, slices: 1 };
    const fetchBytes = (_, signal) => this.source.slice(this.name, film, null, signal);
    this.track = new Track({ ...this.series, grid }, fetchBytes, new Lane());
    this.reading = new Reading(this.track, "xray", lengthWords);
    this.film = film;
    this.#build();
    this.#shut(this.reading);
    this.#loadDrawings(film);
  }

  /** Lays shutters before the film is drawn for the first time; its failure is told elsewhere. */
  #shut(reading) {
    const { series, shelf } = this.track;
    const shut = (bits) => {
      const shutters = new Shutters(bits, series.grid);
      if (shutters.any) {
        reading.shutters = shutters;
        reading.changed("series");
      }
    };
    shelf.want(0).then(shut, () => {});
  }

  #build() {
    const { reading, ending } = this;
    this.stage = new Stage(reading, this.#told(), ending.signal);
    this.bar.replaceChildren(xrayToolbar(reading, this.#films(), showKeys));
    this.body.replaceChildren(this.stage.element);
    reading.onChange((what) => what === "window" && announce(windowWords(this.track)));
    watchKeys(this.element, strokes(reading), ending.signal);
  }

  #films() {
    return {
      count: this.series.grid.slices,
      shown: this.film,
      show: (film) => this.#showFilm(film),
    };
  }

  async #loadDrawings(film) {
    const { reading } = this;
    if (this.wanted.boxes?.length > 0 && film === 0) {
      reading.labelLayers.push(new Boxes(this.wanted.boxes));
    }
    for (const overlay of this.wanted.overlays ?? []) {
      try {
        await this.source.describeOverlay(overlay.record, this.name);
        const bytes = await this.source.labels(
          overlay.record,
          "findings",
          film,
          this.name,
          this.ending.signal,
        );
        const { columns, rows } = reading.grid;
        reading.washes.push(new Wash(labelsOf(bytes, columns * rows), reading.grid));
      } catch (error) {
        if (error.name !== "AbortError") {
          this.notes.append(
            el("p", { class: "viewer-note" }, t("viewer.part_failed", { reason: reasonOf(error) })),
          );
        }
      }
    }
    reading.changed("series");
  }

  #told() {
    return {
      hover: (voxel) => this.#hover(voxel),
      leave: () => this.#hover(null),
      measured: (length) => announce(t("viewer.measured", { length })),
      failed: (error) =>
        this.notes.append(
          el("p", { class: "viewer-note" }, t("viewer.slice_failed", { reason: reasonOf(error) })),
        ),
      drawn: (_, whole) => {
        this.element.dataset.drawn = String(this.film);
        this.first.resolve();
        if (whole) this.seen.resolve();
      },
    };
  }

  #hover(voxel) {
    const place = voxel ?? this.reading.crosshair;
    this.readout.textContent = place === null ? "" : readoutWords(this.reading, { ...place, z: 0 });
  }

  #goToBox(number) {
    const box = this.reading?.labelLayers[0]?.drawn[number - 1]?.box;
    return (
      box !== undefined &&
      this.reading.goTo({ x: box[0] + box[2] / 2, y: box[1] + box[3] / 2, z: 0 })
    );
  }

  #closeFilm() {
    this.ending?.abort();
    this.reading?.close();
  }

  #end() {
    this.#closeFilm();
    this.element.remove();
  }
}

/** @returns {import("./strokes.js").Strokes} */
function strokes(reading) {
  const zoom = (factor) => reading.setView({ ...reading.view, zoom: reading.view.zoom * factor });
  return {
    "Shift+ArrowUp": () => reading.stepCrosshair(0, -4),
    "Shift+ArrowDown": () => reading.stepCrosshair(0, 4),
    "Shift+ArrowLeft": () => reading.stepCrosshair(-4, 0),
    "Shift+ArrowRight": () => reading.stepCrosshair(4, 0),
    w: () => reading.cyclePreset(),
    i: () => reading.invert(),
    b: () => reading.toggleShutters(),
    m: () => reading.setTool(reading.tool === "measure" ? null : "measure"),
    f: () => reading.reset(),
    "+": () => zoom(1.25),
    "Shift++": () => zoom(1.25),
    "-": () => zoom(0.8),
    Backspace: () => {
      reading.rulers.undo();
      reading.changed("rulers");
    },
  };
}
