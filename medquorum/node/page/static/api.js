/**
 * The one way to the node: /v1 of the same origin, with the session cookie.
 * @module
 */

import { t } from "./texts.js";

/** A refusal of the node; status 0 where the node did not answer at all. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status
   * @param {string} rule stable reason
   * @param {string} advice what to do
   */
  constructor(status, rule, advice) {
    super(`${rule}: ${advice}`);
    this.status = status;
    this.rule = rule;
    this.advice = advice;
  }
}

/** What may be asked while nobody is signed in. */
const AT_THE_DOOR = new Set(["/v1/login", "/v1/session", "/v1/logout", "/v1/logout/everywhere"]);
let desk = new AbortController();

/**
 * Whether the desk waits for its user to sign in again: until then nothing it still meant to ask
 * goes out, lest it goes out in the name of whoever signs in next. What has no answer yet is given
 * up: a refusal that comes late must not end the session that follows.
 */
export function shutDesk(closed) {
  if (closed) desk.abort(new ApiError(401, "session", t("shell.session_over")));
  else if (desk.signal.aborted) desk = new AbortController();
}

/** Fetches for the desk, as long as it is not shut. */
async function fetchForDesk(path, options) {
  const { signal } = desk;
  signal.throwIfAborted();
  const answerless = new AbortController();
  const giveUp = () => answerless.abort(signal.reason);
  signal.addEventListener("abort", giveUp);
  const either = [answerless.signal, options.signal].filter((each) => each !== undefined);
  try {
    return await fetch(path, { ...options, signal: AbortSignal.any(either) });
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

async function refusal(response) {
  let document_ = {};
  try {
    document_ = await response.json();
  } catch {
    // Not our node's answer: a proxy's page, or one that broke off. The status is all there is.
  }
  const rule = typeof document_.rule === "string" ? document_.rule : "http";
  const advice = typeof document_.detail === "string" ? document_.detail : t("shell.no_advice");
  return new ApiError(response.status, rule, advice);
}

/** Sends a request; answers the response where it is a success, throws ApiError otherwise. */
async function ask(method, path, { body, headers = {}, signal } = {}) {
  if (!/^\/(v1\/|readyz|livez|page\/)/.test(path))
    throw new TypeError("an address of this node's API is wanted");
  const send = path.startsWith("/v1/") && !AT_THE_DOOR.has(path) ? fetchForDesk : fetch;
  let response;
  try {
    response = await send(path, {
      method,
      body,
      headers,
      signal,
      credentials: "same-origin",
      redirect: "error",
    });
  } catch (failure) {
    if (failure.name === "AbortError" || failure instanceof ApiError) throw failure;
    document.dispatchEvent(new CustomEvent("node-away"));
    throw new ApiError(0, "away", t("shell.no_answer"));
  }
  document.dispatchEvent(new CustomEvent("node-back"));
  if (response.ok) return response;
  const error = await refusal(response);
  if (error.status === 401 && path !== "/v1/login")
    document.dispatchEvent(new CustomEvent("session-over"));
  throw error;
}

/** What an answer holds; one that breaks off is as good as none. */
async function decoded(response) {
  if (response.status === 204) return null;
  const media = response.headers.get("Content-Type") ?? "";
  try {
    if (media.startsWith("application/json")) return await response.json();
    return new Uint8Array(await response.arrayBuffer());
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new ApiError(0, "away", t("shell.no_answer"));
  }
}

function prepared(body) {
  if (body === undefined || body === null) return { headers: {} };
  if (body instanceof FormData) return { body, headers: {} };
  if (body instanceof Uint8Array || body instanceof ArrayBuffer || body instanceof Blob) {
    return { body, headers: { "Content-Type": "application/octet-stream" } };
  }
  return { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

export const api = {
  /** JSON of an address (bytes where the node answers octets). */
  async get(path, options = {}) {
    return decoded(await ask("GET", path, options));
  },

  /** The bytes of an address. @returns {Promise<Uint8Array>} */
  async bytes(path, options = {}) {
    return new Uint8Array(await (await ask("GET", path, options)).arrayBuffer());
  },

  /** The whole response of a GET, where headers matter. @returns {Promise<Response>} */
  async response(path, options = {}) {
    return ask("GET", path, options);
  },

  /**
   * Posts an object (as JSON), bytes (as octets) or a FormData.
   * @param {{key?: string, headers?: object, signal?: AbortSignal}} options  key: Idempotency-Key
   */
  async post(path, body, { key, headers = {}, signal } = {}) {
    const sent = prepared(body);
    const keyed = key === undefined ? {} : { "Idempotency-Key": key };
    return decoded(
      await ask("POST", path, {
        body: sent.body,
        headers: { ...sent.headers, ...keyed, ...headers },
        signal,
      }),
    );
  },

  /** Any other method, e.g. PATCH and HEAD of uploads; the whole response. */
  async send(method, path, options = {}) {
    return ask(method, path, options);
  },

  /** Puts bytes. */
  async put(path, bytes, headers = {}) {
    const octets = { "Content-Type": "application/octet-stream" };
    return decoded(await ask("PUT", path, { body: bytes, headers: { ...octets, ...headers } }));
  },

  async delete(path) {
    return decoded(await ask("DELETE", path));
  },
};
