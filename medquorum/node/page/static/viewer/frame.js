/** What every viewer stands in: its bar, its notes, the pictures, the readout and the caution. */

import { el } from "../elements.js";
import { t } from "../texts.js";

/** Words that stand where pictures would, so that none are taken for black ones. */
export function inPlaceOfPictures(text, kind = "") {
  return el("p", { class: `viewer-waiting ${kind}`, role: "status" }, text);
}

/**
 * Puts an empty viewer in a place.
 * @param {HTMLElement} place
 * @param {string} kind  its class
 * @returns {{element: HTMLElement, bar: HTMLElement, notes: HTMLElement, body: HTMLElement,
 *   readout: HTMLElement}}
 */
export function viewerFrame(place, kind = "viewer") {
  const readout = el("output", { class: "viewer-readout" });
  const notes = el("div", { class: "viewer-notes", role: "status" });
  const body = el("div", { class: "viewer-body" }, inPlaceOfPictures(t("viewer.loading")));
  const bar = el("div", { class: "viewer-bar" });
  const caution = el("span", { class: "viewer-caution" }, t("viewer.not_primary"));
  const foot = el("div", { class: "viewer-foot" }, readout, caution);
  const named = { class: kind, "aria-label": t("viewer.title") };
  const element = el("section", named, bar, notes, body, foot);
  place.replaceChildren(element);
  return { element, bar, notes, body, readout };
}
