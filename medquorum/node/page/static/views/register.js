/**
 * Registering a patient: her keys, her name, her attending doctor, her first medical form.
 * @module
 */

import { announce, el, replace } from "../elements.js";
import { listen } from "../live.js";
import { begunRegistration } from "../record/begun.js";
import { registrar, wayOf } from "../record/registration.js";
import { resume } from "../record/resumption.js";
import { vitalSignsForm } from "../record/vital_signs.js";
import { walletMaker } from "../record/wallet_maker.js";
import { session } from "../session.js";
import { t } from "../texts.js";

const NAME_CHARACTERS = 200;

function doctorChoice() {
  const doctors = session.charter.members.filter(({ role, active }) => role === "doctor" && active);
  const choice = el(
    "select",
    { id: "attending", required: true },
    doctors.map(({ name, address }) =>
      el("option", { value: address, selected: address === session.node.address }, name),
    ),
  );
  return choice;
}

/** How a registration stands that is no block yet; a receipt just given has no state: it waits. */
function standing({ state }) {
  if (state === "rejected") return t("record.registration_refused");
  const waits = [undefined, "open", "accepted"].includes(state);
  return t(waits ? "record.registration_waits" : "record.registration_over");
}

/** Says what became of the proposal, live. */
function follow(place, receipt, address) {
  const state = el("p", { role: "status" }, standing(receipt));
  replace(
    place,
    el("h1", {}, t("record.registration_sent")),
    state,
    el(
      "dl",
      { class: "facts" },
      el("dt", {}, t("record.proposal")),
      el(
        "dd",
        {},
        el("a", { href: `#/case/${receipt.proposal}` }, el("code", {}, receipt.proposal)),
      ),
      el("dt", {}, t("record.key")),
      el("dd", {}, el("code", {}, address)),
    ),
    el("p", { class: "hint" }, t("record.registration_after")),
    el("p", {}, el("a", { class: "button", href: "#/patients" }, t("record.patients"))),
  );
  return listen("block", ({ detail }) => {
    if (detail.proposal !== receipt.proposal) return;
    const accepted = detail.outcome === "accepted";
    const said = t(accepted ? "record.registration_done" : "record.registration_refused", {
      n: detail.n_pb,
    });
    replace(
      state,
      said,
      " ",
      accepted ? el("a", { href: `#/patient/${detail.n_pb}` }, t("record.open")) : null,
    );
    announce(said);
  });
}

/** What the form holds, checked by the browser and by the ranges; null where something is wrong. */
function wishOf({ form, name, doctor, signs }) {
  if (!form.reportValidity() || !signs.check()) return null;
  return { name: name.value, doctor: doctor.value, vitalSigns: signs.contents() };
}

function formOf(parts, button, problem) {
  return el(
    "form",
    { class: "register", on: { submit: parts.submit } },
    el(
      "fieldset",
      {},
      el("legend", {}, t("record.person")),
      el("label", { for: "name" }, t("record.name")),
      parts.name,
      el("p", { class: "hint" }, t("record.name_hint")),
      el("label", { for: "attending" }, t("record.column_attending")),
      parts.doctor,
    ),
    parts.wallet.element,
    parts.signs.element,
    problem,
    el("div", { class: "buttons" }, button),
  );
}

/** Sends what the form holds. @returns {Promise<?string>} what to do where it was not sent */
function sender(way, maker, onSent) {
  let register = null;
  return async (wish) => {
    const keys = maker.keys();
    register ??= registrar(keys, way);
    const { receipt, problem } = await register(wish);
    if (receipt === null) return problem;
    keys.wallet.close();
    onSent(receipt, keys.wallet.address);
    return null;
  };
}

function fieldsOf(button) {
  const name = { id: "name", type: "text", required: true, autocomplete: "off" };
  return {
    name: el("input", { ...name, maxlength: NAME_CHARACTERS }),
    doctor: doctorChoice(),
    signs: vitalSignsForm(),
    wallet: walletMaker((ready) => {
      button.disabled = !ready;
    }),
  };
}

function registration(place, way, onSent) {
  const problem = el("p", { class: "problem", role: "alert" });
  const text = t(`record.register_${way}`);
  const button = el("button", { type: "submit", class: "primary", disabled: true }, text);
  const parts = fieldsOf(button);
  const send = sender(way, parts.wallet, onSent);
  const submit = async (event) => {
    event.preventDefault();
    const wish = wishOf(parts);
    if (wish === null) return;
    button.disabled = true;
    replace(problem);
    try {
      replace(problem, await send(wish));
    } finally {
      button.disabled = false;
    }
  };
  parts.form = formOf({ ...parts, submit: (event) => void submit(event) }, button, problem);
  replace(
    place,
    el("h1", {}, t("record.register")),
    el("p", { class: "hint" }, t(`record.register_how_${way}`)),
    parts.form,
  );
  return parts.wallet.forget;
}

/** Shows the registration. */
export async function show(place) {
  const way = wayOf(session.node.role);
  if (way === null) {
    replace(
      place,
      el("h1", {}, t("record.register")),
      el("p", { class: "notice" }, t("record.register_elsewhere")),
    );
    return undefined;
  }
  let stop = () => {};
  let forget = () => {};
  const onSent = (receipt, address) => {
    stop = follow(place, receipt, address);
  };
  const onAnew = () => {
    forget = registration(place, way, onSent);
  };
  const begun = begunRegistration();
  if (begun === null) onAnew();
  else await resume(place, begun, { way, onSent, onAnew });
  return () => {
    stop();
    forget();
  };
}
