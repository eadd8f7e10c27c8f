/**
 * Elements made of attributes and children: text becomes text nodes, never HTML.
 * @module
 */

const PROPERTIES = new Set([
  "value",
  "checked",
  "disabled",
  "hidden",
  "selected",
  "open",
  "inert",
  "readOnly",
  "required",
  "autofocus",
  "multiple",
  "indeterminate",
]);
const PLAIN = new Set([
  "class",
  "id",
  "type",
  "title",
  "role",
  "for",
  "name",
  "href",
  "src",
  "alt",
  "tabindex",
  "min",
  "max",
  "step",
  "rows",
  "cols",
  "width",
  "height",
  "accept",
  "autocomplete",
  "placeholder",
  "maxlength",
  "minlength",
  "pattern",
  "inputmode",
  "lang",
  "dir",
  "scope",
  "colspan",
  "rowspan",
  "download",
  "spellcheck",
  "draggable",
  "list",
  "datetime",
  "rel",
  "target",
  "method",
  "webkitdirectory",
  "label",
]);
const ADDRESSES = new Set(["href", "src"]);
const SAFE_ADDRESS = /^(#|\/(?!\/)|blob:|data:image\/(png|jpeg|svg\+xml)[;,])/;

/** Sets one attribute; throws on names that could hold script and on addresses of other places. */
function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "on") {
    for (const [event, listener] of Object.entries(value))
      element.addEventListener(event, listener);
  } else if (PROPERTIES.has(name)) {
    element[name] = value;
  } else if (PLAIN.has(name) || name.startsWith("aria-") || name.startsWith("data-")) {
    if (ADDRESSES.has(name) && !SAFE_ADDRESS.test(String(value))) {
      throw new TypeError(`an address of this node is wanted in ${name}`);
    }
    element.setAttribute(name, value === true ? "" : String(value));
  } else {
    throw new TypeError(`no attribute of the page: ${name}`);
  }
}

/** Appends children to a parent; null, undefined and false are left out, arrays are opened. */
function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * Makes an element.
 * @param {string} tag
 * @param {object} attributes  e.g. {class: "chip", "aria-label": "…", on: {click: listener}}
 * @param {...(Node|string|number|null|Array)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  append(element, children);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  return element;
}

/** Makes an element of SVG with any attribute but listeners. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on") || name.includes("href")) throw new TypeError(`not in SVG: ${name}`);
    element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

/** Puts these children in the place of all that a parent holds. */
export function replace(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
  return parent;
}

/** Says a text to screen readers, without moving the focus. */
export function announce(text) {
  const region = document.getElementById("announcements");
  if (region !== null) region.textContent = text;
}

/**
 * Shows a modal dialog; Escape closes it, and it is gone once closed.
 * @returns {HTMLDialogElement}
 */
export function dialog(title, ...children) {
  const heading = el("h2", { id: "dialog-title" }, title);
  const element = el("dialog", { "aria-labelledby": "dialog-title" }, heading, ...children);
  element.addEventListener("close", () => element.remove());
  // Inside the desk, so that the curtain of the idle lock hides it as well.
  (document.getElementById("desk") ?? document.body).append(element);
  element.showModal();
  return element;
}

const policy = globalThis.trustedTypes?.createPolicy("medquorum", {
  createScriptURL: (address) => {
    const url = new URL(address, location.href);
    if (url.origin !== location.origin || !url.pathname.startsWith("/page/")) {
      throw new TypeError("a script of this node's page is wanted");
    }
    return url.href;
  },
});

/** Starts a module worker from a file of this page, e.g. `workerOf("/page/viewer/decode.js")`. */
export function workerOf(path) {
  const address = policy === undefined ? path : policy.createScriptURL(path);
  return new Worker(address, { type: "module" });
}
