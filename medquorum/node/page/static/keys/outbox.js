/**
 * The outbox: a signed vote is kept until the node has acknowledged it.
 *
 * A vote is irrevocable and public, its key is not in it; so it may outlive a closed page, an
 * ended session and a node that went away. The same bytes are sent again: to the ledger that is
 * the same vote. What the node refuses for good is kept apart, with its reason, until dismissed.
 * The words of a remark are no part of a vote: they are kept beside it, sealed (remarks.js).
 */

import { api } from "../api.js";
import { session } from "../session.js";
import { readVote } from "./ballot.js";
import { ownNetwork } from "./members.js";
import { dropRemark, keepRemark } from "./remarks.js";
import { letters } from "./storage.js";

const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 60_000;
/** Refusals that another moment may lift; every other 4xx is final. */
const PASSING = new Set([0, 401, 408, 425, 429]);
const PASSING_RULES = new Set(["body_not_opened", "idempotency_in_flight", "role"]);

const listeners = new Set();
const deliveries = new Map();
let started = false;
let timer = null;
let wait = FIRST_WAIT_MS;

/** Whether trying again may help where an attempt ended in this error. */
export const passing = (error) =>
  PASSING.has(error.status) || error.status >= 500 || PASSING_RULES.has(error.rule);

async function tell() {
  const waiting = await pending();
  for (const listener of listeners) listener(waiting);
}

/**
 * Keep a signed vote and send it.
 * @param {Uint8Array} voteBytes of `ballot.castVote`
 * @param {?{salt: Uint8Array, text: string}} [remark] the words whose hash is in the vote
 * @returns {Promise<{state: "acknowledged"|"kept"|"refused", receipt?: Object, rule?: string,
 *   advice?: string}>}
 */
export async function send(voteBytes, remark = null) {
  const told = await readVote(voteBytes, ownNetwork());
  const { id, proposal, voter, decision } = told;
  const letter = { id, proposal, voter, decision, state: "waiting", vote: voteBytes };
  // A vote does not wait for its remark: where that cannot be kept, this page still has it.
  if (remark !== null) await keepRemark(session.user, id, remark).catch(() => {});
  await letters.keep({ ...letter, kept_at_ms: Date.now() });
  await tell();
  return deliver(told.id);
}

/** One attempt for one letter; who asks while it is under way gets the same answer. */
function deliver(id) {
  const underway = deliveries.get(id) ?? attempt(id).finally(() => deliveries.delete(id));
  deliveries.set(id, underway);
  return underway;
}

async function attempt(id) {
  const letter = await letters.get(id);
  if (!letter || letter.state !== "waiting") return outcome(letter);
  try {
    const receipt = await api.post("/v1/votes", letter.vote, { key: id });
    if (receipt.vote !== id) throw Object.assign(new Error("foreign receipt"), { status: 502 });
    const acknowledged = { ...letter, state: "acknowledged", receipt };
    await letters.keep(acknowledged);
    await tell();
    return outcome(acknowledged);
  } catch (error) {
    if (!("status" in error)) throw error;
    return failed(letter, error);
  }
}

async function failed(letter, { status, rule, advice }) {
  if (passing({ status, rule })) {
    arm(status === 401);
    return { state: "kept", rule, advice };
  }
  const refused = { ...letter, state: "refused", rule, advice };
  await letters.keep(refused);
  await dropRemark(letter.id);
  await tell();
  return outcome(refused);
}

const outcome = (letter) =>
  letter
    ? { state: letter.state, receipt: letter.receipt, rule: letter.rule, advice: letter.advice }
    : { state: "kept" };

/** Try again later; after a 401 only once somebody has signed in (`resend`). */
function arm(signedOut) {
  if (timer !== null || signedOut) return;
  timer = setTimeout(() => {
    timer = null;
    wait = Math.min(LONGEST_WAIT_MS, 2 * wait);
    void resend();
  }, wait);
}

/**
 * Send everything that waits: after sign-in, on reconnection, when the page opens.
 * @returns {Promise<Object[]>} the outcomes
 */
export async function resend() {
  const outcomes = [];
  for (const letter of await pending()) outcomes.push(await deliver(letter.id));
  if (outcomes.every(({ state }) => state !== "kept")) wait = FIRST_WAIT_MS;
  return outcomes;
}

/** Votes signed here that no node has acknowledged yet, oldest first. */
export async function pending() {
  return (await letters.all()).filter(({ state }) => state === "waiting");
}

/** Votes the node refused for good, with `rule` and `advice`. */
export async function refused() {
  return (await letters.all()).filter(({ state }) => state === "refused");
}

/** The receipt of a vote, by its proposal's id: `{id, vote, receipt}`, null where there is none. */
export async function receiptOf(proposal) {
  const found = (await letters.all()).find(
    (letter) => letter.proposal === proposal && letter.state === "acknowledged",
  );
  return found ?? null;
}

/** Forget a refused vote or a receipt; a waiting vote is never forgotten. */
export async function dismiss(id) {
  const letter = await letters.get(id);
  if (letter && letter.state !== "waiting") {
    await letters.drop(id);
    await dropRemark(id);
  }
  await tell();
}

/** Be told what waits whenever that changes. @returns {function} stop */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Begin to resend by itself: now, and when the browser is online again. Once signed in. */
export async function startOutbox() {
  if (!started) window.addEventListener("online", () => void resend());
  started = true;
  return resend();
}
