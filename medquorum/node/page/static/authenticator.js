/**
 * A doctor's security key or passkey on the page: enrolling it, and voting with it.
 * @module
 */

import { announce, el, replace } from "./elements.js";
import { Fault } from "./keys/faults.js";
import { canAuthenticate, enrolAuthenticator, useAuthenticator } from "./keys/webauthn.js";
import { session } from "./session.js";
import { t } from "./texts.js";

/** The signed-in doctor as the charter names her. */
function ownMember() {
  return session.charter.members.find((member) => member.address === session.node.address);
}

/** Runs `work`; a refusal stands in `problem`. @returns {Promise<boolean>} whether it was done */
async function attempt(problem, work) {
  replace(problem);
  try {
    await work();
    return true;
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    replace(problem, t(fault.key, fault.values));
    return false;
  }
}

function save(text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  el("a", { href: address, download: "medquorum-authenticator.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * The button that lets the hand vote by touch; null where the charter names no authenticator.
 * @param {{onOpen: function(): void, problem: HTMLElement}} where
 */
export function touchButton({ onOpen, problem }) {
  const member = ownMember();
  if (!member?.webauthn || !canAuthenticate()) return null;
  const use = async () => {
    if (await attempt(problem, async () => useAuthenticator(member))) onOpen();
  };
  return el("button", { type: "button", on: { click: () => void use() } }, t("keys.use_touch"));
}

/** The account's section about the authenticator, for doctors. */
export function authenticatorPart() {
  if (session.role !== "doctor") return null;
  const member = ownMember();
  const problem = el("p", { class: "problem", role: "alert" });
  const enrol = async () => {
    const done = await attempt(problem, async () => save(await enrolAuthenticator(member)));
    if (done) announce(t("keys.enrolment_saved"));
  };
  const button = el(
    "button",
    { type: "button", disabled: !canAuthenticate(), on: { click: () => void enrol() } },
    t("keys.enrol"),
  );
  const enrolled = member?.webauthn ? "keys.is_enrolled" : "keys.is_not_enrolled";
  const hint = canAuthenticate() ? "keys.enrol_hint" : "keys.authenticator_needs_name";
  return el(
    "section",
    { id: "authenticator" },
    el("h2", {}, t("keys.authenticator")),
    el("p", {}, t(enrolled)),
    el("p", { class: "hint" }, t(hint)),
    problem,
    el("div", { class: "buttons" }, button),
  );
}
