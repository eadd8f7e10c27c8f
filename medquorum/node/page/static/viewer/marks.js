/** What is drawn over a picture: outlines, crosshair, distances, orientation letters, scale bar. */

import { matrixOf, pixelOf } from "./placement.js";

export const LETTERS = "#c9d3dc";
const SHADOW = "#000000";
const CROSS = "#5aa9e6";
const RULER = "#ffd23f";
const MARGIN = 8;

/** A context of CSS pixels, cleared. */
export function cleanContext(canvas, density) {
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(density, 0, 0, density, 0, 0);
  context.font = "600 12px system-ui, sans-serif";
  context.lineJoin = "round";
  return context;
}

/** Text that stays readable over black and white. */
export function shadowedText(context, text, x, y, colour) {
  context.lineWidth = 3;
  context.strokeStyle = SHADOW;
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/** A line that stays visible over black and white. */
function shadowedLine(context, path, colour, width) {
  context.lineWidth = width + 1.5;
  context.strokeStyle = "rgb(0 0 0 / 60%)";
  context.stroke(path);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke(path);
}

/**
 * Outlines in their colours.
 * @param {Array<{path: Path2D, colour: string, width: number}>} shapes  in voxels
 */
export function drawOutlines(context, shapes, placement) {
  const matrix = matrixOf(placement);
  for (const shape of shapes) {
    const path = new Path2D();
    path.addPath(shape.path, matrix);
    shadowedLine(context, path, shape.colour, shape.width);
  }
}

/**
 * Names beside outlines.
 * @param {Array<{text: string, colour: string, x: number, y: number}>} names  in voxels
 */
export function drawNames(context, names, placement) {
  const matrix = matrixOf(placement);
  context.textAlign = "left";
  context.textBaseline = "bottom";
  for (const name of names) {
    const at = matrix.transformPoint({ x: name.x, y: name.y });
    shadowedText(context, name.text, at.x + 3, at.y - 2, name.colour);
  }
}

/** A crosshair with an open middle, so that it hides nothing. */
export function drawCrosshair(context, placement, voxel, size) {
  const at = pixelOf(placement, voxel);
  const path = new Path2D();
  const gap = 10;
  path.moveTo(0, at.y);
  path.lineTo(at.x - gap, at.y);
  path.moveTo(at.x + gap, at.y);
  path.lineTo(size.width, at.y);
  path.moveTo(at.x, 0);
  path.lineTo(at.x, at.y - gap);
  path.moveTo(at.x, at.y + gap);
  path.lineTo(at.x, size.height);
  context.lineWidth = 1;
  context.strokeStyle = CROSS;
  context.globalAlpha = 0.75;
  context.stroke(path);
  context.globalAlpha = 1;
}

/** The slice that is open, as a line from edge to edge. */
export function drawSliceLine(context, from, to) {
  const path = new Path2D();
  path.moveTo(from.x, from.y);
  path.lineTo(to.x, to.y);
  shadowedLine(context, path, CROSS, 1.5);
}

/**
 * Distances: a line with ends and its length.
 * @param {Array<{from, to, text: string}>} rulers  in voxels
 */
export function drawRulers(context, rulers, placement) {
  for (const ruler of rulers) {
    const from = pixelOf(placement, ruler.from);
    const to = pixelOf(placement, ruler.to);
    const path = new Path2D();
    path.moveTo(from.x, from.y);
    path.lineTo(to.x, to.y);
    for (const end of [from, to]) {
      path.moveTo(end.x + 3, end.y);
      path.arc(end.x, end.y, 3, 0, 2 * Math.PI);
    }
    shadowedLine(context, path, RULER, 1.5);
    context.textAlign = "left";
    context.textBaseline = "middle";
    shadowedText(
      context,
      ruler.text,
      Math.max(from.x, to.x) + MARGIN,
      from.x > to.x ? from.y : to.y,
      RULER,
    );
  }
}

/** Letters at the four sides. @param {{left, right, top, bottom: string}} sides */
export function drawSides(context, sides, size) {
  const middle = { x: size.width / 2, y: size.height / 2 };
  const put = (text, x, y, align, baseline) => {
    context.textAlign = align;
    context.textBaseline = baseline;
    shadowedText(context, text, x, y, LETTERS);
  };
  put(sides.left, MARGIN, middle.y, "left", "middle");
  put(sides.right, size.width - MARGIN, middle.y, "right", "middle");
  put(sides.top, middle.x, MARGIN, "center", "top");
  put(sides.bottom, middle.x, size.height - MARGIN, "center", "bottom");
}

/** Length in mm, 1, 2 or 5 times a power of ten, whose bar fits into so many pixels. */
export function barLength_mm(scale, most) {
  const longest = most / scale;
  const power = 10 ** Math.floor(Math.log10(longest));
  return [5, 2, 1].map((times) => times * power).find((mm) => mm <= longest) ?? power;
}

/** A scale bar at the lower right. @param {(mm: number) => string} named */
export function drawScaleBar(context, placement, size, named) {
  const mm = barLength_mm(placement.scale, Math.min(140, size.width / 3));
  const right = size.width - 12;
  const left = right - mm * placement.scale;
  const y = size.height - 28;
  const path = new Path2D();
  path.moveTo(left, y - 4);
  path.lineTo(left, y);
  path.lineTo(right, y);
  path.lineTo(right, y - 4);
  shadowedLine(context, path, LETTERS, 1.5);
  context.textAlign = "right";
  context.textBaseline = "bottom";
  shadowedText(context, named(mm), right, y - 6, LETTERS);
}
