/**
 * Keys of the viewer. Letters work wherever the focus is, so that a doctor need not look for it;
 * what
 * moves (arrows, page keys) only on the pictures or where nothing else has the focus. Keys of the
 * vote (1 to 4, A, R, Q, Enter, Escape) are not touched.
 */

import { isTaken } from "../keyboard.js";

const PICTURES = ".viewer-marks, .viewer-overview-marks";
const MOVING = new Set([
  "ArrowUp",
  "ArrowDown",
  "ArrowLeft",
  "ArrowRight",
  "PageUp",
  "PageDown",
  "Home",
  "End",
]);

/**
 * @typedef {Object<string, (event: KeyboardEvent) => void>} Strokes  by key; "Shift+X" with the
 * shift key
 */

/**
 * Listens on the document.
 * @param {HTMLElement} viewer
 * @param {Strokes} strokes
 * @param {AbortSignal} signal
 */
export function watchKeys(viewer, strokes, signal) {
  document.addEventListener(
    "keydown",
    (event) => {
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const act = strokes[event.shiftKey ? `Shift+${key}` : key];
      if (act !== undefined && wanted(viewer, event)) {
        event.preventDefault();
        act(event);
      }
    },
    { signal },
  );
}

function wanted(viewer, event) {
  if (isTaken(event)) {
    return false;
  }
  const { target } = event;
  const onPicture = target.matches?.(PICTURES) && viewer.contains(target);
  return MOVING.has(event.key)
    ? onPicture || target === document.body || target.id === "content"
    : true;
}
