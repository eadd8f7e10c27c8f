/**
 * The way to the volume viewer: a document of its own, which alone may compile WebAssembly, shown
 * in a frame over the desk, so that the idle lock covers it too.
 */

import { dialog, el } from "../elements.js";
import { t } from "../texts.js";
import { addressOf } from "./volume_series.js";

const ACTIVITY = ["pointermove", "pointerdown", "wheel", "keydown"];

/** Shows it for the series of a viewer, read for what the viewer reads them for. */
export function openVolume(wanted) {
  const frame = el("iframe", {
    class: "volume-inner",
    src: addressOf(wanted),
    title: t("viewer.volume_document"),
  });
  const close = el("button", { type: "submit" }, t("viewer.close"));
  const shown = dialog(
    t("viewer.volume_heading"),
    frame,
    el("form", { method: "dialog", class: "buttons" }, close),
  );
  shown.classList.add("volume-dialog");
  frame.addEventListener("load", () => tellActivity(frame.contentDocument));
}

/** Who works in the frame is not idle: the lock listens to the desk's own document. */
function tellActivity(inner) {
  for (const kind of ACTIVITY) {
    inner.addEventListener(kind, () => document.dispatchEvent(new Event(kind, { bubbles: true })), {
      passive: true,
    });
  }
}
