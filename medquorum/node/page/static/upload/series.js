/**
 * One series of an upload: what it is, its small picture, what will be removed, and its proposal.
 * @module
 */

import { announce, el, replace } from "../elements.js";
import { shortId, visible } from "../format.js";
import { t } from "../texts.js";
import { burnedIn, identityTable } from "./identity.js";

/** Which step of a consultation a kind of image is. */
const STEPS = { ct: "take_ct", pet: "take_pet", xray: "take_xray" };
const KINDS_OF_NIFTI = { CT: "ct", PT: "pet" };

function facts(series) {
  const size = series.rows > 0 ? t("upload.size", series) : null;
  const parts = [series.modality, t("upload.planes", series), size, series.made_by];
  return visible(parts.filter(Boolean).join(" · "));
}

function picture(series) {
  if (series.preview === null) {
    return el("div", { class: "series-picture none" }, t("upload.no_preview"));
  }
  return el("img", {
    class: "series-picture",
    src: `data:image/png;base64,${series.preview}`,
    alt: t("upload.preview_of", { name: visible(series.first_file) }),
  });
}

function modalityField(series) {
  if (series.kind !== "nifti") return null;
  const choices = ["", "CT", "PT"].map((value) =>
    el("option", { value }, t(`upload.nifti_${value || "choose"}`)),
  );
  return el("select", { "aria-label": t("upload.nifti_modality") }, choices);
}

/** States of a proposal that leave the series open for another. */
const AGAIN = new Set(["open", "rejected", "closed"]);
/** States of the card by those of a proposal; any other one is over without a verdict. */
const STANDS = { open: "proposed", accepted: "accepted", rejected: "rejected" };

/** What to know before proposing an image now; null where the consultation waits for it. */
function caution(kind, patient, others) {
  if (patient === null || STEPS[kind] === undefined) return null;
  if (patient.next_steps.includes(STEPS[kind])) return null;
  const ct = others.find((one) => one.kind === "ct" && one.state !== "accepted");
  if (kind !== "pet" || ct === undefined) return t("upload.not_awaited");
  return t(AGAIN.has(ct.state) ? "upload.pet_after_ct" : "upload.pet_ct_pending");
}

/**
 * The card of a series; `element` is shown, `state` goes open, sending, proposed, then accepted,
 * rejected or closed: rejected or closed it may be proposed again.
 */
export class SeriesCard {
  /**
   * @param {object} series  as the node found it
   * @param {{patient: function(): object|null, cards: SeriesCard[], submit: function}} desk
   */
  constructor(series, desk) {
    this.series = series;
    this.desk = desk;
    const { proposed } = series;
    this.state = proposed === null ? "open" : (STANDS[proposed.state] ?? "closed");
    this.proposal = proposed?.proposal ?? null;
    this.owner = proposed?.patient ?? null;
    /** Whether another upload's proposal of it stands. */
    this.elsewhere = proposed?.earlier === true && !AGAIN.has(this.state);
    /** Whether it is to be proposed all the same. */
    this.again = false;
    this.field = modalityField(series);
    this.field?.addEventListener("change", () => this.refresh());
    this.clean = el("input", { type: "checkbox", checked: true });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.foot = el("div", { class: "series-foot" });
    this.element = this.#drawn();
  }

  /** What it will be proposed as. */
  get kind() {
    if (this.field === null) return this.series.kind;
    return KINDS_OF_NIFTI[this.field.value] ?? "nifti";
  }

  #drawn() {
    const { series } = this;
    const cleanable = series.table.length > 0 || ["PNG", "JPEG"].includes(series.modality);
    const burned = burnedIn(series);
    const words = el(
      "div",
      { class: "series-words" },
      el("h3", {}, t(`upload.kind_${series.kind}`)),
      el("p", { class: "series-name" }, el("bdi", {}, visible(series.first_file))),
      el("p", { class: "hint" }, facts(series)),
      this.field,
      burned === null ? null : el("p", { class: "remark warning" }, burned),
      cleanable ? el("label", { class: "tick" }, this.clean, t("upload.deidentify")) : null,
      identityTable(series),
      this.problem,
      this.foot,
    );
    const attributes = { class: "series-card panel", "data-kind": series.kind };
    return el("article", attributes, picture(series), words);
  }

  async #submit() {
    const before = this.state;
    this.state = "sending";
    this.problem.textContent = "";
    this.refresh();
    try {
      const modality = this.field === null ? null : this.field.value || null;
      const wish = { deidentify: this.clean.checked, modality, again: this.again };
      const owner = this.desk.patient().n_pb;
      const receipt = await this.desk.submit(this.series, wish);
      this.state = "proposed";
      this.owner = owner;
      this.proposal = receipt.proposal;
      announce(t("upload.proposed", { id: shortId(receipt.proposal) }));
    } catch (error) {
      this.state = before;
      this.problem.textContent = visible(error.advice ?? error);
      // Proposed elsewhere since this upload was looked into.
      if (error.rule === "already_proposed") this.elsewhere = true;
    }
    for (const one of this.desk.cards) one.refresh();
  }

  /** It is decided, or over without a verdict. @param {string} state  of the proposal */
  decide(state) {
    if (this.state !== "proposed") return;
    this.state = STANDS[state] ?? "closed";
    if (AGAIN.has(this.state)) this.elsewhere = false;
    announce(this.#standing());
  }

  /** Draws anew what depends on the patient and on the other series of the study. */
  refresh() {
    this.clean.disabled = !AGAIN.has(this.state);
    const settled = this.state === "proposed" || this.state === "accepted";
    replace(this.foot, this.#behind(), settled ? null : this.#ahead(), this.#onceMore());
  }

  /** The way to a second proposal of what another upload was proposed as: it has to be meant. */
  #onceMore() {
    if (!this.elsewhere || this.again || this.state === "sending") return null;
    const meant = () => {
      this.again = true;
      this.problem.textContent = "";
      this.state = "open";
      this.proposal = null;
      this.refresh();
    };
    return el("button", { type: "button", on: { click: meant } }, t("upload.once_more"));
  }

  #standing() {
    return t(`upload.state_${this.state}`, { id: shortId(this.proposal), number: this.owner });
  }

  /** What was proposed of it, and where that is. */
  #behind() {
    if (this.proposal === null || this.state === "sending") return null;
    return [
      el("p", { class: `state ${this.state}` }, this.#standing()),
      el("a", { href: `#/case/${this.proposal}` }, t("upload.to_case")),
      el("a", { href: `#/patient/${this.owner}` }, t("upload.to_patient")),
    ];
  }

  #ahead() {
    const { kind, series } = this;
    if (kind === "other") return [el("p", { class: "hint" }, t("upload.other_kind"))];
    const patient = this.desk.patient();
    const others = this.desk.cards.filter(
      (one) => one !== this && one.series.study === series.study,
    );
    const again = AGAIN.has(this.state);
    const warning = again ? caution(kind, patient, others) : null;
    const wanted = patient === null ? "choose_patient" : kind === "nifti" ? "say_modality" : null;
    const button = el(
      "button",
      {
        type: "button",
        class: "primary",
        disabled: wanted !== null || !again,
        on: { click: () => void this.#submit() },
      },
      t(this.state === "sending" ? "upload.sealing" : `upload.propose_${kind}`),
    );
    return [
      warning === null ? null : el("p", { class: "remark warning" }, warning),
      wanted === null ? null : el("p", { class: "hint" }, t(`upload.${wanted}`)),
      button,
    ];
  }
}
