/**
 * Who is signed in, and the lock of a desk that is left alone.
 * @module
 */

import { api } from "./api.js";

const KEEP_ALIVE_MS = 4 * 60_000;
const ROTATE_MS = 60 * 60_000;

/** @type {{user: ?string, role: ?string, patient: ?string, rights: string[], node: ?object, charter: ?object}} */
export const session = {
  user: null, role: null, patient: null, rights: [], node: null, charter: null, idleLockMs: 600_000, locked: false,
};

/** Whether the signed-in role has a right of the node's table, e.g. "inbox.read". */
export function may(right) {
  return session.rights.includes(right);
}

/** Asks the node who is signed in; false when nobody is. */
export async function loadSession() {
  const answer = await api.get("/v1/session");
  if (answer.user === null) return false;
  const [node, charter] = await Promise.all([api.get("/v1/status"), api.get("/v1/charter")]);
  session.user = answer.user;
  session.role = answer.role;
  session.patient = answer.patient;
  session.rights = answer.rights;
  session.idleLockMs = answer.idle_lock_ms;
  session.node = node;
  session.charter = charter;
  return true;
}

/** Forgets who was signed in. */
export function forgetSession() {
  Object.assign(session, { user: null, role: null, patient: null, rights: [], node: null, charter: null });
}
