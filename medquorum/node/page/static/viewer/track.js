/** One series as the viewer holds it: its slices, its window, its colours. */

import { COLOUR_MAPS, pixelTable, uptakeOpacity } from "./colours.js";
import { SliceShelf, numbersOf } from "./slices.js";
import { dragged, draggedUptake, nextPreset, positions, presetsOf } from "./windows.js";

/** Least width of a window by unit; stored numbers of an X-ray are whole. */
const LEAST_WIDTH = { HU: 1, SUV: 0.1, none: 2 };

export class Track {
  /**
   * @param {import("./description.js").Series} series
   * @param {(index: number, signal: AbortSignal) => Promise<Uint8Array>} fetchBytes
   * @param {import("./slices.js").Lane} lane
   */
  constructor(series, fetchBytes, lane) {
    this.series = series;
    /** @type {import("./loading.js").SeriesName | null} */
    this.name = null;
    const voxels = series.grid.columns * series.grid.rows;
    const fetchSlice = async (index, signal) => numbersOf(await fetchBytes(index, signal), voxels);
    this.shelf = new SliceShelf(series.grid.slices, fetchSlice, lane);
    this.presets = presetsOf(series);
    this.window = this.presets[0] ?? { name: "whole", low: 0, high: 4095 };
    this.map = series.unit === "SUV" ? "inverse_grey" : "grey";
    this.failed = new Map();
    this.tables = new Map();
  }

  /** The slice's bits, or undefined until it is here. */
  bits(index) {
    return this.shelf.peek(index);
  }

  /** Sets a window and forgets the tables made for the one before. */
  setWindow(window) {
    this.window = window;
    this.tables.clear();
  }

  /** The next preset. @returns the window now shown */
  cycle() {
    if (this.presets.length > 0) {
      this.setWindow(nextPreset(this.presets, this.window));
    }
    return this.window;
  }

  /** Moves the window by pixels of a drag. */
  drag(dx, dy) {
    const uptake = this.series.unit === "SUV";
    this.setWindow(
      uptake
        ? draggedUptake(this.window, dx, dy)
        : dragged(this.window, dx, dy, LEAST_WIDTH[this.series.unit]),
    );
  }

  /** Pixels of all stored numbers in a colour map; `strength` 0..1 makes them an overlay. */
  table(map, strength = null) {
    const key = `${map} ${strength}`;
    if (!this.tables.has(key)) {
      if (this.tables.size > 8) {
        this.tables.clear();
      }
      const opacity = strength === null ? undefined : uptakeOpacity(strength);
      this.tables.set(
        key,
        pixelTable(positions(this.series, this.window), COLOUR_MAPS[map], opacity),
      );
    }
    return this.tables.get(key);
  }

  /** The rescaled number of a voxel (HU, SUV or stored), or null where there is none. */
  valueAt(voxel) {
    const { grid, rescale, unsigned } = this.series;
    const bits = this.shelf.peek(voxel.z);
    const column = Math.round(voxel.x);
    const row = Math.round(voxel.y);
    if (bits === undefined || column < 0 || row < 0 || column >= grid.columns || row >= grid.rows) {
      return null;
    }
    const word = bits[row * grid.columns + column];
    return (unsigned || word < 32768 ? word : word - 65536) * rescale.slope + rescale.intercept;
  }

  /** Lets go of all slices. */
  close() {
    this.shelf.close();
  }
}
