/**
 * A machine's outline without what a doctor struck out: her report's own, from which it learns.
 * @module
 */

import { api } from "../api.js";
import { concat } from "../keys/bytes.js";
import { FRAME, decode, encode } from "../keys/canonical.js";

const PIECE_BYTES = 65_536;
const MOST_VOXELS = 64 * 1_048_576;

async function through(transform, octets, most) {
  const pieces = [];
  let total = 0;
  const reader = new Blob([octets]).stream().pipeThrough(transform).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(...pieces);
    total += value.length;
    if (total > most) throw new RangeError("the outline is larger than its shape");
    pieces.push(value);
  }
}

function piecesOf(octets) {
  const count = Math.max(1, Math.ceil(octets.length / PIECE_BYTES));
  return Array.from({ length: count }, (_, at) =>
    octets.slice(at * PIECE_BYTES, (at + 1) * PIECE_BYTES),
  );
}

/**
 * The attachment of a report with the labels of some lesions set to nothing.
 * @param {Uint8Array} attachment canonical bytes @param {Set<number>} struck numbers of lesions
 * @returns {Promise<Uint8Array>}
 */
export async function withoutLesions(attachment, struck) {
  const content = decode(attachment, FRAME);
  const size = content.shape.reduce((product, side) => product * side, 1);
  if (!(size > 0 && size <= MOST_VOXELS)) throw new RangeError("the outline has no such shape");
  const labels = await through(
    new DecompressionStream("deflate"),
    concat(...content.labels_zlib),
    size,
  );
  if (labels.length !== size) throw new RangeError("the outline does not fill its shape");
  for (let at = 0; at < size; at += 1) if (struck.has(labels[at])) labels[at] = 0;
  const packed = await through(new CompressionStream("deflate"), labels, size + 1_024);
  return encode({ ...content, labels_zlib: piecesOf(packed) }, FRAME);
}

/** The corrected attachment of a report at the node. @param {string} record hex */
export async function correctedOutline(record, struck) {
  return withoutLesions(await api.bytes(`/v1/records/${record}/ATTACHMENT`), struck);
}
