/**
 * A sample of a file: enough to tell it from another of its name and length, and quick to read.
 *
 * The node takes the same sample of what it has (`uploads/samples.py`).
 * @module
 */

const WHOLE_BYTES = 65_536;
const WINDOW_BYTES = 8_192;
const WINDOWS = WHOLE_BYTES / WINDOW_BYTES;

/** Beginnings and ends of the sampled pieces, in bytes. */
function windowsOf(length) {
  if (length <= WHOLE_BYTES) return [[0, length]];
  const last = length - WINDOW_BYTES;
  return Array.from({ length: WINDOWS }, (_, place) => {
    const start = Math.floor((last * place) / (WINDOWS - 1));
    return [start, start + WINDOW_BYTES];
  });
}

/**
 * SHA-256 of the sampled pieces one after the other, in hex; null of a file that cannot be read.
 * @param {File} file
 * @param {number} received  bytes of it that are looked at, from its start
 * @returns {Promise<string|null>}
 */
export async function sampleOf(file, received = file.size) {
  const pieces = windowsOf(file.size)
    .filter(([start]) => start < received)
    .map(([start, end]) => file.slice(start, Math.min(end, received)));
  try {
    const digest = await crypto.subtle.digest("SHA-256", await new Blob(pieces).arrayBuffer());
    const octets = new Uint8Array(digest);
    return Array.from(octets, (byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch {
    return null;
  }
}
