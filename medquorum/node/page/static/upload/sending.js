/**
 * Sends files in pieces that can be resumed: the core of tus 1.0.
 *
 * What the node has of a file is asked for, and only what is missing is sent, also after the page
 * was loaded again and the same files were chosen once more.
 * @module
 */

import { api } from "../api.js";
import { sampleOf } from "./sample.js";

/** Bytes of one request: what is lost at most when a connection breaks. */
const PIECE_BYTES = 8 * 1024 * 1024;
const AT_ONCE = 3;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];
/** Statuses below 500 that pass: session over, too slow, too early, too many at once. */
const PASSING = new Set([401, 408, 425, 429]);
const TUS = { "Tus-Resumable": "1.0.0" };
const OFFSET = "application/offset+octet-stream";

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function pause(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });
}

/** Resolves once the user has signed in again, or the sending was stopped. */
function signedIn(signal) {
  return new Promise((done) => {
    document.addEventListener("session-back", done, { once: true, signal });
    signal.addEventListener("abort", done, { once: true });
  });
}

/** 32 random hex digits. */
function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A refusal that sending again does not mend. */
function isFinal(error) {
  if (error.name === "AbortError" || error.rule === "upload_busy") return false;
  // The user has to remove an upload first: her to be told, not to be waited for.
  if (error.rule === "too_many_uploads") return true;
  if (PASSING.has(error.status)) return false;
  return error.status !== 0 && error.status < 500;
}

/** What two files have in common that may be one. */
function likeness({ name, length }) {
  return `${length} ${name}`;
}

/** Which of several entries of its name and length a file is; null where it is another file. */
async function sameAmong(alike, file) {
  for (const one of alike) {
    if (one.file !== null) {
      if (one.file === file || (await areSame(one.file, file))) return one;
    } else if (one.sample !== null && one.sample === (await sampleOf(file, one.received))) {
      return one;
    }
  }
  // Announced, and nothing of it sent: it has nothing to be told from another by.
  return alike.find((one) => one.file === null && one.sample === null) ?? null;
}

async function areSame(one, other) {
  const [sample, second] = await Promise.all([sampleOf(one), sampleOf(other)]);
  return sample !== null && sample === second;
}

/** One upload: files that are sent together. */
export class Sending {
  /**
   * @param {string} batch  32 hex digits
   * @param {function(): void} changed  told at each step
   */
  constructor(batch, changed) {
    this.batch = batch;
    this.changed = changed;
    /** @type {{name, file, length, received, sample, address, key, problem}[]} */
    this.files = [];
    /** Settled once everything chosen so far is among the files. */
    this.added = Promise.resolve();
    /** Settled once nothing is being sent. */
    this.running = Promise.resolve();
    this.stops = 0;
    this.paused = false;
    this.away = false;
    this.aborting = new AbortController();
    /** What every lane waits for before it sends: settled, but while the session is over. */
    this.session = Promise.resolve();
  }

  get total() {
    return this.files.reduce((sum, one) => sum + one.length, 0);
  }

  get received() {
    return this.files.reduce((sum, one) => sum + one.received, 0);
  }

  get complete() {
    return this.files.length > 0 && this.files.every((one) => one.received === one.length);
  }

  get refused() {
    return this.files.filter((one) => one.problem !== null);
  }

  /** Files that the node knows and this page cannot send, because they were not chosen again. */
  get missing() {
    return this.files.filter((one) => one.file === null && one.received < one.length);
  }

  /** Takes up what the node has of this upload; false where it has none. */
  async recall() {
    let known;
    try {
      known = await api.get(`/v1/upload-batches/${this.batch}`);
    } catch (error) {
      if (error.status === 404) return false;
      throw error;
    }
    for (const one of known.files) {
      const address = `/v1/uploads/${one.file}`;
      const { name, length, received, sample } = one;
      const here = { name, length, received, sample, address };
      this.files.push({ ...here, key: null, file: null, problem: null });
    }
    return known.files.length > 0;
  }

  /**
   * Adds chosen files; one that was chosen before, or that the node has a part of, goes on where
   * it stopped. Name and length alone do not make two files one. One choice after the other: the
   * second knows what the first added.
   */
  add(chosen) {
    const added = this.added.then(() => this.#add(chosen));
    this.added = added.catch(() => {});
    return added;
  }

  async #add(chosen) {
    const before = Map.groupBy(this.files, likeness);
    for (const { file, name } of chosen) {
      const alike = before.get(likeness({ name, length: file.size })) ?? [];
      const same = await sameAmong(alike, file);
      if (same !== null) {
        // Of two in one choice each is one file, were they copies of each other.
        alike.splice(alike.indexOf(same), 1);
        same.file = file;
        same.problem = null;
      } else {
        const fresh = { name, length: file.size, received: 0, sample: null, address: null };
        this.files.push({ ...fresh, key: freshKey(), file, problem: null });
      }
    }
    this.changed();
  }

  /**
   * Sends what is missing, a few files at once; done when all is sent, refused or paused. What is
   * being sent already is sent to its end first: no file is sent by two at once.
   */
  run() {
    const { stops } = this;
    const run = this.running.then(() => (stops === this.stops ? this.#run() : null));
    this.running = run.catch(() => {});
    return run;
  }

  async #run() {
    this.paused = false;
    this.aborting = new AbortController();
    this.changed();
    const waiting = this.files.filter(
      (one) => one.file !== null && one.received < one.length && one.problem === null,
    );
    const lane = async () => {
      for (let one = waiting.shift(); one !== undefined && !this.paused; one = waiting.shift()) {
        await this.#send(one);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    this.changed();
  }

  /** Stops sending; what the node has it keeps. */
  stop() {
    this.stops += 1;
    this.paused = true;
    this.aborting.abort();
    this.changed();
  }

  /** Sends one file to its end, again and again while the node is away. */
  async #send(one) {
    for (let attempt = 0; one.received < one.length && !this.paused; ) {
      await this.session;
      if (this.paused) return;
      try {
        await this.#piece(one);
        attempt = 0;
        this.away = false;
      } catch (error) {
        if (this.paused) return;
        if (error.status === 401) this.session = signedIn(this.aborting.signal);
        // Where asking fails too, the next piece meets the same and says what to do.
        else if (error.rule === "offset") await this.#ask(one).catch(() => {});
        else if (isFinal(error)) {
          one.problem = error.advice ?? String(error);
          this.changed();
          return;
        } else {
          this.away = true;
          this.changed();
          await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)], this.aborting.signal);
          attempt += 1;
          if (one.address !== null && !this.paused) await this.#ask(one).catch(() => {});
        }
      }
      this.changed();
    }
  }

  async #piece(one) {
    const body = one.file.slice(one.received, one.received + PIECE_BYTES);
    const { signal } = this.aborting;
    if (one.address === null) {
      // By its key the node knows a file again whose first announcement it answered in vain.
      const told = { batch: this.batch, name: one.name, key: one.key };
      const metadata = Object.entries(told).map(([name, text]) => `${name} ${base64(text)}`);
      const headers = { ...TUS, "Upload-Length": String(one.length) };
      headers["Upload-Metadata"] = metadata.join(",");
      const made = await api.send("POST", "/v1/uploads", { headers, signal });
      one.address = made.headers.get("Location");
    }
    const headers = { ...TUS, "Upload-Offset": String(one.received), "Content-Type": OFFSET };
    const sent = await api.send("PATCH", one.address, { body, headers, signal });
    one.received = Number(sent.headers.get("Upload-Offset"));
  }

  /** Asks how much the node has. */
  async #ask(one) {
    const answer = await api.send("HEAD", one.address, { headers: TUS });
    one.received = Number(answer.headers.get("Upload-Offset"));
  }

  /** Removes one file here and at the node. */
  async remove(one) {
    if (one.address !== null) await api.send("DELETE", one.address, { headers: TUS });
    this.files = this.files.filter((other) => other !== one);
    this.changed();
  }

  /** Gives the whole upload up. */
  async giveUp() {
    this.stop();
    try {
      await api.delete(`/v1/upload-batches/${this.batch}`);
    } catch (error) {
      if (error.status !== 404) throw error;
    }
    this.files = [];
  }
}
