/** What the viewer says in words: places, windows, values with their units. */

import { t } from "../texts.js";
import { pointOf } from "./geometry.js";
import { ROLES } from "./reading.js";

const digits = (number, places) => number.toFixed(places).replace("-", "\u2212");

/** The numbers of a window: width and centre in HU, or the range of SUV. */
function windowNumbers({ window, series }) {
  if (series.unit === "SUV") {
    const high = digits(window.high, Number.isInteger(window.high) ? 0 : 1);
    return t("viewer.window_suv", { low: digits(window.low, 0), high });
  }
  const width = digits(window.high - window.low, 0);
  return t("viewer.window_hu", { width, centre: digits((window.high + window.low) / 2, 0) });
}

/** Name, where it says more than the numbers, and numbers of a window. */
function windowParts(track) {
  const name = track.series.unit === "SUV" ? "" : windowName(track.window);
  return { name, numbers: windowNumbers(track) };
}

/** A window in words. */
export function windowWords(track) {
  const { name, numbers } = windowParts(track);
  return name === "" ? numbers : `${name}  ${numbers}`;
}

/** The name of a preset, or that it was set by hand. */
export function windowName(window) {
  return t(`viewer.preset_${window.name}`);
}

/** Slice number from 1, and of how many. */
export function sliceWords(reading) {
  return t("viewer.slice", { number: reading.number(reading.index), count: reading.grid.slices });
}

/** Where the slice lies in the patient, or an empty text. */
function heightWords({ grid, index }) {
  return grid.placed
    ? t("viewer.height", { height: digits(pointOf(grid, { x: 0, y: 0, z: index })[2], 1) })
    : "";
}

/** What is said of a film's border: that it is covered, or that it can be. */
function borderWords({ opening, shutters, base }) {
  if (opening !== null) return t("viewer.border_covered");
  return shutters?.dazzle(base.map) ? t("viewer.border_bright") : "";
}

/** Words of a pane's corners, and its name for screen readers. */
export function cornerWords(reading, kind) {
  const tracks = ROLES[kind].map((role) => reading.tracks[role]);
  const levels = tracks.map(windowParts);
  const level = tracks.map(windowWords).join(", ");
  const place = sliceWords(reading);
  if (kind === "xray") {
    return {
      place: borderWords(reading),
      height: "",
      levels,
      whole: t("viewer.pane_film", { pane: t("viewer.pane_xray"), level }),
    };
  }
  const lesions = reading.lesionLayer();
  const outlined = lesions === null ? 0 : lesions.shapes(reading.index).length;
  const whole = t("viewer.pane_described", {
    pane: t(`viewer.pane_${kind}`),
    place,
    level,
    lesions: outlined,
  });
  return { place, height: heightWords(reading), levels, whole };
}

/** Value of a series at a voxel with its unit, or an empty text. */
function valueWords(track, voxel) {
  const value = track.valueAt(voxel);
  if (value === null) {
    return "";
  }
  const key = { HU: "viewer.value_hu", SUV: "viewer.value_suv", none: "viewer.value_none" }[
    track.series.unit
  ];
  return t(key, { value: digits(value, track.series.unit === "SUV" ? 2 : 0) });
}

/** Values, labels and place under the pointer or the crosshair. */
export function readoutWords(reading, voxel) {
  const values = Object.values(reading.tracks).map((track) => valueWords(track, voxel));
  if (values.every((text) => text === "")) {
    return "";
  }
  const labels = reading.labelLayers.map((layer) => labelWords(layer.kind, layer.at(voxel)));
  return [...values, ...labels, placeWords(reading.grid, voxel)]
    .filter((text) => text !== "")
    .join("   ");
}

function labelWords(kind, labelled) {
  return labelled === null ? "" : labelName(kind, labelled);
}

/** The name of a lesion or an organ. */
export function labelName(kind, labelled) {
  return t(kind === "lesions" ? "viewer.lesion" : "viewer.organ", {
    number: labelled.label,
    name: labelled.name,
  });
}

function placeWords(grid, voxel) {
  if (!grid.placed) {
    return t("viewer.voxel", { x: Math.round(voxel.x), y: Math.round(voxel.y) });
  }
  const [x, y, z] = pointOf(grid, voxel);
  const side = (value, positive, negative) =>
    `${value >= 0 ? positive : negative}${digits(Math.abs(value), 0)}`;
  return t("viewer.point", { x: side(x, "L", "R"), y: side(y, "P", "A"), z: side(z, "H", "F") });
}

/** A length: tenths of a millimetre below ten centimetres. */
export function lengthWords(mm) {
  return t("viewer.millimetres", { number: digits(mm, mm < 100 ? 1 : 0) });
}

/** What to do about an error: the node's advice, the catalogue's text, or what it says itself. */
export function reasonOf(error) {
  return error.advice ?? t(error.message);
}

/** What a reader must know of a series before she measures. */
export function warningWords(warning) {
  const places = {
    slice: (warning.after ?? 0) + 1,
    count: warning.count ?? "",
    least: warning.least_mm ?? "",
    most: warning.most_mm ?? "",
  };
  return t(`viewer.warning_${warning.kind}`, places);
}
