/**
 * The cases that wait for this doctor's vote, kept current: one list for rail and inbox.
 * @module
 */

import { api } from "./api.js";
import { listen, onConnection } from "./live.js";
import { session } from "./session.js";

const GATHER_MS = 250;
const CHANGING = new Set(["proposal", "vote", "closed", "block", "body"]);

let cases = null;
let asking = null;
let again = false;
let timer = null;
const watchers = new Set();

/** Whether this doctor is the case's attending: nothing is accepted without her. */
export function isAttending(proposal) {
  return proposal.verdict.attending !== null && proposal.verdict.attending === session.node?.name;
}

/** Attending cases first, then what ends soonest. */
function inOrder(proposals) {
  return [...proposals].sort(
    (one, other) =>
      Number(isAttending(other)) - Number(isAttending(one)) ||
      one.expires_at_ms - other.expires_at_ms ||
      one.issued_at_ms - other.issued_at_ms ||
      (one.id < other.id ? -1 : 1),
  );
}

/** The cases as last heard; null before the first answer. */
export function currentCases() {
  return cases;
}

/** The case to open after one is decided: the next below it, or the first. */
export function caseAfter(id) {
  const left = (cases ?? []).filter((each) => each.id !== id);
  const place = (cases ?? []).findIndex((each) => each.id === id);
  return left[place] ?? left[0] ?? null;
}

/** Tells now and at each change. @returns {function(): void} stops it */
export function onCases(watcher) {
  watchers.add(watcher);
  if (cases !== null) watcher(cases);
  return () => watchers.delete(watcher);
}

async function fetchCases() {
  const { proposals } = await api.get("/v1/inbox");
  const found = inOrder(proposals);
  // A list that is drawn anew for nothing takes the link from under the hand that presses it.
  if (JSON.stringify(found) === JSON.stringify(cases)) return;
  cases = found;
  for (const watcher of watchers) watcher(cases);
}

/** Asks the node now; while an answer is awaited, once more after it. */
export async function refreshCases() {
  if (asking !== null) {
    again = true;
    return asking;
  }
  asking = fetchCases();
  try {
    await asking;
  } finally {
    asking = null;
    if (again) {
      again = false;
      void refreshCases().catch(ignoreRefusal);
    }
  }
}

/** A refusal here is told by the connection's own banner or by the sign-in. */
function ignoreRefusal() {}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(() => void refreshCases().catch(ignoreRefusal), GATHER_MS);
}

/** Follows the node, once a doctor is signed in. @returns {function(): void} stops it */
export function followCases() {
  const stops = [
    listen("*", (event) => CHANGING.has(event.kind) && soon()),
    onConnection((answering) => answering && soon()),
  ];
  void refreshCases().catch(ignoreRefusal);
  return () => {
    stops.forEach((stop) => stop());
    clearTimeout(timer);
    cases = null;
  };
}
