/**
 * Where files are dropped or chosen, and what was chosen, before a byte leaves the page.
 * @module
 */

import { el } from "../elements.js";
import { visible } from "../format.js";
import { t } from "../texts.js";
import { chosen, dropped, isPicture } from "./gather.js";
import { megabytes } from "./progress.js";

/** Pictures shown before they are sent. */
const PICTURES = 8;

function fileField(attributes, take) {
  const field = el("input", { type: "file", hidden: true, multiple: true, ...attributes });
  field.addEventListener("change", () => {
    take(chosen(field.files));
    field.value = "";
  });
  return field;
}

/** Lets files be dropped on an element. */
function droppable(zone, take) {
  const over = (event) => {
    event.preventDefault();
    zone.classList.toggle("over", event.type !== "dragleave");
  };
  for (const name of ["dragenter", "dragover", "dragleave"]) zone.addEventListener(name, over);
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    void dropped(event.dataTransfer).then(take);
  });
}

/** The zone; @param {function(Chosen[]): void} take gets what was dropped or chosen */
export function dropZone(take) {
  const files = fileField({}, take);
  const folder = fileField({ webkitdirectory: true }, take);
  const button = (text, field) =>
    el("button", { type: "button", on: { click: () => field.click() } }, text);
  const choose = [
    button(t("upload.choose_files"), files),
    button(t("upload.choose_folder"), folder),
  ];
  const zone = el(
    "section",
    { class: "drop-zone", "aria-label": t("upload.drop_name") },
    el("p", { class: "drop-words" }, t("upload.drop")),
    el("p", { class: "hint" }, t("upload.kinds")),
    el("div", { class: "buttons" }, choose),
    files,
    folder,
  );
  droppable(zone, take);
  return zone;
}

function figure(foreign, address) {
  const name = visible(foreign);
  const image = el("img", { src: address, alt: t("upload.preview_of", { name }) });
  return el("figure", {}, image, el("figcaption", {}, el("bdi", {}, name)));
}

/**
 * What was chosen, its pictures shown.
 * @param {Chosen[]} files
 * @param {{start: function, drop: function}} hands
 */
export function chosenPart(files, { start, drop }) {
  const addresses = [];
  const figures = files.filter(isPicture).slice(0, PICTURES).map(({ file, name }) => {
    addresses.push(URL.createObjectURL(file));
    return figure(name, addresses.at(-1));
  });
  const button = (attributes, text, act) => {
    const click = () => {
      for (const address of addresses) URL.revokeObjectURL(address);
      act();
    };
    return el("button", { type: "button", ...attributes, on: { click } }, text);
  };
  const size = megabytes(files.reduce((sum, one) => sum + one.file.size, 0));
  const go = button({ class: "primary" }, t("upload.start"), start);
  const element = el(
    "section",
    { class: "panel chosen" },
    el("h2", {}, t("upload.chosen", { count: files.length, size })),
    figures.length > 0 ? el("div", { class: "chosen-pictures" }, figures) : null,
    el("div", { class: "buttons" }, go, button({}, t("upload.drop_choice"), drop)),
  );
  return { element, focus: () => go.focus() };
}
