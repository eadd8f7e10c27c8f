/**
 * Where a voxel lies in the patient: indices {x, y, z} count from 0 at the centre of the first
 * voxel,
 * points are millimetres in DICOM's patient system (LPS: x to the left, y to the back, z to the
 * head).
 */

/**
 * @typedef {{x: number, y: number, z: number}} Voxel  column, row, slice; may lie between voxels
 */
/** @typedef {[number, number, number]} Vector */
/**
 * @typedef {object} Grid
 * @property {number} columns
 * @property {number} rows
 * @property {number} slices
 * @property {Vector} spacing_mm  between columns, rows, slices
 * @property {Vector} origin_mm  centre of voxel (0, 0, 0)
 * @property {[Vector, Vector, Vector]} steps_mm  from one column, row, slice to the next
 * @property {boolean} calibrated  whether millimetres in the plane are known
 * @property {boolean} placed  whether origin and directions are known, or only assumed
 */

const UNIT_MM = 1e-6;

/** @returns {Vector} */
export function add(a, b) {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

/** @returns {Vector} */
export function scaled(a, factor) {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

/** @returns {Vector} */
export function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** @returns {number} */
export function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** Length in the unit of the vector. @returns {number} */
export function length(a) {
  return Math.sqrt(dot(a, a));
}

/** Centre of a voxel, LPS mm. @param {Grid} grid @param {Voxel} voxel @returns {Vector} */
export function pointOf(grid, voxel) {
  const [right, down, through] = grid.steps_mm;
  const inPlane = add(scaled(right, voxel.x), scaled(down, voxel.y));
  return add(grid.origin_mm, add(inPlane, scaled(through, voxel.z)));
}

/** Indices, between voxels too, of an LPS point in mm. @param {Grid} grid @returns {Voxel} */
export function voxelOf(grid, point_mm) {
  const [right, down, through] = grid.steps_mm;
  const offset = add(point_mm, scaled(grid.origin_mm, -1));
  const volume = dot(right, cross(down, through));
  return {
    x: dot(offset, cross(down, through)) / volume,
    y: dot(offset, cross(through, right)) / volume,
    z: dot(offset, cross(right, down)) / volume,
  };
}

/** Whether a voxel lies on the grid after rounding. */
export function holds(grid, voxel) {
  const inside = (index, count) => Math.round(index) >= 0 && Math.round(index) < count;
  return (
    inside(voxel.x, grid.columns) && inside(voxel.y, grid.rows) && inside(voxel.z, grid.slices)
  );
}

/** Distance between two voxels in mm. */
export function distance_mm(grid, from, to) {
  return length(add(pointOf(grid, to), scaled(pointOf(grid, from), -1)));
}

/** Letters of a direction, the larger component first: "L", "PR". @param {Vector} direction */
export function letters(direction) {
  const names = [
    ["R", "L"],
    ["A", "P"],
    ["F", "H"],
  ];
  const size = length(direction) || 1;
  return direction
    .map((component, axis) => ({
      share: Math.abs(component) / size,
      name: names[axis][component > 0 ? 1 : 0],
    }))
    .filter((part) => part.share > 0.3)
    .sort((a, b) => b.share - a.share)
    .slice(0, 2)
    .map((part) => part.name)
    .join("");
}

const OPPOSITE = { R: "L", L: "R", A: "P", P: "A", F: "H", H: "F" };

/** Letters of the opposite direction. */
export function opposite(text) {
  return [...text].map((letter) => OPPOSITE[letter]).join("");
}

/**
 * How the plane must be turned over so that the patient's right stands at the left of the picture.
 */
export function flips(grid) {
  const [right, down] = grid.steps_mm;
  if (!grid.placed) {
    return { x: false, y: false };
  }
  const axial = Math.abs(right[0]) > 0.7 * length(right) && Math.abs(down[1]) > 0.7 * length(down);
  return axial ? { x: right[0] < 0, y: down[1] < 0 } : { x: false, y: false };
}

/** Letters at the four sides of the picture as it is shown. @param {Grid} grid */
export function sides(grid) {
  if (!grid.placed) {
    return null;
  }
  const flip = flips(grid);
  const right = letters(scaled(grid.steps_mm[0], flip.x ? -1 : 1));
  const bottom = letters(scaled(grid.steps_mm[1], flip.y ? -1 : 1));
  return { left: opposite(right), right, top: opposite(bottom), bottom };
}

/** The unit vector, or null of one without length. @param {Vector} a */
export function direction(a) {
  const size = length(a);
  return size > UNIT_MM ? scaled(a, 1 / size) : null;
}
