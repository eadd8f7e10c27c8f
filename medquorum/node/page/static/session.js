/**
 * Who is signed in.
 * @module
 */

import { api, shutDesk } from "./api.js";
import { forgetRemarks } from "./keys/remarks.js";
import { connect, disconnect } from "./live.js";

const NOBODY = {
  user: null,
  role: null,
  patient: null,
  number: null,
  rights: [],
  node: null,
  charter: null,
};

/**
 * `node` is the node's status, `charter` the charter in force, `patient` the address of the
 * patient's key and `number` her N PB (role patient), `rights` what the role may do.
 */
export const session = { ...NOBODY, idleLockMs: 600_000, locked: false, expired: false };

/** Whether the signed-in role has a right, e.g. "inbox.read". */
export function may(right) {
  return session.rights.includes(right);
}

/** What a reading is for where nobody chooses: the patient's own are her request. */
export function usualPurpose() {
  return session.role === "patient" ? "request" : "treatment";
}

/** N PB of the patient with this address (mqpat1…); null while the registration is not final. */
export async function numberOf(address) {
  try {
    return (await api.get(`/v1/patients/address/${address}`)).n_pb;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/**
 * Asks the node who is signed in; false when nobody is, or somebody else is by now: another page of
 * this browser has the same cookie, and this desk is not theirs.
 */
export async function loadSession() {
  const answer = await api.get("/v1/session");
  session.idleLockMs = answer.idle_lock_ms;
  if (answer.user === null) return false;
  if (session.user !== null && answer.user !== session.user) return false;
  const [node, charter] = await Promise.all([api.get("/v1/status"), api.get("/v1/charter")]);
  session.user = answer.user;
  session.role = answer.role;
  session.patient = answer.patient;
  session.rights = answer.rights;
  session.node = node;
  session.charter = charter;
  session.number = session.patient === null ? null : await numberOf(session.patient);
  return true;
}

/** Opens a session with a password; ApiError where the node refuses. */
export async function signIn(name, password) {
  await api.post("/v1/login", { name, password, kind: "session" });
}

/** Changes the session's token for a new one; where it is over, the sign-in shows by itself. */
export async function renewSession() {
  try {
    await api.post("/v1/session/renewal");
  } catch {
    // Said by the sign-in (401) or by the banner of a node that is away.
  }
}

/** Ends this session, or every one of this user; then nothing of the desk is left on the page. */
export async function signOut({ everywhere = false } = {}) {
  // First nothing is asked or heard any more: it would be refused once the session has ended.
  disconnect();
  shutDesk(true);
  try {
    await api.post(everywhere ? "/v1/logout/everywhere" : "/v1/logout");
  } catch (error) {
    // 401: it has ended already, and what is left of it here has to go all the same.
    if (error.status !== 401) {
      shutDesk(false);
      if (!session.locked && may("event.read")) connect(session.user);
      throw error;
    }
  }
  await leave();
}

/** Begins the page anew, at its first address. */
export async function leave() {
  Object.assign(session, NOBODY);
  // Drafts of reports and remarks are this user's, and nobody else's who sits down here.
  sessionStorage.clear();
  await forgetRemarks().catch(() => {});
  history.replaceState(null, "", "/");
  location.reload();
}
