/**
 * What stands before the desk: sign-in, the doctor's key, and the lock. Behind it the desk is
 * neither visible nor reachable, and keeps what was written on it.
 * @module
 */

import { el, replace } from "./elements.js";

const curtain = () => document.getElementById("curtain");
const desk = () => document.getElementById("desk");

/** Shows a card in place of the desk. */
export function draw(title, ...children) {
  desk().hidden = true;
  desk().inert = true;
  const card = el(
    "section",
    { class: "card", "aria-labelledby": "card-title" },
    el("h1", { id: "card-title" }, title),
    children,
  );
  replace(
    curtain(),
    el(
      "div",
      { class: "brand", "aria-hidden": "true" },
      el("img", { src: "/page/style/mark.svg", alt: "" }),
      el("span", {}, "Medquorum"),
    ),
    card,
  );
  curtain().hidden = false;
}

/** Shows the desk again. */
export function open() {
  curtain().hidden = true;
  replace(curtain());
  desk().hidden = false;
  desk().inert = false;
}

/** Whether the desk is covered. */
export function isDrawn() {
  return !curtain().hidden;
}
