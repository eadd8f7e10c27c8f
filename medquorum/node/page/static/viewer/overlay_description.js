/** What the node says about a report's label maps, checked and brought into one shape. */

import { holds, voxelOf } from "./geometry.js";

const KINDS = new Set(["lesions", "organs"]);

/**
 * @param {object} described  the answer of /v1/overlays/{record}
 * @param {import("./geometry.js").Grid} grid  of the image under it
 * @returns {{layers: Array<{kind: "lesions"|"organs", labels: Array<import("./overlay.js").Labelled>}>}}
 */
export function readOverlay(described, grid) {
  const layers = (described.layers ?? []).filter((layer) => KINDS.has(layer.kind));
  return {
    layers: layers.map((layer) => ({
      kind: layer.kind,
      labels: (layer.labels ?? []).map((given) => readLabel(given, grid)).filter((each) => each !== null),
    })),
  };
}

function readLabel(given, grid) {
  if (!Number.isInteger(given.label) || given.label < 1 || given.label > 255) {
    return null;
  }
  const read = { label: given.label, name: String(given.name ?? given.label) };
  const slices = given.slices;
  if (Array.isArray(slices) && slices.length === 2 && slices.every((each) => Number.isInteger(each) && each >= 0 && each < grid.slices)) {
    read.slices = slices;
  }
  const centre = centreOf(given, grid);
  return centre === null ? read : { ...read, centre };
}

/** The voxel of a label's centre, told in LPS mm or as a voxel. */
function centreOf(given, grid) {
  const point = given.centre_mm;
  if (Array.isArray(point) && point.length === 3 && point.every(Number.isFinite) && grid.placed) {
    const voxel = voxelOf(grid, point);
    return holds(grid, voxel) ? { x: Math.round(voxel.x), y: Math.round(voxel.y), z: Math.round(voxel.z) } : null;
  }
  const voxel = given.centre;
  const whole = voxel && [voxel.x, voxel.y, voxel.z].every(Number.isFinite);
  return whole && holds(grid, voxel) ? { x: voxel.x, y: voxel.y, z: voxel.z } : null;
}
