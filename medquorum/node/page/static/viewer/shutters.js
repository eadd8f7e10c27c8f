/**
 * Shutters over the bright border that a collimator leaves around a film: it dazzles in a dark
 * room. They are laid over the picture on the screen only; no stored number changes, and what they
 * cover can be read under the pointer all the same. Nothing is covered until the reader asks for
 * it, and the pane says so: dense anatomy that was clipped looks like an empty border.
 *
 * A border is made of whole lines at the film's edge that are bright and of one brightness. A line
 * with anything else in it, as a side marker or the skin, ends it; and one that goes far into the
 * film is none.
 */

/** Of a film's range of brightness: from here a line dazzles. */
const BRIGHT = 0.8;
/** How far the numbers of a line may lie apart, as a share of that range. */
const ALIKE = 0.025;
/** Share of a line that may lie outside: dust. */
const DUST = 0.005;
/** So many neighbours that lie outside are no dust. */
const SPECK = 3;
/** Thinner borders do not dazzle; a share of the film's side. */
const THINNEST = 0.03;
/** What goes further into the film is no border; a share of the film's side. */
const WIDEST = 0.25;
const SAMPLES = 65_536;
const SAMPLES_OF_LINE = 512;

/**
 * @typedef {{left: number, top: number, right: number, bottom: number}} Opening  pixels of the
 * film: what stays to be seen
 */

/** The low and the high end of most of a film's numbers. */
function rangeOf(bits) {
  const step = Math.max(1, Math.floor(bits.length / SAMPLES));
  const length = Math.floor(bits.length / step);
  const some = Uint16Array.from({ length }, (_, at) => bits[at * step]);
  some.sort();
  return [some[Math.floor(some.length * 0.02)], some[Math.floor(some.length * 0.98)]];
}

/** Whether a line of a film is bright from end to end. */
function isBorder(bits, { first, step, count }, [low, high], inverse) {
  const stride = Math.max(1, Math.floor(count / SAMPLES_OF_LINE));
  const some = new Uint16Array(Math.ceil(count / stride));
  for (let at = 0; at < some.length; at += 1) some[at] = bits[first + at * stride * step];
  some.sort();
  const middle = some[some.length >> 1];
  const range = high - low;
  const bright = inverse ? (high - middle) / range : (middle - low) / range;
  if (bright < BRIGHT) return false;
  return isEmpty(bits, { first, step, count }, middle, ALIKE * range);
}

/** Whether all numbers of a line, none left out, lie about its middle, but for dust. */
function isEmpty(bits, { first, step, count }, middle, apart) {
  let outside = 0;
  let together = 0;
  for (let at = 0; at < count; at += 1) {
    const differs = Math.abs(bits[first + at * step] - middle) > apart;
    together = differs ? together + 1 : 0;
    outside += differs ? 1 : 0;
    if (together >= SPECK || outside > DUST * count) return false;
  }
  return true;
}

/** The line at a side of an opening. */
function lineAt(side, { left, top, right, bottom }, columns) {
  const across = { step: 1, count: right - left };
  const down = { step: columns, count: bottom - top };
  return {
    top: { ...across, first: top * columns + left },
    bottom: { ...across, first: (bottom - 1) * columns + left },
    left: { ...down, first: top * columns + left },
    right: { ...down, first: top * columns + right - 1 },
  }[side];
}

const SIDES = Object.freeze({ top: 1, bottom: -1, left: 1, right: -1 });

/**
 * What stays of a film between its bright borders; null where nothing dazzles.
 * @param {Uint16Array} bits  stored numbers, row by row
 * @param {{columns: number, rows: number}} size
 * @param {boolean} inverse  whether low numbers are shown bright
 * @returns {Opening|null}
 */
export function openingOf(bits, { columns, rows }, inverse) {
  const range = rangeOf(bits);
  const whole = { left: 0, top: 0, right: columns, bottom: rows };
  if (range[1] <= range[0]) return null;
  const sides = new Set(Object.keys(SIDES));
  const share = (side, { [side]: at }) =>
    Math.abs(at - whole[side]) / (["left", "right"].includes(side) ? columns : rows);
  const border = (side, opening) => isBorder(bits, lineAt(side, opening, columns), range, inverse);
  let opening = whole;
  for (let wide = ""; wide !== undefined; ) {
    opening = opened(whole, sides, (side, so) => share(side, so) <= WIDEST && border(side, so));
    // What goes too far is no border; the others went by lines that it had shortened: once more.
    wide = [...sides].find((side) => share(side, opening) > WIDEST);
    sides.delete(wide);
  }
  for (const side of sides) {
    if (share(side, opening) < THINNEST) opening[side] = whole[side];
  }
  return JSON.stringify(opening) === JSON.stringify(whole) ? null : opening;
}

/** The opening once no side may be moved inwards any more. @returns {Opening} */
function opened(whole, sides, mayMove) {
  const opening = { ...whole };
  for (let before = ""; before !== JSON.stringify(opening); ) {
    before = JSON.stringify(opening);
    for (const side of sides) {
      while (mayMove(side, opening)) opening[side] += SIDES[side];
    }
  }
  return opening;
}

/** The shutters of one film. */
export class Shutters {
  /** As for `openingOf`. */
  constructor(bits, size) {
    this.shown = false;
    this.openings = {
      grey: openingOf(bits, size, false),
      inverse_grey: openingOf(bits, size, true),
    };
  }

  /** Whether there is anything to cover, as the film is shown or inverted. */
  get any() {
    return this.openings.grey !== null || this.openings.inverse_grey !== null;
  }

  /** Whether a bright border is to be seen in a map of greys. */
  dazzle(map) {
    return !this.shown && (this.openings[map] ?? null) !== null;
  }

  /** What is left open of a film in a map of greys; null for all of it. @returns {Opening|null} */
  opening(map) {
    return this.shown ? (this.openings[map] ?? null) : null;
  }
}
