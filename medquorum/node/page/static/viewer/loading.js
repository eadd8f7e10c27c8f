/** From what the node says to a reading: the base series first, so that a picture stands soon. */

import { readSeries } from "./description.js";
import { sameGrid } from "./geometry.js";
import { readOverlay } from "./overlay_description.js";
import { LabelLayer } from "./overlay.js";
import { Reading } from "./reading.js";
import { Lane } from "./slices.js";
import { Track } from "./track.js";
import { lengthWords } from "./words.js";

/** @typedef {{kind: "ct"|"pet"|"xray", record: string, part: string}} SeriesName */

/** The series whose grid all panes share: the CT, which has the finer one, else the PET. */
export function baseOf(names) {
  return names.find((each) => each.kind === "ct") ?? names.find((each) => each.kind === "pet");
}

/** Loads the base. @param {object} source  the node's addresses @param {SeriesName} name @returns {Promise<Reading>} */
export async function loadBase(source, name) {
  const series = readSeries(await source.describe(name));
  const lane = new Lane();
  const track = new Track(series, (index, signal) => source.slice(name, index, null, signal), lane);
  const reading = new Reading(track, name.kind, lengthWords);
  reading.lane = lane;
  return reading;
}

/** Adds a series brought to the base's grid by the node. Throws where it was not. */
export async function addSeries(source, reading, name, base) {
  const series = readSeries(await source.describe(name, base));
  if (!sameGrid(series.grid, reading.grid)) {
    throw new RangeError("the second series does not lie on the first one's grid");
  }
  const track = new Track(series, (index, signal) => source.slice(name, index, base, signal), reading.lane);
  reading.addTrack(name.kind, track);
}

/** Adds the label maps of a report. */
export async function addOverlay(source, reading, overlay, base) {
  const described = readOverlay(await source.describeOverlay(overlay.record, base), reading.grid);
  for (const layer of described.layers) {
    const fetchBytes = (index, signal) => source.labels(overlay.record, layer.kind, index, base, signal);
    reading.labelLayers.push(new LabelLayer(layer.kind, layer.labels, reading.grid, fetchBytes, reading.lane));
  }
  reading.changed("labels");
}
