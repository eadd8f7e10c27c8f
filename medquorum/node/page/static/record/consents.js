/**
 * A patient's consents: what is in force, granting, revoking; each statement is hers to take along.
 * @module
 */

import { api } from "../api.js";
import { announce, el, replace } from "../elements.js";
import { localTime } from "../format.js";
import { base64 } from "../keys/bytes.js";
import { ownNetwork } from "../keys/members.js";
import { may, session } from "../session.js";
import { t } from "../texts.js";
import { grant, LONGEST_MS, PURPOSES, revocation, signed } from "./consent_statement.js";
import { withWallet } from "./wallet_form.js";

const DAY_MS = 86_400_000;
const COLUMNS = ["state", "purpose", "who_may", "until", "said", "statement"];

function purposeNames(purposes) {
  return purposes.map((purpose) => t(`record.purpose_${purpose}`)).join(", ");
}

function stateOf(consent) {
  if (consent.revoked) return "revoked";
  if (consent.in_force) return "in_force";
  return consent.from_ms > Date.now() ? "later" : "over";
}

async function bring(wallet, statement) {
  const bytes = await signed(wallet, ownNetwork(), statement);
  await api.post("/v1/consents", { consent: base64(bytes) });
}

async function revoke(patient, consent, render) {
  const why = t("record.revoke_why", { purposes: purposeNames(consent.purposes) });
  const done = await withWallet(patient.address, why, (wallet) =>
    bring(wallet, revocation(wallet.publicKey, consent.id)),
  );
  if (!done) return;
  announce(t("record.revoked_now"));
  await render();
}

function takeBack(patient, consent, render) {
  if (!may("consent.carry") || ["revoked", "over"].includes(stateOf(consent))) return null;
  const on = { click: () => void revoke(patient, consent, render) };
  return el("button", { type: "button", class: "small", on }, t("record.revoke"));
}

function row(patient, consent, render) {
  const state = stateOf(consent);
  const file = `/v1/patients/${patient.n_pb}/consents/${consent.id}`;
  const name = `consent-${consent.id.slice(0, 8)}.mqs`;
  const bearer = t("record.brought_by", { name: consent.brought_by });
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, el("span", { class: `tag ${state}` }, t(`record.consent_${state}`))),
    el("td", {}, purposeNames(consent.purposes)),
    el("td", {}, consent.grantee_name ?? t("record.every_member")),
    el("td", {}, localTime(consent.until_ms)),
    el("td", {}, localTime(consent.issued_at_ms), " ", el("span", { class: "hint" }, bearer)),
    el(
      "td",
      { class: "buttons" },
      el("a", { href: file, download: name }, t("record.statement")),
      takeBack(patient, consent, render),
    ),
  );
}

function table(patient, consents, render) {
  const grants = consents.filter(({ kind }) => kind === "grant");
  if (grants.length === 0) return el("p", { class: "empty" }, t("record.no_consents"));
  const head = COLUMNS.map((name) => el("th", { scope: "col" }, t(`record.column_${name}`)));
  return el(
    "table",
    { class: "consents" },
    el("thead", {}, el("tr", {}, head)),
    el(
      "tbody",
      {},
      grants.map((consent) => row(patient, consent, render)),
    ),
  );
}

function day(ms) {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/** The end of the chosen day, local time, ms. */
function endOf(text) {
  return new Date(`${text}T00:00`).getTime() + DAY_MS;
}

function grantFields() {
  const ticks = PURPOSES.map((purpose) =>
    el("input", { id: `for-${purpose}`, type: "checkbox", value: purpose }),
  );
  const members = session.charter.members.filter(({ active }) => active);
  const grantee = el(
    "select",
    { id: "grantee" },
    el("option", { value: "" }, t("record.every_member")),
    members.map(({ name, address }) => el("option", { value: address }, name)),
  );
  const until = el("input", {
    id: "consent-until",
    type: "date",
    required: true,
    min: day(Date.now()),
    max: day(Date.now() + LONGEST_MS - 2 * DAY_MS),
    value: day(Date.now() + 365 * DAY_MS),
  });
  return { ticks, grantee, until };
}

function wishOf({ ticks, grantee, until }) {
  return {
    purposes: ticks.filter(({ checked }) => checked).map(({ value }) => value),
    grantee: grantee.value === "" ? null : grantee.value,
    fromMs: Date.now() - 60_000,
    untilMs: endOf(until.value),
  };
}

function whyOf(wish, { grantee }) {
  return t("record.grant_why", {
    who: grantee.selectedOptions[0].textContent,
    purposes: purposeNames(wish.purposes),
    until: localTime(wish.untilMs),
  });
}

function grantForm(patient, render) {
  const fields = grantFields();
  const problem = el("p", { class: "problem", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    const wish = wishOf(fields);
    replace(problem, wish.purposes.length === 0 ? t("record.choose_purpose") : null);
    if (wish.purposes.length === 0) return;
    const done = await withWallet(patient.address, whyOf(wish, fields), (wallet) =>
      bring(wallet, grant(wallet.publicKey, wish)),
    );
    if (!done) return;
    announce(t("record.granted_now"));
    await render();
  };
  return el(
    "form",
    { class: "grant", on: { submit: (event) => void submit(event) } },
    el("h3", {}, t("record.grant")),
    el("p", { class: "hint" }, t("record.grant_hint")),
    el(
      "fieldset",
      {},
      el("legend", {}, t("record.column_purpose")),
      fields.ticks.map((tick) =>
        el("label", { class: "tick", for: tick.id }, tick, t(`record.purpose_${tick.value}`)),
      ),
    ),
    el("label", { for: "grantee" }, t("record.column_who_may")),
    fields.grantee,
    el("label", { for: "consent-until" }, t("record.until_day")),
    fields.until,
    problem,
    el(
      "div",
      { class: "buttons" },
      el("button", { type: "submit", class: "primary" }, t("record.grant_sign")),
    ),
  );
}

/** The consents of one patient. */
export async function consentsView(number) {
  const patient = await api.get(`/v1/patients/${number}`);
  const list = el("div", {});
  const render = async () => {
    const { consents } = await api.get(`/v1/patients/${number}/consents`);
    replace(list, table(patient, consents, render));
  };
  await render();
  return [
    el("p", { class: "hint" }, t("record.consents_hint")),
    list,
    may("consent.carry") ? grantForm(patient, render) : null,
  ];
}
