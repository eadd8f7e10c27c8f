/** Sealing a body's parts: framing, padding, chunks, commitments, roots (R-BOD1 to R-BOD6). */

import { bigEndian, concat, prefixed, randomBytes, utf8 } from "./bytes.js";
import { encode } from "./canonical.js";
import { Fault } from "./faults.js";
import { merkleRoot, rootOfHashes, leafHash, sha256 } from "./hashes.js";

export const CHUNK_BYTES = 1_048_576;
const FRAME_BYTES = 8;
const LARGEST_PLAINTEXT = 64 * 1_048_576;

/** The padded size of a framed plaintext (R-BOD3). @param {number} length bytes of plaintext */
export function paddedSize(length) {
  const framed = length + FRAME_BYTES;
  for (const small of [4_096, 65_536]) if (framed <= small) return small;
  const step = 2 ** (Math.floor(Math.log2(framed)) - 3);
  return Math.ceil(framed / step) * step;
}

/** The stream of a plaintext: its length, itself, zeros. */
function streamOf(plaintext) {
  const stream = new Uint8Array(paddedSize(plaintext.length));
  stream.set(bigEndian(plaintext.length, FRAME_BYTES));
  stream.set(plaintext, FRAME_BYTES);
  return stream;
}

/** The salted commitment to a plaintext (R-BOD6). */
async function commitment(place, name, salt, plaintext) {
  const fields = [
    utf8("medquorum/v1/commitment"), place.network, place.record, utf8(name), salt,
    await sha256(plaintext),
  ];
  return sha256(concat(...fields.map(prefixed)));
}

/**
 * Seal one part that fits in memory under new keys.
 * @param {{network: Uint8Array, record: Uint8Array}} place
 * @returns {Promise<{descriptor: Object, chunks: Uint8Array[], keys: Uint8Array}>} `keys` is the
 *   content key and the salt, 64 bytes, for the wraps
 */
export async function sealPart(place, name, plaintext) {
  if (plaintext.length > LARGEST_PLAINTEXT) {
    throw new Fault("R-BOD3", "keys.part_too_large", { megabytes: LARGEST_PLAINTEXT / 2 ** 20 });
  }
  const [content, salt] = [randomBytes(32), randomBytes(32)];
  const key = await crypto.subtle.importKey("raw", content, "AES-GCM", false, ["encrypt"]);
  const stream = streamOf(plaintext);
  const chunks = [];
  for (let at = 0; at < stream.length; at += CHUNK_BYTES) {
    const index = chunks.length;
    const additionalData = encode({ ...place, index, part: name });
    const cipher = { name: "AES-GCM", iv: bigEndian(index, 12), additionalData };
    const sealed = await crypto.subtle.encrypt(cipher, key, stream.subarray(at, at + CHUNK_BYTES));
    chunks.push(new Uint8Array(sealed));
  }
  const descriptor = {
    bytes: stream.length,
    chunks: chunks.length,
    commitment: await commitment(place, name, salt, plaintext),
    name,
    root: await rootOfHashes(await Promise.all(chunks.map(leafHash))),
  };
  return { descriptor, chunks, keys: concat(content, salt) };
}

/** Hpresent: the root over the descriptors in order (R-BOD2). */
export async function bodyRoot(descriptors) {
  return merkleRoot(descriptors.map((descriptor) => encode(descriptor)));
}
