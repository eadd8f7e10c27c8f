/**
 * Issuing what was written: a doctor seals and signs here, an institution's node does it itself.
 * @module
 */

import { api } from "../api.js";
import { ensureHand } from "../key_form.js";
import { hex, utf8 } from "../keys/bytes.js";
import { Fault } from "../keys/faults.js";
import { sha256 } from "../keys/hashes.js";
import { passing } from "../keys/outbox.js";
import { proposeSealed, sealAndPropose } from "../keys/seal.js";
import { session } from "../session.js";
import { t } from "../texts.js";
import { dropSent, keepSent, sentOf } from "./drafts.js";

/** Texts in normal form C, since keyboards differ (R-CAN1). */
export function normalised(value) {
  if (typeof value === "string") return value.normalize("NFC");
  if (Array.isArray(value)) return value.map(normalised);
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, normalised(one)]));
}

function formOf({ type, patient, registration, doctor, contents, references, replaces }) {
  const form = new FormData();
  form.append("type", type);
  if (patient !== null) form.append("patient", String(patient));
  if (registration) form.append("registration", JSON.stringify(registration));
  if (doctor) form.append("doctor", doctor);
  form.append("references", JSON.stringify(references));
  if (replaces !== null) form.append("replaces", replaces);
  for (const [part, content] of Object.entries(contents)) {
    if (content instanceof Uint8Array) form.append(part, new Blob([content]), part);
    else form.append(part, JSON.stringify(content));
  }
  return form;
}

/** Thrown where the node has what was sent before, and another text is to be sent now. */
class SentBefore extends Error {}

/** What stands for the content of an order. @returns {Promise<string>} SHA-256, hex */
async function fingerprintOf(order) {
  const written = JSON.stringify(order, (_, value) =>
    value instanceof Uint8Array ? hex(value) : value,
  );
  return hex(await sha256(utf8(written)));
}

/** Forgets what was sent once the node has refused it for good; then the error is the caller's. */
function settled(draft, error) {
  if ("status" in error && !passing(error)) dropSent(draft);
  return error;
}

/**
 * What became of an attempt whose answer was lost.
 * @returns {Promise<?object>} its receipt; null where the node has nothing of it
 */
async function resumed(draft, fingerprint) {
  const sent = sentOf(draft);
  if (!sent?.sealed) return null;
  const same = sent.fingerprint === fingerprint;
  try {
    if (same) return await proposeSealed(sent.sealed);
    await api.get(`/v1/proposals/${sent.sealed.id}`);
  } catch (error) {
    const nothingThere = same ? "status" in error && !passing(error) : error.status === 404;
    if (!nothingThere) throw error;
    dropSent(draft);
    return null;
  }
  throw new SentBefore();
}

/** Null where the key to sign with stays closed; what was signed before needs none. */
async function issueSealed(order, draft) {
  const fingerprint = await fingerprintOf(order);
  const earlier = await resumed(draft, fingerprint);
  if (earlier !== null) return earlier;
  if (!(await ensureHand())) return null;
  try {
    return await sealAndPropose(order, (sealed) => keepSent(draft, { fingerprint, sealed }));
  } catch (error) {
    throw settled(draft, error);
  }
}

/** The key stays that of the first attempt: the node compares what comes under it. */
async function issuePlain(order, draft) {
  const key = sentOf(draft)?.key ?? crypto.randomUUID();
  keepSent(draft, { fingerprint: await fingerprintOf(order), key });
  try {
    return await api.post("/v1/submissions", formOf(order), { key });
  } catch (error) {
    if (error.rule === "idempotency_mismatch") throw new SentBefore();
    throw settled(draft, error);
  }
}

/** Whether nothing came back: no answer, or that of a proxy before a node that is away. */
const unanswered = ({ status, rule }) => status === 0 || (rule === "http" && status >= 500);

/** What a writer is told of an error. @returns {string} */
function told(error, draft) {
  if (error instanceof SentBefore) {
    dropSent(draft);
    return t(draft.kind === "registration" ? "record.registered_before" : "case.issued_before");
  }
  if (error instanceof Fault) return t(error.key, error.values);
  if (error instanceof RangeError) return t("case.outline_damaged");
  if (unanswered(error)) {
    return t(draft.kind === "registration" ? "record.no_answer" : "shell.no_answer_form");
  }
  if ("advice" in error) return error.advice;
  throw error;
}

/**
 * Issues a document; where an answer was lost, trying again issues no second one.
 * @param {function(): Promise<object>|object} make gives `type`, `patient` (N PB, null on
 *   registration), `contents` by part, `references` (hashes, hex) and `replaces`; on registration
 *   `registration` (RegistrationForm) and `doctor` (mqdoc1…) too
 * @param {{kind: string, patient: number|string}} draft it is written in
 * @returns {Promise<{receipt: ?object, problem: ?string}>} one of both
 */
export async function issue(make, draft) {
  try {
    const order = await make();
    const whole = { ...order, contents: normalised(order.contents) };
    const send = session.node.role === "doctor" ? issueSealed : issuePlain;
    const receipt = await send(whole, draft);
    return { receipt, problem: receipt === null ? t("case.key_needed_issue") : null };
  } catch (error) {
    return { receipt: null, problem: told(error, draft) };
  }
}
