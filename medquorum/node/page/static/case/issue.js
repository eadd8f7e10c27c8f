/**
 * Issuing what was written: a doctor seals and signs here, an institution's node does it itself.
 * @module
 */

import { api } from "../api.js";
import { ensureHand } from "../key_form.js";
import { Fault } from "../keys/faults.js";
import { sealAndPropose } from "../keys/seal.js";
import { session } from "../session.js";
import { t } from "../texts.js";

/** Texts in normal form C, since keyboards differ (R-CAN1). */
export function normalised(value) {
  if (typeof value === "string") return value.normalize("NFC");
  if (Array.isArray(value)) return value.map(normalised);
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, normalised(one)]));
}

function formOf({ type, patient, contents, references, replaces }) {
  const form = new FormData();
  form.append("type", type);
  form.append("patient", String(patient));
  form.append("references", JSON.stringify(references));
  if (replaces !== null) form.append("replaces", replaces);
  for (const [part, content] of Object.entries(contents)) {
    if (content instanceof Uint8Array) form.append(part, new Blob([content]), part);
    else form.append(part, JSON.stringify(content));
  }
  return form;
}

/**
 * Issues a document.
 * @param {function(): Promise<object>|object} make gives `type`, `patient` (N PB), `contents` by
 *   part, `references` (hashes, hex) and `replaces`
 * @returns {Promise<{receipt: ?object, problem: ?string}>} one of both
 */
export async function issue(make) {
  try {
    const order = await make();
    const whole = { ...order, contents: normalised(order.contents) };
    if (session.node.role !== "doctor") {
      const key = crypto.randomUUID();
      return { receipt: await api.post("/v1/submissions", formOf(whole), { key }), problem: null };
    }
    if (!(await ensureHand())) return { receipt: null, problem: t("case.key_needed_issue") };
    return { receipt: await sealAndPropose(whole), problem: null };
  } catch (error) {
    if (error instanceof Fault) return { receipt: null, problem: t(error.key, error.values) };
    if (error instanceof RangeError) return { receipt: null, problem: t("case.outline_damaged") };
    if ("advice" in error) return { receipt: null, problem: error.advice };
    throw error;
  }
}
