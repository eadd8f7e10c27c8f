/** From what the node says to a reading: the base series first, so that a picture stands soon. */

import { UnreadableSeries, readSeries } from "./description.js";
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

/**
 * Loads the base.
 * @param {object} source  the node's addresses
 * @param {SeriesName} name
 * @returns {Promise<Reading>}
 */
export async function loadBase(source, name) {
  const series = readSeries(await source.describe(name));
  const lane = new Lane();
  const track = new Track(series, (index, signal) => source.slice(name, index, null, signal), lane);
  track.name = name;
  const reading = new Reading(track, name.kind, lengthWords);
  reading.lane = lane;
  return reading;
}

/**
 * Adds a series whose values the node brings to the base's grid. Throws where they lie in
 * different spaces.
 */
export async function addSeries(source, reading, name, base) {
  const series = readSeries(await source.describe(name));
  const space = reading.base.series.frameOfReference;
  if (series.frameOfReference === null || series.frameOfReference !== space) {
    throw new UnreadableSeries("viewer.other_space");
  }
  const onBase = { ...series, grid: reading.grid };
  const track = new Track(
    onBase,
    (index, signal) => source.slice(name, index, base, signal),
    reading.lane,
  );
  track.name = name;
  reading.addTrack(name.kind, track);
  return series.warnings;
}

/**
 * Adds the label maps of a report.
 * @param {{record: string, lesions?: Array<{number, region}>}} overlay
 */
export async function addOverlay(source, reading, overlay, base) {
  const described = await source.describeOverlay(overlay.record, base);
  for (const layer of readOverlay(described, reading.grid, overlay.lesions ?? [])) {
    const fetchBytes = (index, signal) =>
      source.labels(overlay.record, layer.source, index, base, signal);
    const { kind, labels } = layer;
    const drawn = new LabelLayer(kind, labels, reading.grid, fetchBytes, reading.lane);
    drawn.record = overlay.record;
    reading.labelLayers.push(drawn);
  }
  reading.changed("labels");
  return [];
}
