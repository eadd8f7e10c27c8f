/**
 * Which upload this tab was busy with: its number only, never a name of a file or patient.
 * @module
 */

const KEY = "medquorum.upload";

/** A fresh number of an upload: 32 hex digits. */
export function freshBatch() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The upload of this user in this tab; null where there is none. */
export function rememberedBatch(user) {
  const [owner, batch] = (sessionStorage.getItem(KEY) ?? "").split("\n");
  return owner === user && /^[0-9a-f]{32}$/.test(batch ?? "") ? batch : null;
}

/** Remembers an upload, or with null that there is none. */
export function rememberBatch(user, batch) {
  if (batch === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, `${user}\n${batch}`);
}
