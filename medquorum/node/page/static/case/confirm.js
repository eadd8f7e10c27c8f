/**
 * What is about to be signed, read back from the proposal's canonical bytes.
 * @module
 */

import { el } from "../elements.js";
import { localTime, shortId } from "../format.js";
import { equal, hex } from "../keys/bytes.js";
import { known, t } from "../texts.js";
import { facts } from "./sections.js";

const COMMENT_CHARACTERS = 2_000;

function memberName(members, address) {
  const member = members.find((one) => equal(one.address, address));
  return member === undefined ? shortId(hex(address)) : member.name;
}

function subject({ signed, patient }) {
  const { core, id, members } = signed;
  const rows = [
    [
      t("case.signs_proposal"),
      el(
        "span",
        {},
        known(`shell.type_${core.type}`, core.type),
        " ",
        el("code", { title: id }, shortId(id)),
      ),
    ],
    [
      t("case.signs_issuer"),
      t("case.signed_by", {
        name: memberName(members, core.issuer),
        time: localTime(Number(core.issued_at_ms)),
      }),
    ],
  ];
  if ("patient" in core) {
    rows.splice(1, 0, [
      t("case.signs_patient"),
      core.patient === null
        ? t("case.new_patient")
        : t("case.patient_number", { number: core.patient }),
    ]);
    rows.push([
      t("case.signs_content"),
      el("code", { title: hex(core.body_root) }, shortId(hex(core.body_root))),
    ]);
  }
  if (core.ai) rows.push([t("case.signs_model"), `${core.ai.model_name} ${core.ai.model_version}`]);
  if (patient === null && "doctor" in core)
    rows.push([t("case.signs_doctor"), memberName(members, core.doctor)]);
  return rows;
}

/** What the doctor herself says, as it will stand in her vote. */
function decided(choice, role) {
  const said = el(
    "strong",
    { class: `said-${choice.decision}` },
    t(`case.said_${choice.decision}`),
  );
  const graded =
    choice.grade === null ? [] : [[t("case.signs_grade"), t(`case.grade_${choice.grade}`)]];
  return [
    [t("case.signs_decision"), said],
    ...graded,
    [t("case.signs_role"), t(`case.role_${role}`)],
  ];
}

function remarkRow(state, acts) {
  const field = el("input", {
    id: "vote-comment",
    type: "text",
    maxlength: COMMENT_CHARACTERS,
    value: state.comment,
    autocomplete: "off",
    on: { input: (event) => acts.remark(event.target.value) },
  });
  const label = el("label", { for: "vote-comment" }, t("case.comment"));
  return el("div", { class: "ballot-remark" }, label, field);
}

/** The one step more of who decides on images that have not been drawn here. */
function unseenRow(state, acts) {
  if (!state.blind) return null;
  const box = el("input", {
    id: "vote-unseen",
    type: "checkbox",
    checked: state.withoutImages,
    on: { change: (event) => acts.withoutImages(event.target.checked) },
  });
  return el(
    "div",
    { class: "ballot-unseen remark warning" },
    el("strong", {}, t("case.images_unseen")),
    el("label", { for: "vote-unseen" }, box, " ", t("case.without_images")),
  );
}

function advice(state) {
  if (state.obstacle !== null) return t(state.obstacle);
  return t(state.missing === "grade" ? "case.grade_first" : "case.irrevocable");
}

function buttons(state, ready, acts) {
  const cast = el(
    "button",
    { type: "submit", class: "primary cast", disabled: !ready },
    t(state.busy ? "case.signing" : "case.cast"),
  );
  const back = el("button", { type: "button", on: { click: acts.leave } }, t("case.take_back"));
  return el("div", { class: "buttons" }, cast, back);
}

/**
 * The confirmation as a form: submitting it casts the vote.
 * @param {object} given of `loadCase` @param {{decision: string, grade: ?number}} choice
 * @param {{missing: ?string, obstacle: ?string, comment: string, busy: boolean, blind: boolean,
 *   withoutImages: boolean}} state `blind`: the images have not been shown here
 * @param {{cast: function(): void, remark: function(string): void, leave: function(): void,
 *   withoutImages: function(boolean): void}} acts
 */
export function confirmation(given, choice, state, acts) {
  const looked = !state.blind || state.withoutImages;
  const ready = state.missing === null && state.obstacle === null && !state.busy && looked;
  const submit = (event) => {
    event.preventDefault();
    if (ready) acts.cast();
  };
  const weight = state.obstacle === null ? "remark" : "remark warning";
  return el(
    "form",
    { class: "ballot", "aria-label": t("case.sign_title"), on: { submit } },
    el("h2", {}, t("case.sign_title")),
    el("div", { class: "ballot-facts" }, facts(decided(choice, given.role)), facts(subject(given))),
    unseenRow(state, acts),
    remarkRow(state, acts),
    el("p", { class: weight, role: "status" }, advice(state)),
    buttons(state, ready, acts),
  );
}
