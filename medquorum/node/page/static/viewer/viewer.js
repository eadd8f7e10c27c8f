/**
 * The slice viewer: CT, PET and both fused, with a report's findings as outlines.
 *
 *     const viewer = createViewer(place, { series: [{ kind: "ct", record, part }, …], overlays:
 *     [{ record }] });
 *     viewer.onReady(() => viewer.setLayout("fused"));
 *     viewer.goToPoint([12, -40, 130]);   // LPS, mm
 */

import { announce, el } from "../elements.js";
import { t } from "../texts.js";
import { Cine } from "./cine.js";
import { UnreadableSeries } from "./description.js";
import { inPlaceOfPictures, viewerFrame } from "./frame.js";
import { Legend } from "./legend.js";
import { addOverlay, addSeries, baseOf, loadBase } from "./loading.js";
import { Slider } from "./slider.js";
import { Overview } from "./overview.js";
import { nodeSource } from "./source.js";
import { Stage } from "./stage.js";
import { readingStrokes } from "./reading_strokes.js";
import { watchKeys } from "./strokes.js";
import { action, group, toolbar } from "./toolbar.js";
import { openVolume } from "./volume_link.js";
import { readoutWords, reasonOf, warningWords, windowWords } from "./words.js";
import { showKeys } from "./help.js";
import { createXray } from "./xray.js";

/**
 * @typedef {object} Wanted
 * @property {import("./loading.js").SeriesName[]} series
 * @property {Array<{record: string}>} [overlays]
 * @property {"ct"|"pet"|"fused"|"triple"} [layout]  once its series are here
 * @property {?number[]} [start]  LPS in mm: its slice is the first one shown, else the middle one
 * @property {object} [source]  addresses other than the node's, for tests
 */

/**
 * Makes a viewer in a place of the page.
 * @param {HTMLElement} place  emptied
 * @param {Wanted} wanted
 */
export function createViewer(place, wanted) {
  const film = wanted.series.find((each) => each.kind === "xray");
  if (baseOf(wanted.series) === undefined && film !== undefined) {
    return createXray(place, { ...wanted, series: [film] });
  }
  const viewer = new Viewer(place, wanted);
  viewer.begin();
  return viewer.handle();
}

class Viewer {
  constructor(place, wanted) {
    this.wanted = { ...wanted };
    this.source = wanted.source ?? nodeSource;
    this.ending = new AbortController();
    this.first = Promise.withResolvers();
    this.seen = Promise.withResolvers();
    Object.assign(this, viewerFrame(place));
  }

  /** What the page holds of a viewer. */
  handle() {
    const later =
      (act) =>
      (...given) =>
        this.loaded.then(() => this.reading && act(...given));
    return {
      setSlice: later((index) => this.reading.setSlice(index)),
      setLayout: later((layout) => this.#wishLayout(layout)),
      goTo: later((voxel) => this.reading.goTo(voxel)),
      goToPoint: later((point_mm) => this.reading.goToPoint(point_mm)),
      goToLesion: later((number) => this.rest.then(() => this.reading.goToLesion(number))),
      onReady: (act) => this.first.promise.then(act, () => {}),
      ready: this.first.promise,
      seen: this.seen.promise,
      destroy: () => this.#end(),
    };
  }

  begin() {
    this.loaded = this.#load().catch((error) => this.#failed(error));
    this.first.promise.catch(() => {});
  }

  async #load() {
    const base = this.wanted.base ?? baseOf(this.wanted.series);
    if (base === undefined) {
      throw new RangeError(t("viewer.no_series"));
    }
    this.reading = await loadBase(this.source, base);
    if (this.ending.signal.aborted) {
      this.reading.close();
      return;
    }
    this.reading.beginAt(this.wanted.start ?? null);
    this.#build();
    await this.#loadRest(base);
  }

  /** The second series and the findings; what fails of them leaves the first as it is. */
  async #loadRest(base) {
    const others = this.wanted.series.filter(
      (each) => each !== base && each.kind !== "xray" && each.kind !== base.kind,
    );
    const loads = [
      ...others.map((name) => this.#addSeries(name, base)),
      ...(this.wanted.overlays ?? []).map((overlay) =>
        addOverlay(this.source, this.reading, overlay, base),
      ),
    ];
    const settled = Promise.allSettled(loads);
    // The reader need not wait for these to use what is there.
    settled.then((ends) => ends.forEach((end) => this.#noteEnd(end)));
    this.rest = settled.then(() => this.#wishLayout(this.wish ?? this.wanted.layout));
    const { overview } = this.reading;
    this.rest.then(() => this.#loadOverview(overview));
  }

  /** The body at one look: what the node needs the whole PET for comes last. */
  async #loadOverview(overview) {
    if (overview === null || overview.signal.aborted) return;
    try {
      if (overview.reading.tracks.pet === undefined) overview.remove();
      else await overview.load(this.source);
    } catch (error) {
      if (overview.signal.aborted) return;
      overview.remove();
      this.#note(t("viewer.overview_failed", { reason: reasonOf(error) }));
    }
  }

  /**
   * Adds a series; one that lies elsewhere can only be looked at by itself, and that is offered.
   */
  async #addSeries(name, base) {
    try {
      return await addSeries(this.source, this.reading, name, base);
    } catch (error) {
      if (error instanceof UnreadableSeries) {
        const kind = t(`viewer.pane_${name.kind}`);
        const act = el(
          "button",
          { type: "button", class: "viewer-button", on: { click: () => this.#restart(name) } },
          t("viewer.show_alone", { kind }),
        );
        this.notes.append(
          el(
            "p",
            { class: "viewer-note" },
            t("viewer.part_failed", { reason: reasonOf(error) }),
            " ",
            act,
          ),
        );
        return [];
      }
      throw error;
    }
  }

  /** Begins again with another series as the one all panes share. */
  #restart(base) {
    this.#stop();
    this.ending = new AbortController();
    this.wanted.base = base;
    this.begin();
  }

  #noteEnd(end) {
    if (end.status === "rejected") {
      this.#note(t("viewer.part_failed", { reason: reasonOf(end.reason) }));
    } else {
      end.value.forEach((warning) => this.#note(warningWords(warning)));
    }
  }

  #build() {
    const { reading } = this;
    this.notes.replaceChildren();
    const { signal } = this.ending;
    this.stage = new Stage(reading, this.#told(), signal);
    this.cine = new Cine(reading, () => this.stage.drawnIndex);
    const further = group(
      "viewer.further",
      action("viewer.reset", () => reading.reset()),
      action("viewer.volume", () => openVolume(this.wanted)),
      action("viewer.help", showKeys),
    );
    this.bar.replaceChildren(toolbar(reading, this.cine, [further]));
    if (this.wanted.series.some((each) => each.kind === "pet")) {
      reading.overview = new Overview(reading, signal);
    }
    this.body.replaceChildren(
      ...(reading.overview === null ? [] : [reading.overview.element]),
      this.stage.element,
      new Slider(reading).element,
      new Legend(reading).element,
    );
    reading.onChange((what) => this.#changed(what));
    watchKeys(this.element, readingStrokes(reading, this.cine), signal);
    reading.base.series.warnings.forEach((warning) => this.#note(warningWords(warning)));
  }

  #told() {
    return {
      hover: (voxel) => this.#hover(voxel),
      leave: () => this.#hover(this.reading.crosshair),
      measured: (length) => announce(t("viewer.measured", { length })),
      failed: (error) => this.#note(t("viewer.slice_failed", { reason: reasonOf(error) })),
      drawn: (index, whole) => {
        this.element.dataset.drawn = String(index);
        this.first.resolve();
        // A layout still to come shows series that nobody has seen yet.
        if (whole && (this.wish ?? this.wanted.layout) === undefined) this.seen.resolve();
        this.#hover(this.pointed);
      },
    };
  }

  /** Shows values under the pointer, else those at the crosshair. */
  #hover(voxel) {
    this.pointed = voxel;
    const place = voxel ?? this.reading.crosshair;
    this.readout.textContent =
      place === null || place === undefined
        ? ""
        : readoutWords(this.reading, { ...place, z: this.reading.index });
  }

  #changed(what) {
    if (what === "crosshair") {
      this.#hover(this.reading.crosshair);
      announce(this.readout.textContent);
    } else if (what === "window") {
      announce(windowWords(this.reading.presetTrack()));
    } else if (what === "series") {
      this.#wishLayout(this.wish ?? this.wanted.layout);
    }
  }

  /** Shows a layout now, or once the series it needs are here. */
  #wishLayout(layout) {
    this.wish = layout;
    if (layout !== undefined && this.reading?.layouts().includes(layout)) {
      this.wish = undefined;
      this.wanted.layout = undefined;
      this.reading.setLayout(layout);
    }
  }

  #note(text) {
    const notes = [...this.notes.children].map((each) => each.textContent);
    if (!notes.includes(text) && notes.length < 4) {
      this.notes.append(el("p", { class: "viewer-note" }, text));
    }
  }

  #failed(error) {
    if (!this.ending.signal.aborted) {
      this.notes.replaceChildren();
      const words = t("viewer.failed", { reason: reasonOf(error) });
      this.#note(words);
      this.body.replaceChildren(inPlaceOfPictures(words, "failed"));
      this.first.reject(error);
    }
  }

  #stop() {
    this.ending.abort();
    this.cine?.stop();
    this.reading?.close();
  }

  #end() {
    this.#stop();
    this.element.remove();
  }
}
