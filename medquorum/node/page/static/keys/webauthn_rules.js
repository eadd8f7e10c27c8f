/**
 * Votes by an authenticator: what its assertion must say (R-VOT2, R-VOT6).
 *
 * The client's JSON is compared as bytes, never parsed: a parser that differs on one node would
 * split the ledger. Browsers write type, challenge and origin first, in this form (WebAuthn Level
 * 2, section 5.8.1.1); what follows is of no account, but for a claim to be in another's frame.
 */

import { concat, equal, utf8 } from "./bytes.js";
import { decode, encode } from "./canonical.js";
import { verifyText } from "./curve.js";
import { sha256 } from "./hashes.js";

export const BUNDLE_BYTES = 4_096;
const FIELDS = "authenticator_data,client_data";
const HASH_BYTES = 32;
const SHORTEST = 37;
const FLAG = {
  present: 0x01,
  verified: 0x04,
  backupable: 0x08,
  backed: 0x10,
  enclosed: 0x40,
  extended: 0x80,
};
const FOREIGN_FRAME = '"crossOrigin":true';
const CLOSE = 0x7d;
const COMMA = 0x2c;

/** Base64url without padding. */
export function base64url(octets) {
  const plain = btoa(String.fromCharCode(...octets));
  return plain.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bundle of an assertion (R-VOT2). */
export function bundleOf(authenticatorData, clientData) {
  return encode({ authenticator_data: authenticatorData, client_data: clientData });
}

function readBundle(bundle) {
  if (bundle.length > BUNDLE_BYTES) return null;
  let map;
  try {
    map = decode(bundle);
  } catch {
    return null;
  }
  if (map === null || typeof map !== "object" || Object.keys(map).join() !== FIELDS) return null;
  const { authenticator_data: authenticator, client_data: client } = map;
  const octets = authenticator instanceof Uint8Array && client instanceof Uint8Array;
  return octets ? { authenticator, client } : null;
}

/** Who it was made for, that a person was there and was verified, what the key may be. */
export async function fitsAuthenticator(octets, enrolment) {
  if (octets.length < SHORTEST) return false;
  const flags = octets[HASH_BYTES];
  const extended = Boolean(flags & FLAG.extended);
  const shaped = !(flags & FLAG.enclosed) && extended === octets.length > SHORTEST;
  const verified = flags & FLAG.present && flags & FLAG.verified;
  const kept = enrolment.backup || !(flags & (FLAG.backupable | FLAG.backed));
  const party = await sha256(utf8(enrolment.rp_id));
  return Boolean(shaped && verified && kept && equal(octets.subarray(0, HASH_BYTES), party));
}

/** Whether the client's bytes are of this challenge and one of the enrolled origins. */
export function fitsClient(client, challenge, origins) {
  if (client.at(-1) !== CLOSE) return false;
  return origins.some((origin) => {
    const head = utf8(
      `{"type":"webauthn.get","challenge":"${base64url(challenge)}","origin":"${origin}"`,
    );
    if (!equal(client.subarray(0, head.length), head)) return false;
    const rest = client.subarray(head.length);
    if (rest.length === 1) return true;
    const text = Array.from(rest, (octet) => String.fromCharCode(octet)).join("");
    return rest[0] === COMMA && !text.includes(FOREIGN_FRAME);
  });
}

/**
 * Whether a vote's bundle and signature are its doctor's authenticator's. Never throws.
 * @param {{bundle: Uint8Array, signature: Uint8Array}} vote
 * @param {?{backup: boolean, key: Uint8Array, origins: string[], rp_id: string}} enrolment
 * @param {Uint8Array} text the vote's preimage: its SHA-256 is the challenge
 */
export async function verifyAssertion({ bundle, signature }, enrolment, text) {
  const read = readBundle(bundle);
  if (read === null || !enrolment) return false;
  if (!(await fitsAuthenticator(read.authenticator, enrolment))) return false;
  if (!fitsClient(read.client, await sha256(text), enrolment.origins)) return false;
  const signed = concat(read.authenticator, await sha256(read.client));
  return verifyText(enrolment.key, signed, signature);
}
