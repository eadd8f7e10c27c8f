/**
 * Views by their hash address. A view's module exports `show(place, parameters)`, which may answer
 * a function that is called when the view is left.
 * @module
 */

import { ApiError } from "./api.js";
import { el, replace } from "./elements.js";
import { t } from "./texts.js";

const routes = [];
let leave = null;
let turn = 0;
let first = "#/account";

/**
 * Registers a view.
 * @param {string} pattern  e.g. "#/case/{proposal}"
 * @param {{show: Function} | function(): Promise<{show: Function}>} module  or what loads it
 */
export function route(pattern, module) {
  const names = [...pattern.matchAll(/\{(\w+)\}/g)].map((found) => found[1]);
  const expression = new RegExp(`^${pattern.replace(/\{\w+\}/g, "([A-Za-z0-9_-]{1,128})")}$`);
  routes.push({ expression, names, module });
}

/** Goes to an address of the page. */
export function go(address) {
  if (location.hash === address) void render();
  else location.hash = address;
}

function found(address) {
  for (const { expression, names, module } of routes) {
    const match = expression.exec(address);
    if (match !== null) {
      return {
        module,
        parameters: Object.fromEntries(names.map((name, place) => [name, match[place + 1]])),
      };
    }
  }
  return null;
}

/** Leaves the view that is shown, as if another were opened. */
export function clear() {
  turn += 1;
  const left = leave;
  leave = null;
  if (typeof left === "function") left();
  replace(document.getElementById("content"));
}

function failure(error) {
  const advice = error instanceof ApiError ? error.advice : t("shell.view_failed");
  return el(
    "section",
    { class: "notice", role: "alert" },
    el("h1", {}, t("shell.not_shown")),
    el("p", {}, advice),
  );
}

/** Shows the view of the present address; an address of no view leads to the first one. */
export async function render() {
  const target = found(location.hash);
  if (target === null) {
    history.replaceState(null, "", first);
    if (found(first) !== null) await render();
    return;
  }
  clear();
  const mine = turn;
  const place = el("div", { class: "view", "data-view": location.hash.split("/")[1] });
  replace(document.getElementById("content"), place);
  try {
    const module = typeof target.module === "function" ? await target.module() : target.module;
    const left = mine === turn ? await module.show(place, target.parameters) : null;
    if (mine === turn) leave = left;
    else if (typeof left === "function") left();
  } catch (error) {
    if (mine === turn) replace(place, failure(error));
    // The session had ended, no more: once she has signed in again she sees what she went to.
    const anew = () => mine === turn && void render();
    if (error.status === 401) document.addEventListener("session-back", anew, { once: true });
    if (!(error instanceof ApiError))
      console.error("view", target.parameters === null ? "" : place.dataset.view, error);
  }
  document.dispatchEvent(new CustomEvent("view-shown", { detail: location.hash }));
}

/** Begins to follow the address; `otherwise` is where an address of no view leads. */
export function start(otherwise) {
  first = otherwise;
  addEventListener("hashchange", () => void render());
  return render();
}
