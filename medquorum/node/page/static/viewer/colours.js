/** Colour maps of 256 steps and the colours that tell lesions and organs apart. */

/**
 * @typedef {(position: number) => [number, number, number]} ColourMap  position 0..1 to RGB 0..255
 */

const ramp = (position, from, to) =>
  Math.round(255 * Math.min(1, Math.max(0, (position - from) / (to - from))));

/** DICOM PS3.6 annex B, Hot Iron: red first, then green, blue last. */
const hotIron = (position) => [
  ramp(position, 0, 0.5),
  ramp(position, 0.5, 1),
  ramp(position, 0.75, 1),
];

const grey = (position) => Array(3).fill(ramp(position, 0, 1));

const inverseGrey = (position) => Array(3).fill(255 - ramp(position, 0, 1));

/** Blue over cyan, yellow and red to white, for those used to a rainbow. */
function rainbow(position) {
  const stops = [
    [0, 0, 0],
    [0, 0, 180],
    [0, 170, 200],
    [60, 200, 60],
    [240, 220, 40],
    [235, 60, 30],
    [255, 255, 255],
  ];
  const at = Math.min(position, 0.9999) * (stops.length - 1);
  const low = Math.floor(at);
  return stops[low].map((channel, index) =>
    Math.round(channel + (stops[low + 1][index] - channel) * (at - low)),
  );
}

/** By name, as the catalogue calls them. */
export const COLOUR_MAPS = Object.freeze({
  hot_iron: hotIron,
  inverse_grey: inverseGrey,
  grey,
  rainbow,
});

/**
 * Eight colours that stay apart for the common kinds of colour blindness (Okabe and Ito 2008,
 * lightened).
 */
const LESION_COLOURS = Object.freeze([
  "#ffd23f",
  "#3fd0ff",
  "#ff7f50",
  "#5fe0a0",
  "#ff8fd0",
  "#b8a0ff",
  "#f0f0f0",
  "#a8d040",
]);
const ORGAN_COLOURS = Object.freeze([
  "#7fb2d9",
  "#c9a27c",
  "#8fc79a",
  "#c58fb8",
  "#b9b36a",
  "#8f9be0",
  "#d08a8a",
  "#74c4c0",
]);

/** Colour of a lesion's outline by its number, from 1. */
export function lesionColour(number) {
  return LESION_COLOURS[(number - 1) % LESION_COLOURS.length];
}

/** Colour of an organ's outline by its label. */
export function organColour(label) {
  return ORGAN_COLOURS[label % ORGAN_COLOURS.length];
}

/**
 * For each stored number the pixel to draw: positions of a window in a colour map.
 * @param {Uint8Array} positions  65,536 positions 0..255
 * @param {ColourMap} map
 * @param {(position: number) => number} opacity  position 0..1 to alpha 0..1
 * @returns {Uint32Array} RGBA as a canvas holds it in memory
 */
export function pixelTable(positions, map, opacity = () => 1) {
  const steps = new Uint32Array(256);
  const bytes = new Uint8Array(steps.buffer);
  for (let step = 0; step < 256; step += 1) {
    bytes.set([...map(step / 255), Math.round(255 * opacity(step / 255))], step * 4);
  }
  return Uint32Array.from(positions, (position) => steps[position]);
}

/** Alpha of an overlaid uptake: tissue without uptake stays as the CT shows it. */
export function uptakeOpacity(strength) {
  return (position) => strength * Math.min(1, position * 3);
}
