/**
 * A case: images or document, evidence above history, the vote bar underneath.
 * @module
 */

import { api } from "../api.js";
import { announce, el, replace } from "../elements.js";
import { listen, onConnection } from "../live.js";
import { session } from "../session.js";
import { t } from "../texts.js";
import { evidence } from "../case/evidence.js";
import { compared, contentOf, loadCase } from "../case/facts.js";
import { centre } from "../case/centre.js";
import { VoteBar } from "../case/votebar.js";

const GATHER_MS = 200;

class CaseView {
  constructor(place, facts) {
    this.facts = facts;
    this.side = el("aside", {
      class: "case-side",
      "aria-label": t("case.evidence"),
      tabindex: "0",
    });
    this.images = el("section", { class: "case-images", "aria-label": t("case.images") });
    this.bar = new VoteBar(facts, { cast: () => this.refresh() });
    this.frame = el("div", { class: "case-frame" }, this.images, this.side, this.bar.element);
    place.classList.add("case-view");
    replace(place, this.frame);
    this.#drawImages();
    this.#drawSide();
    this.stops = ["proposal", "vote", "closed", "block", "body"].map((kind) =>
      listen(kind, (event) => this.#heard(event)),
    );
    // What happened while the case was loaded, or while no stream was open, is asked for.
    this.stops.push(
      onConnection((up) => {
        if (up) void this.refresh();
      }),
    );
  }

  #drawImages() {
    this.centre = centre(this.images, this.facts);
    this.bar.watch(this.centre);
  }

  #drawSide() {
    const top = this.side.scrollTop;
    const acts = {
      goTo: (lesion) => this.centre.goTo(lesion),
      writing: (on) => this.frame.classList.toggle("writing", on),
      refresh: () => this.refresh(),
    };
    replace(this.side, evidence(this.facts, acts));
    this.side.scrollTop = top;
  }

  #concerns({ subject, detail }) {
    const { id, record } = this.facts.proposal;
    return (
      [id, record].includes(subject) ||
      [id, record].includes(detail?.proposal) ||
      detail?.record === record
    );
  }

  #heard(event) {
    if (!this.#concerns(event)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), GATHER_MS);
  }

  /** Asks the node how the case stands now; a refusal is said by the connection's banner. */
  async refresh() {
    try {
      const proposal = await api.get(`/v1/proposals/${this.facts.proposal.id}`);
      if (this.closed) return;
      await this.#take(proposal);
    } catch (error) {
      if (!("status" in error)) throw error;
    }
  }

  async #take(proposal) {
    const before = this.facts.proposal;
    const opened = before.body !== "opened" && proposal.body === "opened";
    const content = opened ? await contentOf(proposal) : this.facts.content;
    const signed = compared(this.facts.signed, proposal);
    this.facts = { ...this.facts, proposal, signed, content };
    this.bar.update(this.facts);
    if (opened) {
      this.centre.close();
      this.#drawImages();
      announce(t("case.body_arrived"));
    }
    if (before.state !== proposal.state)
      announce(t(`case.standing_${proposal.state}`, { block: proposal.n_bc ?? "", reason: "" }));
    // What is drawn anew loses the click, the focus or the selection that is under way in it.
    if (JSON.stringify(before) === JSON.stringify(proposal)) return;
    if (this.side.querySelector("form") !== null) return;
    this.#drawSide();
    if (before.blind && !proposal.blind) this.side.scrollTop = 0;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.stops.forEach((stop) => stop());
    this.bar.close();
    this.centre.close();
  }
}

/** Shows a case. @param {{proposal: string}} parameters id of the proposal, hex */
export async function show(place, { proposal }) {
  replace(place, el("p", { class: "empty" }, t("case.loading")));
  const facts = await loadCase(proposal);
  if (session.user === null || !place.isConnected) return null;
  const view = new CaseView(place, facts);
  const leave = (event) => {
    if (
      event.key === "Escape" &&
      !event.defaultPrevented &&
      event.target.closest?.("dialog, form, input, textarea") === null
    )
      location.hash = "#/inbox";
  };
  addEventListener("keydown", leave);
  return () => {
    removeEventListener("keydown", leave);
    view.close();
  };
}
