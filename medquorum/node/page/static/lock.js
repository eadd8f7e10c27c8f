/**
 * The lock of a desk that is left alone: hides it, drops the key, asks for the passphrase again.
 * @module
 */

import { draw, isDrawn, open } from "./curtain.js";
import { announce, el } from "./elements.js";
import { knownKeyFile } from "./key_file.js";
import { keyForm } from "./key_form.js";
import { hand } from "./keys/hand.js";
import { connect, disconnect } from "./live.js";
import { loadSession, may, renewSession, session, signOut } from "./session.js";
import { t } from "./texts.js";
import { askForPassword } from "./views/signin.js";

const LOOK_MS = 1_000;
const RENEWAL_MS = 30 * 60_000;
const KEEP_ALIVE_MS = 4 * 60_000;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

let touched = Date.now();
let renewed = Date.now();
let heard = Date.now();

function elseButton() {
  const leave = () => void signOut().catch(() => location.reload());
  return el("button", { type: "button", on: { click: leave } }, t("shell.sign_in_as_other"));
}

/** Whether the session goes on; where it does not, the sign-in shows by itself. */
async function goesOn() {
  const on = await loadSession();
  if (!on) document.dispatchEvent(new CustomEvent("session-over"));
  return on;
}

async function reopen() {
  if (!(await goesOn())) return;
  session.locked = false;
  touched = Date.now();
  open();
  if (may("event.read")) connect(session.user);
  announce(t("shell.unlocked"));
}

/** Hides everything and drops the key. */
export async function lock() {
  if (session.user === null || session.locked) return;
  const { user } = session;
  const wasOpen = hand.isOpen;
  session.locked = true;
  hand.lock();
  disconnect();
  document.getElementById("announcements").textContent = "";
  draw(t("shell.locked"), el("p", { class: "hint" }, t("shell.locked_why", { user })));
  // Meanwhile the session may be found to have ended: then another card stands there, for good.
  const card = document.querySelector("#curtain .card");
  if (!wasOpen || (await knownKeyFile(user)) === null) {
    card.append(askForPassword({ user, onDone: reopen, extra: [elseButton()] }));
    return;
  }
  const { form, focus } = await keyForm({ onOpen: reopen, extra: [elseButton()] });
  card.append(form);
  focus();
}

function look() {
  const now = Date.now();
  if (session.user === null || session.locked || isDrawn()) return;
  if (now - touched >= session.idleLockMs) void lock();
  else if (now - renewed >= RENEWAL_MS) {
    renewed = heard = now;
    void renewSession();
  } else if (now - heard >= KEEP_ALIVE_MS && touched > heard) {
    // Somebody reads without asking the node for anything: the session must not end under her.
    heard = now;
    void goesOn().catch(() => {});
  }
}

/** Begins to watch for hands on the desk. */
export function watchIdleness() {
  const touch = () => {
    // A machine that slept wakes up locked: the first touch must not count as presence.
    if (Date.now() - touched < session.idleLockMs) touched = Date.now();
  };
  for (const sign of SIGNS) addEventListener(sign, touch, { capture: true, passive: true });
  touched = renewed = heard = Date.now();
  setInterval(look, LOOK_MS);
}
