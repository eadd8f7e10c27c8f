/**
 * Mouse, touch, pen and wheel on a pane, told as what the reader means. One pointer works with the
 * tool at hand, two zoom and move; the middle button moves, the right one zooms.
 */

/** Wheel distance, in pixels, that turns one slice on a touchpad. */
const WHEEL_STEP = 40;
/** Pixels that a finger moves per slice. */
const FINGER_STEP = 12;
/** Pixels within which a press counts as a click. */
const STILL = 4;

/**
 * @typedef {object} Meanings
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave
 * @property {(x: number, y: number) => void} click
 * @property {(phase: "start"|"move"|"end", tool: string, at: {x, y, dx, dy}) => void} drag
 * @property {(steps: number) => void} turn  slices
 * @property {(factor: number, x: number, y: number) => void} zoom
 * @property {(dx: number, dy: number) => void} move
 * @property {(touch: boolean) => string} tool  "window" | "pan" | "turn" | "measure"
 */

class Hands {
  constructor(element, meanings) {
    this.element = element;
    this.meanings = meanings;
    this.pointers = new Map();
    this.doing = null;
    this.still = true;
    this.leftover = 0;
  }

  at(event) {
    const frame = this.element.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top };
  }

  down(event) {
    this.element.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    const at = this.at(event);
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size > 1) {
      this.#end(at);
      return;
    }
    this.still = true;
    this.leftover = 0;
    this.begun = at;
    this.doing = this.#toolOf(event);
    if (this.doing === "measure") {
      this.meanings.drag("start", "measure", { ...at, dx: 0, dy: 0 });
    }
  }

  #toolOf(event) {
    const byButton = { 1: "pan", 2: "zoom" }[event.button];
    return byButton ?? this.meanings.tool(event.pointerType === "touch");
  }

  move(event) {
    const at = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      this.meanings.hover(at.x, at.y);
      return;
    }
    if (this.pointers.size === 2) {
      this.#pinch(event.pointerId, before, at);
    } else if (this.doing !== null) {
      this.#drag(before, at);
    }
    this.pointers.set(event.pointerId, at);
  }

  #drag(before, at) {
    const far = Math.hypot(at.x - this.begun.x, at.y - this.begun.y);
    if (this.still && far < STILL) {
      return;
    }
    this.still = false;
    const moved = { dx: at.x - before.x, dy: at.y - before.y };
    if (this.doing === "turn") {
      this.leftover += moved.dy / FINGER_STEP;
      this.#turnWhole();
    } else if (this.doing === "zoom") {
      this.meanings.zoom(Math.exp(-moved.dy / 150), this.begun.x, this.begun.y);
    } else if (this.doing === "pan") {
      this.meanings.move(moved.dx, moved.dy);
    } else {
      this.meanings.drag("move", this.doing, { ...at, ...moved });
    }
    this.meanings.hover(at.x, at.y);
  }

  #pinch(id, before, at) {
    const other = [...this.pointers].find(([each]) => each !== id)[1];
    const apart = (one) => Math.max(10, Math.hypot(one.x - other.x, one.y - other.y));
    this.meanings.zoom(apart(at) / apart(before), (at.x + other.x) / 2, (at.y + other.y) / 2);
    this.meanings.move((at.x - before.x) / 2, (at.y - before.y) / 2);
  }

  up(event) {
    const at = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (at === undefined || this.doing === null) {
      return;
    }
    const clicked =
      this.still && event.type === "pointerup" && event.button === 0 && this.doing !== "measure";
    this.#end(at);
    if (clicked) {
      this.meanings.click(at.x, at.y);
    }
  }

  #end(at) {
    if (this.doing === "measure") {
      this.meanings.drag("end", "measure", { ...at, dx: 0, dy: 0 });
    }
    this.doing = null;
  }

  wheel(event) {
    event.preventDefault();
    const at = this.at(event);
    if (event.ctrlKey) {
      this.meanings.zoom(Math.exp(-event.deltaY / 300), at.x, at.y);
      return;
    }
    const lines =
      event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY / WHEEL_STEP : event.deltaY;
    const whole = Math.abs(event.deltaY) >= 100 || event.deltaMode !== WheelEvent.DOM_DELTA_PIXEL;
    this.leftover = whole ? Math.sign(event.deltaY) : this.leftover + lines;
    this.#turnWhole();
  }

  #turnWhole() {
    const steps = Math.trunc(this.leftover);
    this.leftover -= steps;
    if (steps !== 0) {
      this.meanings.turn(steps);
    }
  }
}

/**
 * Listens on an element.
 * @param {HTMLElement} element
 * @param {Meanings} meanings
 * @param {AbortSignal} signal
 */
export function watchHands(element, meanings, signal) {
  const hands = new Hands(element, meanings);
  const on = (kind, act, options = {}) =>
    element.addEventListener(kind, act, { ...options, signal });
  on("pointerdown", (event) => hands.down(event));
  on("pointermove", (event) => hands.move(event));
  on("pointerup", (event) => hands.up(event));
  on("pointercancel", (event) => hands.up(event));
  on("pointerleave", () => meanings.leave());
  on("wheel", (event) => hands.wheel(event), { passive: false });
  on("contextmenu", (event) => event.preventDefault());
}
