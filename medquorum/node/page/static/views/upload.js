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
    this.left = false;
    /** Counts what makes an answer about the upload come too late. */
    this.turn = 0;
    this.begin();
  }

  /** A new upload, with nothing in it; what is only chosen stays chosen. */
  begin(batch = freshBatch()) {
    this.sending?.stop();
    this.turn += 1;
    this.sending = new Sending(batch, () => this.draw());
    this.inspection = null;
    for (const part of [this.progress, this.results]) replace(part);
  }

  /** Goes on with the upload of this tab, if the node still has it. */
  async recall() {
    const batch = rememberedBatch(session.user);
    if (batch === null) return;
    this.begin(batch);
    if (!(await this.sending.recall())) this.forget();
  }

  /** Asks what the node has, and shows it; a node that does not answer is asked again at need. */
  resume() {
    this.recalled = this.recall();
    const shown = this.recalled.then(() => this.settle());
    shown.catch((error) => {
      this.tell(error);
      const anew = () => this.left || this.resume();
      if (error.status === 401) document.addEventListener("session-back", anew, { once: true });
    });
  }

  /** Nothing is sent once the view is gone. */
  leave() {
    this.left = true;
    this.sending.stop();
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
      this.problem.textContent = "";
      this.#after(this.#added(files), () => this.go());
    };
    const shown = chosenPart(files, { start, drop: () => replace(this.choice) });
    replace(this.choice, shown.element);
    shown.focus();
  }

  /**
   * What the node has of this tab's upload is known first: only then is it known which upload
   * these files are of, and no file is announced twice. Where the node does not tell, they stay
   * chosen.
   */
  async #added(files) {
    try {
      await this.#known();
    } catch (error) {
      this.take(files);
      throw error;
    }
    rememberBatch(session.user, this.sending.batch);
    await this.sending.add(files);
    await this.sending.added; // and what else was added meanwhile
  }

  /** Settled once the node has told; where it did not, it is asked once more. */
  #known() {
    const asked = this.recalled;
    return asked.catch(() => {
      if (this.recalled === asked) this.recalled = this.recall();
      return this.recalled;
    });
  }

  /** Sends what is missing. */
  async go() {
    if (this.left) return;
    this.turn += 1;
    const { sending, turn } = this;
    replace(this.results);
    this.inspection = null;
    const running = sending.run();
    this.draw();
    await running;
    if (turn === this.turn) await this.settle();
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
    this.turn += 1;
    const { turn } = this;
    replace(this.results, el("p", { class: "looking", role: "status" }, t("upload.looking")));
    try {
      const inspection = await api.post(`/v1/upload-batches/${batch}/inspection`, {});
      if (turn !== this.turn) return;
      this.inspection = found(inspection, batch, () => this.patient());
      replace(this.results, this.inspection.element);
      announce(t("upload.found", { count: inspection.series.length }));
    } catch (error) {
      if (turn !== this.turn) return;
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
  desk.resume();
  return () => {
    stopListening();
    stopHearing();
    desk.leave();
  };
}
