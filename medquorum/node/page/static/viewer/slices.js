/**
 * Slices kept, fetched and fetched ahead: at most so many bytes, the longest unused go first; the
 * slice a reader waits for goes before those that are only likely to be wanted next.
 */

/** Bytes kept of one series: 300 slices of 512 x 512 would be 157 MB. */
export const KEPT_BYTES = 96 * 1024 * 1024;
/**
 * Slices fetched ahead at once, by all shelves of a viewer: browsers allow six connections, one is
 * the event stream.
 */
const AT_ONCE = 3;
/** How far it is fetched ahead in the direction of reading, and behind it. */
const AHEAD = 12;
const BEHIND = 3;

/** The connections that shelves share when they fetch ahead. */
export class Lane {
  constructor(atOnce = AT_ONCE) {
    this.atOnce = atOnce;
    this.busy = 0;
    this.shelves = new Set();
  }

  /** Takes a place if one is free. */
  enter() {
    const free = this.busy < this.atOnce;
    this.busy += free ? 1 : 0;
    return free;
  }

  /** Gives the place to whoever waits. */
  leave() {
    this.busy -= 1;
    for (const shelf of this.shelves) {
      shelf.work();
    }
  }
}

export class SliceShelf {
  /**
   * @param {number} count  slices
   * @param {(index: number, signal: AbortSignal) => Promise<{byteLength: number}>} fetchSlice
   * @param {Lane} lane
   * @param {number} keptBytes
   */
  constructor(count, fetchSlice, lane, keptBytes = KEPT_BYTES) {
    this.count = count;
    this.lane = lane;
    lane.shelves.add(this);
    this.keptBytes = keptBytes;
    this.bytes = 0;
    this.fetchSlice = fetchSlice;
    this.kept = new Map();
    this.underWay = new Map();
    this.queue = [];
    this.abort = new AbortController();
  }

  /** The slice if it is here, else undefined. */
  peek(index) {
    const found = this.kept.get(index);
    if (found !== undefined) {
      this.kept.delete(index);
      this.kept.set(index, found);
    }
    return found;
  }

  /** The slice, fetched if need be. Rejects with what the fetch said. */
  async want(index) {
    return this.peek(index) ?? this.#fetch(index);
  }

  /** Fetch ahead from this slice in the direction of reading (1 or -1); forgets earlier wishes. */
  prefetch(index, direction) {
    const wishes = [];
    for (let step = 1; step <= AHEAD; step += 1) {
      wishes.push(index + step * direction);
      if (step <= BEHIND) {
        wishes.push(index - step * direction);
      }
    }
    this.queue = wishes.filter((each) => each >= 0 && each < this.count && !this.kept.has(each));
    this.work();
  }

  /** Ends everything under way and forgets the slices. */
  close() {
    this.abort.abort();
    this.lane.shelves.delete(this);
    this.queue = [];
    this.kept.clear();
    this.bytes = 0;
  }

  /** Fetches what is wished for, as far as the lane has room. */
  work() {
    this.queue = this.queue.filter((each) => !this.kept.has(each) && !this.underWay.has(each));
    while (this.queue.length > 0 && !this.abort.signal.aborted && this.lane.enter()) {
      // A wish that fails is no loss: the slice is asked for again once it is looked at.
      this.#fetch(this.queue.shift())
        .catch(() => {})
        .finally(() => this.lane.leave());
    }
  }

  #fetch(index) {
    const already = this.underWay.get(index);
    if (already !== undefined) {
      return already;
    }
    const fetching = this.fetchSlice(index, this.abort.signal)
      .then((slice) => this.#keep(index, slice))
      .finally(() => this.underWay.delete(index));
    this.underWay.set(index, fetching);
    return fetching;
  }

  #keep(index, slice) {
    if (this.abort.signal.aborted) {
      return slice;
    }
    this.kept.set(index, slice);
    this.bytes += slice.byteLength;
    for (const [oldest, old] of this.kept) {
      if (this.bytes <= this.keptBytes || oldest === index) {
        break;
      }
      this.kept.delete(oldest);
      this.bytes -= old.byteLength;
    }
    return slice;
  }
}

/** Whether this machine's numbers lie in memory as the node sends them. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * The 16-bit numbers of a slice. Throws RangeError when there are more or fewer than there must be.
 * @param {Uint8Array} bytes  little-endian
 * @returns {Uint16Array} the bits; a signed number's too
 */
export function numbersOf(bytes, expected) {
  if (bytes.byteLength !== expected * 2) {
    throw new RangeError(`a slice of ${expected} numbers came with ${bytes.byteLength} bytes`);
  }
  const whole = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  if (LITTLE_ENDIAN) {
    return new Uint16Array(whole.buffer, whole.byteOffset, expected);
  }
  const view = new DataView(whole.buffer, whole.byteOffset);
  return Uint16Array.from({ length: expected }, (_, index) => view.getUint16(index * 2, true));
}

/** The labels of a slice. Throws RangeError when there are more or fewer than there must be. */
export function labelsOf(bytes, expected) {
  if (bytes.byteLength !== expected) {
    throw new RangeError(`a slice of ${expected} labels came with ${bytes.byteLength} bytes`);
  }
  return bytes;
}
