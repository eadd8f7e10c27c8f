/**
 * Images on their way to a patient's record: chosen, sent, looked into, proposed.
 * @module
 */

import { api } from "../api.js";
import { announce, el, replace } from "../elements.js";
import { listen } from "../live.js";
import { session } from "../session.js";
import { t } from "../texts.js";
import { found } from "../upload/found.js";
import { patientChoice } from "../upload/patients.js";
import { drawProgress } from "../upload/progress.js";
import { freshBatch, rememberBatch, rememberedBatch } from "../upload/remembered.js";
import { Sending } from "../upload/sending.js";
import { chosenPart, dropZone } from "../upload/zone.js";

/** One upload at a time, and the places where it is drawn. */
class UploadDesk {
  constructor() {
    this.choice = el("div", {});
    this.progress = el("div", { class: "upload-progress" });
    this.results = el("div", {});
    this.problem = el("p", { class: "problem", role: "alert" });
    this.inspection = null;
    this.patient = () => null;
    this.sending = null;
    /** Settled once it is known what the node has already. */
    this.recalled = Promise.resolve();
    this.begin();
  }

  /** A new upload, with nothing in it. */
  begin(batch = freshBatch()) {
    this.sending?.stop();
    this.sending = new Sending(batch, () => this.draw());
    this.inspection = null;
    for (const part of [this.choice, this.progress, this.results]) replace(part);
  }

  /** Goes on with the upload of this tab, if the node still has it. */
  async recall() {
    const batch = rememberedBatch(session.user);
    if (batch === null) return;
    this.begin(batch);
    if (await this.sending.recall()) await this.settle();
    else this.forget();
  }

  forget() {
    rememberBatch(session.user, null);
    this.begin();
  }

  tell(error) {
    this.problem.textContent = error.advice ?? String(error);
  }

  draw() {
    if (this.sending.files.length === 0) {
      replace(this.progress);
      return;
    }
    drawProgress(this.progress, this.sending, {
      pause: () => this.sending.stop(),
      go: () => void this.go(),
      remove: (one) => this.#after(this.sending.remove(one), () => this.settle()),
      giveUp: () => this.#after(this.sending.giveUp(), () => this.forget()),
    });
  }

  #after(work, next) {
    void work.then(next).catch((error) => this.tell(error));
  }

  /** Shows what was chosen; nothing is sent before that is confirmed. */
  take(files) {
    this.problem.textContent = "";
    if (files.length === 0) {
      this.problem.textContent = t("upload.nothing_chosen");
      return;
    }
    const start = () => {
      replace(this.choice);
      rememberBatch(session.user, this.sending.batch);
      // What the node has of this tab's upload is known first: no file is announced twice.
      const added = this.recalled.catch(() => {}).then(() => this.sending.add(files));
      this.#after(added, () => this.go());
    };
    const shown = chosenPart(files, { start, drop: () => replace(this.choice) });
    replace(this.choice, shown.element);
    shown.focus();
  }

  /** Sends what is missing. */
  async go() {
    replace(this.results);
    this.inspection = null;
    const { sending } = this;
    const running = sending.run();
    this.draw();
    await running;
    if (sending === this.sending) await this.settle();
  }

  /** Once everything is here, the node looks into it. */
  async settle() {
    if (this.sending.files.length === 0) {
      this.forget();
      return;
    }
    this.draw();
    if (!this.sending.complete) return;
    const { batch } = this.sending;
    replace(this.results, el("p", { class: "looking", role: "status" }, t("upload.looking")));
    try {
      const inspection = await api.post(`/v1/upload-batches/${batch}/inspection`, {});
      if (this.sending.batch !== batch) return;
      this.inspection = found(inspection, batch, () => this.patient());
      replace(this.results, this.inspection.element);
      announce(t("upload.found", { count: inspection.series.length }));
    } catch (error) {
      replace(this.results);
      this.tell(error);
    }
  }
}

/** Shows the view. */
export async function show(place) {
  const desk = new UploadDesk();
  const patients = await patientChoice(() => desk.inspection?.refresh());
  desk.patient = patients.patient;
  replace(
    place,
    el("h1", {}, t("upload.title")),
    patients.element,
    dropZone((files) => desk.take(files)),
    desk.choice,
    desk.problem,
    desk.progress,
    desk.results,
  );
  const stopListening = listen("block", (event) => {
    desk.inspection?.decided(event.detail.proposal, event.detail.outcome);
    void patients.again();
  });
  const stopHearing = listen("closed", (event) => {
    desk.inspection?.decided(event.subject, "closed");
  });
  desk.recalled = desk.recall();
  await desk.recalled;
  return () => {
    stopListening();
    stopHearing();
    desk.sending.stop();
  };
}
