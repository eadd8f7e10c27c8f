/** What the node says about a report's label maps, checked and brought into one shape. */

import { known } from "../texts.js";

/** Fat and muscle: they lie around everything, and an outline of them tells nothing. */
const EVERYWHERE = new Set([1, 2]);
/** Labels are bytes. */
const MOST_LABELS = 255;

/**
 * @param {object} described  the answer of /v1/overlays/{record}
 * @param {import("./geometry.js").Grid} grid  of the image under it
 * @param {Array<{number: number, region: string}>} lesions  the report's own list, for names
 * @returns {Array<{kind: "lesions"|"organs", source: string, labels:
 *   Array<import("./overlay.js").Labelled>}>}
 */
export function readOverlay(described, grid, lesions) {
  const regions = new Map(lesions.map((each) => [each.number, String(each.region ?? "")]));
  const labels = (described.labels ?? []).filter((each) => each.kind === "lesion");
  const organs = (described.organs ?? []).filter((each) => !EVERYWHERE.has(each.label));
  const layers = [
    {
      kind: "lesions",
      source: "findings",
      labels: readLabels(labels, grid, (given) => regions.get(given.label) ?? ""),
    },
    {
      kind: "organs",
      source: "organs",
      labels: readLabels(organs, grid, (given) => known(`viewer.organ_${given.label}`, "")),
    },
  ];
  return layers.filter((layer) => layer.labels.length > 0);
}

function readLabels(given, grid, nameOf) {
  return given
    .slice(0, MOST_LABELS)
    .filter((each) => isLabel(each, grid))
    .map((each) => ({
      label: each.label,
      name: nameOf(each),
      slices: [each.first_slice, each.last_slice],
      central: each.central_slice,
    }));
}

function isLabel(given, grid) {
  const slices = [given.first_slice, given.central_slice, given.last_slice];
  const inside = slices.every((each) => Number.isInteger(each) && each >= 0 && each < grid.slices);
  return inside && Number.isInteger(given.label) && given.label >= 1 && given.label <= MOST_LABELS;
}
