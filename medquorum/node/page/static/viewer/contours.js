/**
 * Outlines of a label map: the border between voxels of a label and all others, as closed paths
 * with the label's inside at one hand. Corners are cut by half a voxel, which keeps the line inside
 * the border's own voxels; nothing else is smoothed, so that what is drawn is what was found.
 */

/**
 * @typedef {{label: number, paths: Array<Float32Array>}} Outline  x, y by turns, in voxels, 0 =
 * edge of the picture
 */

/** Labels present in a slice but 0, in order. @param {Uint8Array} labels */
export function labelsIn(labels) {
  const seen = new Uint8Array(256);
  for (const label of labels) {
    seen[label] = 1;
  }
  return [...seen.keys()].filter((label) => label > 0 && seen[label] === 1);
}

/**
 * Outlines of all labels of a slice.
 * @param {Uint8Array} labels  rows x columns
 * @returns {Outline[]}
 */
export function outlines(labels, columns, rows) {
  return labelsIn(labels).map((label) => ({ label, paths: pathsOf(labels, columns, rows, label) }));
}

/** Borders of one label, chained to closed paths. */
function pathsOf(labels, columns, rows, label) {
  const next = borderSteps(labels, columns, rows, label);
  const paths = [];
  for (const start of next.keys()) {
    while (next.has(start)) {
      paths.push(cutCorners(walk(next, start, columns + 1)));
    }
  }
  return paths;
}

/**
 * For each corner where a border begins the corners it goes on to, the label at its right hand.
 * Corners are numbered y * (columns + 1) + x.
 */
function borderSteps(labels, columns, rows, label) {
  const next = new Map();
  const step = (from, to) => (next.has(from) ? next.get(from).push(to) : next.set(from, [to]));
  const wide = columns + 1;
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      const at = y * columns + x;
      if (labels[at] !== label) {
        continue;
      }
      const corner = y * wide + x;
      if (y === 0 || labels[at - columns] !== label) step(corner, corner + 1);
      if (x === columns - 1 || labels[at + 1] !== label) step(corner + 1, corner + 1 + wide);
      if (y === rows - 1 || labels[at + columns] !== label) step(corner + 1 + wide, corner + wide);
      if (x === 0 || labels[at - 1] !== label) step(corner + wide, corner);
    }
  }
  return next;
}

/** Follows the border from a corner until it closes, using its steps up. */
function walk(next, start, wide) {
  const corners = [];
  let corner = start;
  do {
    corners.push([corner % wide, Math.floor(corner / wide)]);
    const choices = next.get(corner);
    const to = choices.pop();
    if (choices.length === 0) {
      next.delete(corner);
    }
    corner = to;
  } while (corner !== start);
  return corners;
}

/** The middles of a closed path's sides: its corners cut. */
function cutCorners(corners) {
  const path = new Float32Array(corners.length * 2);
  corners.forEach(([x, y], index) => {
    const [nextX, nextY] = corners[(index + 1) % corners.length];
    path[index * 2] = (x + nextX) / 2;
    path[index * 2 + 1] = (y + nextY) / 2;
  });
  return path;
}

/** One path to draw of an outline, in voxels. @param {Outline} outline @returns {Path2D} */
export function pathToDraw(outline) {
  const drawn = new Path2D();
  for (const path of outline.paths) {
    drawn.moveTo(path[0], path[1]);
    for (let at = 2; at < path.length; at += 2) {
      drawn.lineTo(path[at], path[at + 1]);
    }
    drawn.closePath();
  }
  return drawn;
}

/** The point of an outline furthest to the upper right, where its number stands. */
export function upperRight(outline) {
  let best = { x: 0, y: 0, rank: -Infinity };
  for (const path of outline.paths) {
    for (let at = 0; at < path.length; at += 2) {
      const rank = path[at] - path[at + 1];
      if (rank > best.rank) {
        best = { x: path[at], y: path[at + 1], rank };
      }
    }
  }
  return { x: best.x, y: best.y };
}
