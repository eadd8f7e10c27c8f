/**
 * The one catalogue of texts: every word the page shows stands in texts/en/*.json.
 * @module
 */

let catalogue = new Map();

/** Loads the catalogue; to be awaited once, before anything is shown. */
export async function loadTexts() {
  const response = await fetch("/page/texts/en.json");
  catalogue = new Map(Object.entries(await response.json()));
}

/** A place `{name}`, or `{name|one|many}` for a word that goes with its number. */
const PLACE = /\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}/g;

/**
 * The text of a key with its places filled; the key itself where there is no such text.
 * @param {string} key  e.g. "shell.sign_in"
 * @param {Object<string, string|number>} values
 */
export function t(key, values = {}) {
  const text = catalogue.get(key) ?? key;
  return text.replace(PLACE, (place, name, one, many) => {
    if (!(name in values)) return place;
    if (one === undefined) return String(values[name]);
    return Number(values[name]) === 1 ? one : many;
  });
}

/** The text of a key, or another where there is none: for words that come from a node. */
export function known(key, otherwise) {
  return catalogue.get(key) ?? otherwise;
}
