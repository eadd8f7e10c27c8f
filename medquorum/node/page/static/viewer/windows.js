/**
 * Which numbers are shown, from black to white: presets in clinical units, and tables for drawing.
 */

/** @typedef {{name: string, low: number, high: number}} Window  in HU, SUV or stored numbers */

const centred = (name, centre, width) => ({
  name,
  low: centre - width / 2,
  high: centre + width / 2,
});

/** HU. Centres and widths as radiology departments commonly set them. */
export const CT_PRESETS = Object.freeze([
  centred("soft_tissue", 40, 400),
  centred("lung", -600, 1500),
  centred("bone", 400, 1800),
  centred("brain", 40, 80),
  centred("liver", 60, 160),
]);

/** SUV by body weight. */
export const PET_PRESETS = Object.freeze([
  { name: "suv_5", low: 0, high: 5 },
  { name: "suv_10", low: 0, high: 10 },
  { name: "suv_20", low: 0, high: 20 },
]);

const STORED_NUMBERS = 65536;

/** Presets of a series: those the node names, else those of its unit. @returns {Window[]} */
export function presetsOf(series) {
  if (series.windows.length > 0) {
    return series.windows;
  }
  return [...({ HU: CT_PRESETS, SUV: PET_PRESETS }[series.unit] ?? [])];
}

/** The preset after the one shown; the first where none is. */
export function nextPreset(presets, shown) {
  const at = presets.findIndex((each) => each.low === shown.low && each.high === shown.high);
  return presets[(at + 1) % presets.length];
}

/** A window dragged by pixels: to the right widens, upward darkens, as workstations do. */
export function dragged(window, dx, dy, floor) {
  const width = window.high - window.low;
  const rate = Math.max(width, floor * 20) / 400;
  const wider = Math.max(floor, width + dx * rate);
  const centre = (window.low + window.high) / 2 + dy * rate;
  return { name: "manual", low: centre - wider / 2, high: centre + wider / 2 };
}

/** An uptake window dragged by pixels: only its upper end moves, its lower one stays at zero. */
export function draggedUptake(window, dx, dy) {
  const rate = Math.max(window.high, 1) / 300;
  return {
    name: "manual",
    low: 0,
    high: Math.min(100, Math.max(0.5, window.high + (dx - dy) * rate)),
  };
}

/**
 * For each stored number, as its 16 bits read without sign, the position 0..255 in the window.
 * @returns {Uint8Array} of 65,536
 */
export function positions(series, window) {
  const table = new Uint8Array(STORED_NUMBERS);
  const { slope, intercept } = series.rescale;
  const scale = 255 / (window.high - window.low);
  for (let bits = 0; bits < STORED_NUMBERS; bits += 1) {
    const stored = series.unsigned || bits < 32768 ? bits : bits - STORED_NUMBERS;
    const position = (stored * slope + intercept - window.low) * scale;
    table[bits] = position <= 0 ? 0 : position >= 255 ? 255 : position;
  }
  return table;
}
