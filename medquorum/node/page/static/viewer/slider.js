/** The slider beside the panes: the whole body from head to foot, with a tick for each lesion. */

import { el, replace } from "../elements.js";
import { t } from "../texts.js";
import { sliceWords } from "./words.js";

/** Ticks drawn; more could not be told apart. */
const MOST_TICKS = 64;

export class Slider {
  /** @param {import("./reading.js").Reading} reading */
  constructor(reading) {
    this.reading = reading;
    this.input = el("input", {
      type: "range", class: "viewer-slider-input", min: 1, max: reading.grid.slices, step: 1,
      "aria-label": t("viewer.slider"), "aria-orientation": "vertical",
      on: { input: () => this.#chosen() },
    });
    this.ticks = el("div", { class: "viewer-ticks", "aria-hidden": "true" });
    this.element = el("div", { class: "viewer-slider" }, this.ticks, this.input);
    reading.onChange((what) => (what === "labels" ? this.#mark() : this.show()));
    this.#mark();
    this.show();
  }

  #chosen() {
    const { reading } = this;
    reading.turn(Number(this.input.value) - reading.number(reading.index));
  }

  /** Shows where the reading is. */
  show() {
    this.input.value = String(this.reading.number(this.reading.index));
    this.input.setAttribute("aria-valuetext", sliceWords(this.reading));
  }

  #mark() {
    const lesions = (this.reading.lesionLayer()?.labels ?? []).slice(0, MOST_TICKS);
    replace(this.ticks, lesions.map((lesion) => this.#tick(lesion)));
  }

  #tick(lesion) {
    const { slices } = this.reading.grid;
    const share = (index) => (this.reading.number(index) - 1) / Math.max(1, slices - 1);
    const [first, last] = lesion.slices;
    const from = Math.min(share(first), share(last));
    const tick = el("span", {
      class: "viewer-tick",
      title: t("viewer.go_to_lesion", { number: lesion.label, name: lesion.name }),
      on: { click: () => this.reading.goToLesion(lesion.label) },
    });
    tick.style.top = `${(from * 100).toFixed(2)}%`;
    tick.style.height = `${(Math.abs(share(last) - share(first)) * 100).toFixed(2)}%`;
    tick.style.backgroundColor = lesion.colour;
    return tick;
  }
}
