/**
 * A registration whose answer was lost, found again after the page was loaded anew: what the node
 * knows of it, and sending it once more as it was.
 * @module
 */

import { api } from "../api.js";
import { dropSent, sentOf } from "../case/drafts.js";
import { el, replace } from "../elements.js";
import { Fault } from "../keys/faults.js";
import { numberOf } from "../session.js";
import { t } from "../texts.js";
import { dropBegun, openBegun } from "./begun.js";
import { draftOfKeys, sendAgain } from "./registration.js";

function forget(begun) {
  dropSent(draftOfKeys(begun.address));
  dropBegun();
}

/**
 * The proposal and its state, where a doctor sealed it and the node has it; else null. What she
 * changed after it was sent is not in it: then it is compared, which takes the keys.
 */
async function arrived({ address, changed }) {
  const id = sentOf(draftOfKeys(address))?.sealed?.id;
  if (id === undefined || changed) return null;
  try {
    const { state } = await api.get(`/v1/proposals/${id}`);
    return { proposal: id, state };
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Opens what is kept and sends it. @returns {Promise<{receipt: ?object, problem: ?string}>} */
async function resend(begun, passphrase, way) {
  let opened;
  try {
    opened = await openBegun(begun, passphrase);
  } catch (error) {
    if (error instanceof Fault) return { receipt: null, problem: t(error.key, error.values) };
    throw error;
  }
  try {
    return await sendAgain(opened, way);
  } finally {
    opened.keys.wallet.close();
  }
}

function final(place, number) {
  replace(
    place,
    el("h1", {}, t("record.register")),
    el(
      "p",
      { role: "status" },
      t("record.registration_done", { n: number }),
      " ",
      el("a", { href: `#/patient/${number}` }, t("record.open")),
    ),
  );
}

function question(place, begun, { way, onSent, onAnew }) {
  const passphrase = el("input", {
    id: "begun-passphrase",
    type: "password",
    autocomplete: "off",
    required: true,
  });
  const problem = el("p", { class: "problem", role: "alert" });
  const again = el("button", { type: "submit", class: "primary" }, t("record.begun_again"));
  const submit = async (event) => {
    event.preventDefault();
    const secret = passphrase.value;
    passphrase.value = "";
    again.disabled = true;
    replace(problem);
    let outcome;
    try {
      outcome = await resend(begun, secret, way);
    } finally {
      again.disabled = false;
    }
    if (outcome.receipt === null) replace(problem, outcome.problem);
    else onSent(outcome.receipt, begun.address);
  };
  const anew = () => {
    forget(begun);
    onAnew();
  };
  replace(
    place,
    el("h1", {}, t("record.register")),
    el("p", { class: "notice" }, t("record.begun")),
    el(
      "form",
      { class: "card-form", on: { submit: (event) => void submit(event) } },
      el("p", {}, t("record.key"), " ", el("code", {}, begun.address)),
      el("label", { for: "begun-passphrase" }, t("record.wallet_passphrase")),
      passphrase,
      problem,
      el("div", { class: "buttons" }, again),
    ),
    el("p", { class: "hint" }, t("record.begun_anew_hint")),
    el("button", { type: "button", on: { click: anew } }, t("record.begun_anew")),
  );
}

/**
 * Shows what became of a registration that was sent, or asks whether to send it again.
 * @param {Node} place @param {object} begun of `begunRegistration`
 * @param {{way: "node"|"hand", onSent: function(object, string): void, onAnew: function(): void}}
 *   told with the receipt and the address once the node has it; or that it is given up
 */
export async function resume(place, begun, told) {
  const number = await numberOf(begun.address);
  if (number !== null) {
    forget(begun);
    final(place, number);
    return;
  }
  const receipt = await arrived(begun);
  if (receipt === null) {
    question(place, begun, told);
    return;
  }
  forget(begun);
  told.onSent(receipt, begun.address);
}
