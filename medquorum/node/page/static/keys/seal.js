/**
 * What a doctor issues from the page: sealed, wrapped and signed here (R-PRO, R-BOD).
 *
 * The node stores chunks it cannot have made and signs nothing; the content keys are used once
 * and forgotten. The recipients are those of the charter in force.
 */

import { api } from "../api.js";
import { addressOf, preimage, tagged, ZERO } from "./hashes.js";
import { base64, compare, concat, fromHex, hex, prefixed, randomBytes, utf8 } from "./bytes.js";
import { encode } from "./canonical.js";
import { Fault } from "./faults.js";
import { hand } from "./hand.js";
import { sealTo } from "./hpke.js";
import { membersOf, readersOf } from "./members.js";
import { bodyRoot, sealPart } from "./parts.js";
import { parseAddress } from "./address.js";

const LIFETIME_MS = 7 * 86_400_000;

/**
 * Seal, sign, store the chunks and propose.
 * @param {Object} order
 * @param {string} order.type such as `report`
 * @param {?number} order.patient N PB, null on registration
 * @param {Object<string, Object|Uint8Array>} order.contents by part: a map of section 13, or a file
 * @param {?Object} order.registration RegistrationForm of `wallet.registrationFor`
 * @param {string[]} [order.references] block hashes, hex
 * @param {?string} [order.replaces] block hash, hex
 * @param {?string} [order.doctor] responsible doctor, mqdoc1…; else the attending, else oneself
 * @param {function({id: string, proposal: string, wraps: string[]}): void} [keep] given what is
 *   sealed before it is proposed, for `proposeSealed` where the answer is lost; no key is in it
 * @returns {Promise<Object>} the node's receipt, for the id computed here
 * @throws {Fault|ApiError}
 */
export async function sealAndPropose(order, keep = () => {}) {
  const charter = await api.get("/v1/charter");
  const place = { network: fromHex(charter.network), record: randomBytes(32) };
  const subject = await subjectOf(order, place.network);
  const parts = await sealParts(place, order.contents);
  const core = await coreOf(order, place, subject, parts);
  const coreBytes = encode(core);
  const text = preimage("proposal", place.network, coreBytes);
  const proposal = encode({ core: coreBytes, signature: await hand.sign(text) });
  const wraps = await wrapsFor(charter, order.type, place, subject, parts);
  await putChunks(place.record, parts);
  const id = hex(await tagged("proposal", place.network, coreBytes));
  const sealed = { id, proposal: base64(proposal), wraps: wraps.map(base64) };
  keep(sealed);
  return proposeSealed(sealed);
}

/**
 * Propose what is sealed, its chunks being with the node: the same bytes are the same proposal,
 * however often they are sent.
 * @returns {Promise<Object>} the node's receipt @throws {Fault|ApiError}
 */
export async function proposeSealed({ id, proposal, wraps }) {
  const receipt = await api.post("/v1/proposals", { proposal, wraps }, { key: id });
  if (receipt.proposal !== id) throw new Fault("R-PRO2", "keys.other_proposal");
  return receipt;
}

/** The patient a proposal is about: known to the chain, or entering it. */
async function subjectOf({ patient = null, registration = null }, network) {
  if ((patient === null) === (registration === null)) throw new Fault("R-PRO4", "keys.one_patient");
  if (registration !== null) {
    const salted = concat(fromHex(registration.name_salt), utf8(registration.name));
    return {
      number: null,
      key: fromHex(registration.public_key),
      encryptionKey: fromHex(registration.encryption_key),
      name: await tagged("patient-name", network, salted),
      attending: null,
      head: ZERO,
    };
  }
  const view = await api.get(`/v1/patients/${Number(patient)}`);
  return {
    number: view.n_pb,
    key: fromHex(view.public_key),
    encryptionKey: fromHex(view.encryption_key),
    name: fromHex(view.patient_name),
    attending: parseAddress(view.attending).address,
    head: fromHex(view.head),
  };
}

/** The parts in order of their names (R-BOD1). */
async function sealParts(place, contents) {
  const sealed = [];
  for (const name of Object.keys(contents).sort()) {
    const content = contents[name];
    const plaintext = content instanceof Uint8Array ? content : encode(content);
    sealed.push(await sealPart(place, name, plaintext));
  }
  return sealed;
}

async function coreOf(order, place, subject, parts) {
  const descriptors = parts.map((part) => part.descriptor);
  const now = Date.now();
  const named = order.doctor ? parseAddress(order.doctor).address : null;
  const { registration = null } = order;
  return {
    ai: null,
    body_root: await bodyRoot(descriptors),
    doctor: named ?? subject.attending ?? hand.address,
    expires_at_ms: now + LIFETIME_MS,
    issued_at_ms: now,
    issuer: hand.address,
    network: place.network,
    parts: descriptors,
    patient: subject.number,
    patient_key: subject.key,
    patient_name: subject.name,
    record: place.record,
    references: (order.references ?? []).map(fromHex),
    registration: registration && {
      encryption_key: fromHex(registration.encryption_key),
      proof: fromHex(registration.proof),
    },
    replaces: order.replaces ? fromHex(order.replaces) : null,
    seen_head: subject.head,
    type: order.type,
    version: 1,
  };
}

/** One signed wrap of all parts' keys per recipient (R-BOD7), ascending by address. */
async function wrapsFor(charter, type, place, subject, parts) {
  const plaintext = encode(
    Object.fromEntries(parts.map(({ descriptor, keys }) => [descriptor.name, keys])),
  );
  const readers = readersOf(membersOf(charter), type, hand.member.address);
  const recipients = readers.map(({ address, keys }) => ({
    address, key: fromHex(keys.encryption),
  }));
  recipients.push({ address: await addressOf(subject.key), key: subject.encryptionKey });
  recipients.sort((one, other) => compare(one.address, other.address));
  return Promise.all(recipients.map((recipient) => wrapFor(recipient, place, plaintext)));
}

async function wrapFor({ address, key }, { network, record }, plaintext) {
  const bound = [utf8("medquorum/v1/wrap"), network, record, address];
  const sealed = await sealTo(plaintext, key, concat(...bound.map(prefixed)));
  const wrap = { grantor: hand.address, recipient: address, record, sealed };
  const signature = await hand.sign(preimage("wrap", network, encode(wrap)));
  return encode({ ...wrap, signature });
}

async function putChunks(record, parts) {
  for (const { descriptor, chunks } of parts) {
    for (const [index, chunk] of chunks.entries()) {
      await api.put(`/v1/bodies/${hex(record)}/${descriptor.name}/${index}`, chunk);
    }
  }
}
