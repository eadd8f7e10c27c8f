/**
 * Drafts of what is being written: in this tab only, without names; the sign-out clears them
 * (`session.leave`).
 *
 * Beside a draft stands what was sent of it and not answered: trying again is then the same
 * request and no second document.
 * @module
 */

import { session } from "../session.js";

const PREFIX = "medquorum.draft.";
const LONGEST = 20_000;

const keyOf = (kind, patient) => `${PREFIX}${session.user}.${kind}.${patient}`;

/** The draft of a kind for a patient (N PB), or null. */
export function draftOf(kind, patient) {
  try {
    const text = sessionStorage.getItem(keyOf(kind, patient));
    const draft = text === null ? null : JSON.parse(text);
    return typeof draft === "object" ? draft : null;
  } catch {
    return null;
  }
}

/** Keeps a draft; a browser that keeps nothing leaves it on the page alone. */
export function keepDraft(kind, patient, draft) {
  const text = JSON.stringify(draft);
  if (text.length > LONGEST) return;
  try {
    sessionStorage.setItem(keyOf(kind, patient), text);
  } catch {
    // No room, or storage is switched off: the form itself still holds it.
  }
}

/** Forgets a draft that was sent or given up, and what was sent of it. */
export function dropDraft(kind, patient) {
  sessionStorage.removeItem(keyOf(kind, patient));
  dropSent({ kind, patient });
}

/** What was sent of a draft, where the storage has no room for it: on this page. */
const unkept = new Map();
const sentKeyOf = ({ kind, patient }) => keyOf(`sent.${kind}`, patient);

/**
 * What was sent of a draft and not answered, or null.
 * @param {{kind: string, patient: number}} draft
 * @returns {?{fingerprint: string, key: ?string, sealed: ?object}} an idempotency key, or what was
 *   sealed (ciphertext and signatures)
 */
export function sentOf(draft) {
  try {
    const text = unkept.get(sentKeyOf(draft)) ?? sessionStorage.getItem(sentKeyOf(draft));
    const sent = text === null ? null : JSON.parse(text);
    return typeof sent?.fingerprint === "string" ? sent : null;
  } catch {
    return null;
  }
}

/** Keeps what is about to be sent of a draft. */
export function keepSent(draft, sent) {
  const text = JSON.stringify(sent);
  try {
    sessionStorage.setItem(sentKeyOf(draft), text);
    unkept.delete(sentKeyOf(draft));
  } catch {
    unkept.set(sentKeyOf(draft), text);
  }
}

/** Forgets what was sent: it was answered. */
export function dropSent(draft) {
  unkept.delete(sentKeyOf(draft));
  sessionStorage.removeItem(sentKeyOf(draft));
}
