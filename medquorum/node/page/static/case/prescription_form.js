/**
 * The prescription form: what the consultation permits next, and lines of what and how.
 * @module
 */

import { el, replace } from "../elements.js";
import { t } from "../texts.js";
import { draftOf, dropDraft, keepDraft } from "./drafts.js";
import { issue } from "./issue.js";
import { button, remark } from "./sections.js";

const KINDS = ["ct", "pet", "xray", "treatment"];
const MOST_LINES = 64;
const LONGEST = 1_000;

class PrescriptionForm {
  constructor(given, done) {
    this.given = given;
    this.done = done;
    this.patient = given.patient.n_pb;
    this.kind = "prescription";
    const permitted = KINDS.filter((kind) =>
      given.patient.next_steps.includes(`prescribe_${kind}`),
    );
    const blank = { kind: permitted[0] ?? "ct", lines: [{ text: "", instruction: "" }] };
    this.draft = draftOf(this.kind, this.patient) ?? blank;
    this.permitted = permitted;
    this.lines = el("div", { class: "form-lines" });
    this.say = el("p", { class: "problem", role: "alert" });
    this.send = el("button", { type: "submit", class: "primary" }, t("case.sign_and_issue"));
    this.element = el(
      "form",
      {
        class: "case-form",
        "aria-label": t("case.write_prescription"),
        on: { submit: (event) => void this.submit(event), input: () => this.keep() },
      },
      el("h2", {}, t("case.write_prescription")),
      this.kinds(),
      this.lines,
      this.say,
      el(
        "div",
        { class: "buttons" },
        this.send,
        button(t("case.add_line"), () => this.addLine()),
        button(t("shell.cancel"), () => this.leave()),
      ),
    );
    this.drawLines();
  }

  kinds() {
    const one = (kind) => {
      const now = this.permitted.includes(kind);
      const choose = () => {
        this.draft.kind = kind;
        this.keep();
      };
      return el(
        "label",
        { class: now ? "tick permitted" : "tick" },
        el("input", {
          type: "radio",
          name: "prescription-kind",
          value: kind,
          checked: this.draft.kind === kind,
          on: { change: choose },
        }),
        t(`case.step_${kind}`),
        el("span", { class: "hint" }, t(now ? "case.step_permitted" : "case.step_unusual")),
      );
    };
    return el("fieldset", {}, el("legend", {}, t("case.what_is_prescribed")), KINDS.map(one));
  }

  drawLines() {
    replace(
      this.lines,
      this.draft.lines.map((line, at) => {
        const field = (name, label) =>
          el(
            "label",
            {},
            t(label),
            el("input", {
              type: "text",
              maxlength: LONGEST,
              value: line[name],
              required: name === "text",
              on: {
                input: (event) => {
                  line[name] = event.target.value;
                },
              },
            }),
          );
        return el(
          "div",
          { class: "form-line" },
          field("text", "case.line_text"),
          field("instruction", "case.line_instruction"),
          this.draft.lines.length > 1
            ? button(t("case.drop_line", { number: at + 1 }), () => this.dropLine(at), {
                class: "small",
              })
            : null,
        );
      }),
    );
  }

  addLine() {
    if (this.draft.lines.length < MOST_LINES) this.draft.lines.push({ text: "", instruction: "" });
    this.drawLines();
    this.keep();
  }

  dropLine(at) {
    this.draft.lines.splice(at, 1);
    this.drawLines();
    this.keep();
  }

  keep() {
    keepDraft(this.kind, this.patient, this.draft);
  }

  leave() {
    this.done();
  }

  order() {
    const { kind, lines } = this.draft;
    const images = this.given.proposal.references ?? [];
    return {
      type: "prescription",
      patient: this.patient,
      contents: { PRESC: { kind, lines } },
      references: images,
      replaces: null,
    };
  }

  async submit(event) {
    event.preventDefault();
    this.send.disabled = true;
    replace(this.say);
    const { problem } = await issue(() => this.order(), this);
    this.send.disabled = false;
    if (problem !== null) {
      replace(this.say, problem);
      return;
    }
    dropDraft(this.kind, this.patient);
    replace(this.element, remark(t("case.issued"), "approve"), button(t("shell.close"), this.done));
  }
}

/** @param {object} given of `loadCase` @param {function(): void} done */
export function prescriptionForm(given, done) {
  return new PrescriptionForm(given, done).element;
}
