/**
 * The report form: a doctor's or radiologist's own findings, or a machine's corrected.
 * @module
 */

import { el, replace } from "../elements.js";
import { known, t } from "../texts.js";
import { draftOf, dropDraft, keepDraft } from "./drafts.js";
import { issue } from "./issue.js";
import { lesionTicks } from "./lesion_ticks.js";
import { isNumber, regionName } from "./numbers.js";
import { LEVELS } from "./organs.js";
import { CONCLUSIONS, STEPS, blankDraft, orderOf } from "./report_draft.js";
import { button, remark } from "./sections.js";

const LONGEST_TEXT = 4_000;
const MOST_TEXT_BYTES = 4_096;
const LONGEST_REGION = 60;

function picked(name, values, chosen, word, take) {
  const options = values.map((value) =>
    el("option", { value, selected: value === chosen }, word(value)),
  );
  return el("select", { name, on: { change: (event) => take(event.target.value) } }, options);
}

class ReportForm {
  constructor(given, done) {
    this.given = given;
    this.done = done;
    this.patient = given.patient.n_pb;
    this.kind = `report.${given.proposal.id.slice(0, 16)}`;
    this.draft = draftOf(this.kind, this.patient) ?? blankDraft(given);
    this.body = el("div", {});
    this.kept = el("div", {});
    this.say = el("p", { class: "problem", role: "alert" });
    this.send = el("button", { type: "submit", class: "primary" }, t("case.sign_and_issue"));
    const title = t(this.draft.corrects ? "case.write_correction" : "case.write_report");
    this.element = el(
      "form",
      {
        class: "case-form",
        "aria-label": title,
        on: { submit: (event) => void this.submit(event) },
      },
      el("h2", {}, title),
      this.hint(),
      this.body,
      this.say,
      el("div", { class: "buttons" }, this.send, button(t("shell.cancel"), done)),
    );
    this.draw();
  }

  hint() {
    if (!this.draft.corrects) return null;
    const open = this.given.proposal.state === "open";
    return el("p", { class: "hint" }, t(open ? "case.correction_open" : "case.correction_hint"));
  }

  change(fields) {
    this.draft = { ...this.draft, ...fields };
    keepDraft(this.kind, this.patient, this.draft);
  }

  draw() {
    replace(
      this.body,
      this.verdict(),
      this.draft.film ? null : [this.organs(), this.kept],
      this.text(),
    );
    this.drawKept();
  }

  verdict() {
    const step = (value) => {
      const permitted =
        value === "none" || this.given.patient.next_steps.includes(`prescribe_${value}`);
      return permitted
        ? t(`case.step_${value}`)
        : t("case.step_not_next", { step: t(`case.step_${value}`) });
    };
    return el(
      "div",
      { class: "form-pair" },
      el(
        "label",
        {},
        t("case.conclusion"),
        picked(
          "conclusion",
          CONCLUSIONS,
          this.draft.conclusion,
          (value) => t(`case.conclusion_${value}`),
          (conclusion) => this.change({ conclusion }),
        ),
      ),
      el(
        "label",
        {},
        t("case.next_step"),
        picked("next_step", STEPS, this.draft.next_step, step, (next_step) =>
          this.change({ next_step }),
        ),
      ),
    );
  }

  organ({ region, level }, at) {
    const word = (value) =>
      known(`case.level_${value.toLowerCase().replace("+", "_plus")}`, value);
    const take = (chosen) => {
      const regions = this.draft.regions.map((one, place) =>
        place === at ? { ...one, level: chosen } : one,
      );
      this.change({ regions });
      this.drawKept();
    };
    const choice = picked(`level-${at}`, LEVELS, level, word, take);
    choice.setAttribute("aria-label", regionName(region));
    return el("li", {}, el("span", {}, regionName(region)), choice);
  }

  organs() {
    const rows = this.draft.regions.map((one, at) => this.organ(one, at));
    const fresh = el("input", {
      type: "text",
      maxlength: LONGEST_REGION,
      "aria-label": t("case.organ_name"),
      placeholder: t("case.organ_name"),
    });
    const add = () => {
      const region = fresh.value.trim();
      if (region === "" || this.draft.regions.some((one) => one.region === region)) return;
      this.change({ regions: [...this.draft.regions, { region, level: "Negative" }] });
      this.draw();
    };
    return el(
      "fieldset",
      {},
      el("legend", {}, t("case.organs")),
      el("ul", { class: "form-organs" }, rows),
      el("div", { class: "form-add" }, fresh, button(t("case.organ_add"), add, { class: "small" })),
    );
  }

  /** The lesions and their volume, with the focus where it was. */
  drawKept() {
    const { name } = document.activeElement ?? {};
    const change = (fields) => {
      this.change(fields);
      this.drawKept();
    };
    replace(this.kept, lesionTicks(this.draft, change), this.volume());
    if (name) this.kept.querySelector(`[name="${CSS.escape(name)}"]`)?.focus();
  }

  volume() {
    const take = (event) => {
      const ml = Number(event.target.value);
      this.change({
        volume_ul: event.target.value === "" || !isNumber(ml) ? null : Math.round(ml * 1000),
      });
    };
    const value = this.draft.volume_ul === null ? "" : String(this.draft.volume_ul / 1000);
    return el(
      "label",
      {},
      t("case.volume_ml"),
      el("input", {
        type: "number",
        name: "volume",
        min: 0,
        max: 100_000,
        step: "any",
        value,
        on: { input: take },
      }),
    );
  }

  text() {
    return el(
      "label",
      {},
      t("case.report_text"),
      el("textarea", {
        name: "text",
        rows: 7,
        maxlength: LONGEST_TEXT,
        value: this.draft.text,
        required: true,
        on: { input: (event) => this.change({ text: event.target.value }) },
      }),
    );
  }

  async submit(event) {
    event.preventDefault();
    replace(this.say);
    if (new TextEncoder().encode(this.draft.text).length > MOST_TEXT_BYTES) {
      replace(this.say, t("case.text_too_long"));
      return;
    }
    this.send.disabled = true;
    const { problem } = await issue(() => orderOf(this.given, this.draft), this);
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
export function reportForm(given, done) {
  return new ReportForm(given, done).element;
}
