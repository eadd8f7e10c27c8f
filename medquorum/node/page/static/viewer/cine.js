/** Plays the slices from head to foot and again, at a speed the reader sets. */

export const SPEEDS = Object.freeze([5, 10, 15, 24]);

export class Cine {
  /**
   * @param {import("./reading.js").Reading} reading
   * @param {() => number?} drawn  index of the slice on the screen
   */
  constructor(reading, drawn) {
    this.reading = reading;
    this.drawn = drawn;
    this.speed = 10;
    this.timer = 0;
  }

  get runs() {
    return this.timer !== 0;
  }

  /** Starts or stops. */
  toggle() {
    return this.runs ? this.stop() : this.start();
  }

  /** Slices by second. */
  setSpeed(speed) {
    this.speed = SPEEDS.includes(speed) ? speed : this.speed;
    if (this.runs) {
      this.stop();
      this.start();
    }
  }

  start() {
    this.timer = setInterval(() => this.#step(), 1000 / this.speed);
    this.reading.changed("cine");
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.reading.changed("cine");
  }

  /** A slice that is not yet drawn is waited for, so that none is left out. */
  #step() {
    const { reading } = this;
    if (this.drawn() !== reading.index) {
      return;
    }
    const last = reading.number(reading.index) === reading.grid.slices;
    reading.turn(last ? 1 - reading.grid.slices : 1);
  }
}
