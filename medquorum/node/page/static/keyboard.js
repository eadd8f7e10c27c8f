/**
 * Keys that work everywhere: j and k walk through the waiting cases, Enter opens (as on any link).
 * @module
 */

import { isDrawn } from "./curtain.js";
import { dialog, el } from "./elements.js";
import { t } from "./texts.js";

const HELP = [
  "j",
  "k",
  "enter",
  "grade",
  "decide",
  "confirm",
  "leave",
  "window",
  "cine",
  "slice",
  "help",
];

/** Whether a key belongs to a field, a dialog or a chord of the browser, not to the page. */
export function isTaken(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isDrawn())
    return true;
  const target = event.target;
  return (
    target instanceof Element &&
    (target.closest("dialog") !== null ||
      target.matches(
        "input:not([type=range]):not([type=checkbox]), select, textarea, [contenteditable]",
      ))
  );
}

function walk(step) {
  const links = [...document.querySelectorAll("#rail .cases a")];
  if (links.length === 0) return;
  const focused = links.indexOf(document.activeElement);
  const current = links.findIndex((link) => link.getAttribute("aria-current") === "page");
  const from = focused === -1 ? current : focused;
  const next =
    from === -1
      ? step > 0
        ? 0
        : links.length - 1
      : Math.min(links.length - 1, Math.max(0, from + step));
  links[next].focus();
}

function help() {
  const rows = HELP.map((name) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("kbd", {}, t(`shell.key_${name}_keys`))),
      el("td", {}, t(`shell.key_${name}_does`)),
    ),
  );
  const box = dialog(t("shell.keys_title"), el("table", { class: "keys" }, el("tbody", {}, rows)));
  box.append(
    el(
      "div",
      { class: "buttons" },
      el(
        "button",
        { type: "button", autofocus: true, on: { click: () => box.close() } },
        t("shell.close"),
      ),
    ),
  );
}

/** Begins to listen. */
export function followKeys() {
  addEventListener("keydown", (event) => {
    if (isTaken(event)) return;
    if (event.key === "j") walk(1);
    else if (event.key === "k") walk(-1);
    else if (event.key === "?") help();
    else return;
    event.preventDefault();
  });
}
