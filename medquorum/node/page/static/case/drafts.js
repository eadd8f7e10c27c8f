/**
 * Drafts of what is being written: in this tab only, without names; the sign-out clears them
 * (`session.leave`).
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

/** Forgets a draft that was sent or given up. */
export function dropDraft(kind, patient) {
  sessionStorage.removeItem(keyOf(kind, patient));
}
