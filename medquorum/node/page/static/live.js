/**
 * What changes at the node, as it happens: one event stream for the whole page, resumed by itself.
 * @module
 */

import { api } from "./api.js";

/** Kinds of events the node sends. */
export const KINDS = [
  "block",
  "proposal",
  "vote",
  "closed",
  "body",
  "charter",
  "complaint",
  "peer",
  "halt",
];
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];

const listeners = new Map();
const watchers = new Set();
let source = null;
let last = null;
let failures = 0;
let timer = null;
/** Whose stream is wanted; null while none is. */
let wanted = null;
let connected = null;

/** Listens to events of a kind, or of all with "*". @returns {function(): void} stops listening */
export function listen(kind, listener) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(listener);
  return () => listeners.get(kind).delete(listener);
}

/** Tells now and at each change whether the node answers. @returns {function(): void} stops it */
export function onConnection(watcher) {
  watchers.add(watcher);
  if (connected !== null) watcher(connected);
  return () => watchers.delete(watcher);
}

/** Every opening is told: what happened while no stream was open has to be asked for. */
function tell(state) {
  if (connected === state && !state) return;
  connected = state;
  for (const watcher of watchers) watcher(state);
}

function deliver(message) {
  last = message.lastEventId || last;
  const event = JSON.parse(message.data);
  for (const kind of [event.kind, "*"]) {
    for (const listener of listeners.get(kind) ?? []) listener(event);
  }
}

function later() {
  const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
  failures += 1;
  clearTimeout(timer);
  timer = setTimeout(() => void retry(), wait);
}

/** Asks who we are first: a session that is over must lead to the sign-in, not to a loop. */
async function retry() {
  if (wanted === null) return;
  try {
    const { user } = await api.get("/v1/session");
    if (wanted === null) return;
    if (user === wanted) open();
    else document.dispatchEvent(new CustomEvent("session-over"));
  } catch {
    tell(false);
    later();
  }
}

function open() {
  close();
  const from = last === null ? "live=true" : `after=${encodeURIComponent(last)}`;
  source = new EventSource(`/v1/events?${from}`);
  source.addEventListener("open", () => {
    failures = 0;
    tell(true);
  });
  // A stream ends after a quarter of an hour by the node's own rule: only a failed retry is news.
  source.addEventListener("error", () => {
    close();
    later();
  });
  for (const kind of KINDS) source.addEventListener(kind, deliver);
}

function close() {
  source?.close();
  source = null;
}

/**
 * Opens the stream; to be called once signed in, for roles that may follow events.
 * @param {string} user who is signed in: nobody else's stream is opened here
 */
export function connect(user) {
  wanted = user;
  if (source === null) open();
}

/** Closes the stream and forgets where it was. */
export function disconnect() {
  wanted = null;
  clearTimeout(timer);
  close();
  last = null;
  connected = null;
}
