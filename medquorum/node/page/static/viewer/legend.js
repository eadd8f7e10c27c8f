/** What the outlines mean: lesions to jump to, organs of the slice, each with its colour. */

import { el, replace } from "../elements.js";
import { t } from "../texts.js";
import { labelName } from "./words.js";

/** Names shown before the list scrolls inside itself. */
const MOST_NAMES = 64;

export class Legend {
  /** @param {import("./reading.js").Reading} reading */
  constructor(reading) {
    this.reading = reading;
    this.element = el("div", { class: "viewer-legend" });
    reading.onChange((what) => (what === "labels" ? this.#build() : this.show()));
    this.#build();
  }

  #build() {
    this.rows = [];
    replace(
      this.element,
      this.reading.labelLayers.map((layer) => this.#section(layer)),
    );
    this.element.hidden = this.reading.labelLayers.length === 0;
    this.show();
  }

  #section(layer) {
    const shown = el("input", {
      type: "checkbox",
      checked: layer.shown,
      on: { change: () => this.#toggle(layer, shown.checked) },
    });
    const heading = el(
      "label",
      { class: "viewer-legend-heading" },
      shown,
      t(`viewer.${layer.kind}`),
    );
    const names = layer.labels.slice(0, MOST_NAMES).map((labelled) => this.#row(layer, labelled));
    const list = el(
      "ul",
      { class: "viewer-legend-list", "aria-label": t(`viewer.${layer.kind}`) },
      names,
    );
    this.rows.push({ layer, shown, list });
    return el("section", { class: "viewer-legend-section" }, heading, list);
  }

  #row(layer, labelled) {
    const swatch = el("span", { class: "viewer-swatch", "aria-hidden": "true" });
    swatch.style.borderColor = labelled.colour;
    const name = labelName(layer.kind, labelled);
    const act = () => this.reading.goToLabel(layer, labelled);
    const place = el(
      "button",
      { type: "button", class: "viewer-legend-name", on: { click: act } },
      swatch,
      name,
    );
    return el("li", { "data-label": labelled.label }, place);
  }

  #toggle(layer, shown) {
    layer.shown = shown;
    this.reading.changed("shown");
  }

  /** Marks what lies on the slice. */
  show() {
    for (const { layer, shown, list } of this.rows) {
      const present = layer.present(this.reading.index);
      shown.checked = layer.shown;
      list.hidden = !layer.shown;
      for (const row of list.children) {
        const here = present.has(Number(row.dataset.label));
        row.classList.toggle("viewer-here", here);
        // A body has dozens of organs: those of this slice are what a reader looks for.
        row.hidden = layer.kind === "organs" && !here;
      }
    }
  }
}
