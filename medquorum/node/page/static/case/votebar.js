/**
 * The vote bar: grade, decision, what is signed, what became of it; fixed under the images.
 * @module
 */

import { announce, el, replace } from "../elements.js";
import { age, localTime } from "../format.js";
import { caseAfter, refreshCases } from "../inbox_feed.js";
import { isTaken } from "../keyboard.js";
import { onChange, receiptOf } from "../keys/outbox.js";
import { caseName } from "../rail.js";
import { go } from "../router.js";
import { may, session } from "../session.js";
import { known, t } from "../texts.js";
import { choices } from "./choices.js";
import { confirmation } from "./confirm.js";
import { NOTHING, isBlind, missing, obstacle, pressed, standingOf } from "./decision.js";
import { ending } from "./ending.js";
import { keptRemark, receiptFacts, saveButton } from "./receipt.js";
import { button } from "./sections.js";
import { signAndSend } from "./signing.js";

export class VoteBar {
  /**
   * @param {object} facts of `loadCase`
   * @param {{cast: function(): void}} told called once the node has the vote
   */
  constructor(facts, told) {
    this.facts = facts;
    this.told = told;
    this.choice = NOTHING;
    this.comment = "";
    this.awaited = null;
    this.withoutImages = false;
    this.remark = null;
    this.notice = null;
    this.letter = null;
    this.busy = false;
    this.panel = el("div", { class: "votebar-panel", "aria-live": "polite" });
    this.row = el("div", { class: "votebar-row" });
    this.element = el(
      "footer",
      { class: "votebar", "aria-label": t("case.vote_bar") },
      this.panel,
      this.row,
    );
    this.ending = new AbortController();
    addEventListener("keydown", (event) => this.#key(event), { signal: this.ending.signal });
    this.stop = onChange(() => void this.#lookForReceipt());
    void this.#lookForReceipt();
    this.draw();
  }

  /** Leaves the page's keys alone. */
  close() {
    this.ending.abort();
    this.stop();
  }

  /** Follows the images: until they have been drawn a vote takes one step more. */
  watch({ shown }) {
    this.awaited = shown;
    void shown?.then(() => {
      if (this.awaited !== shown) return;
      this.awaited = null;
      const typing = document.activeElement?.id === "vote-comment";
      // The focus stays off the button that casts: who was about to tick a box shall not sign.
      if (this.open && !this.busy) this.draw();
      if (typing) this.panel.querySelector("#vote-comment")?.focus();
    });
  }

  /** Shows the case as it stands now; what is being chosen is left alone while that is the same. */
  update(facts) {
    const { proposal: before, signed } = this.facts;
    this.facts = facts;
    const changed =
      signed.genuine !== facts.signed.genuine ||
      ["state", "body", "blind"].some((name) => before[name] !== facts.proposal[name]);
    if (changed && !this.busy) this.draw();
  }

  get graded() {
    return this.facts.proposal.type === "report";
  }

  get standing() {
    return standingOf(this.facts.proposal, session.node.address);
  }

  /** Whether this user decides here at all. */
  get votes() {
    return session.role === "doctor" && may("vote.carry") && session.node.role === "doctor";
  }

  get open() {
    return (
      this.votes && this.standing === "open" && this.letter === null && this.notice?.final !== true
    );
  }

  #key(event) {
    if (event.repeat || isTaken(event) || event.shiftKey) return;
    if (event.key === "Enter" && !event.target.closest?.("a, button, summary, input"))
      this.#enter(event);
    if (!this.open || this.busy) return;
    const next = pressed(this.choice, event.key, this.graded);
    if (next === null) return;
    event.preventDefault();
    this.choose(next);
  }

  /** Enter without a focus of its own: casts what is ready, or goes on after it is cast. */
  #enter(event) {
    const act = this.element.querySelector("button.cast:not(:disabled), button.onward");
    if (act === null) return;
    event.preventDefault();
    act.click();
  }

  /** Takes a choice; the confirmation follows it. */
  choose(choice) {
    this.choice = choice;
    this.notice = null;
    this.draw();
    if (choice.decision === null) this.withoutImages = false;
    this.#focusNext();
  }

  #focusNext() {
    const next = ["button.cast:not(:disabled)", "#vote-unseen"];
    next.map((one) => this.panel.querySelector(one)).find((one) => one !== null)?.focus();
  }

  draw() {
    replace(this.row, this.#about(), this.open ? this.#choices() : this.#ended());
    this.panel.classList.toggle("strip", this.letter !== null || this.notice !== null);
    if (this.letter !== null) replace(this.panel, this.#receipt());
    else if (this.notice !== null)
      replace(
        this.panel,
        el("p", { class: `remark ${this.notice.weight}`, role: "alert" }, this.notice.text),
      );
    else if (this.open && this.choice.decision !== null) replace(this.panel, this.#confirmation());
    else replace(this.panel);
  }

  #about() {
    const { proposal } = this.facts;
    const facts = t("case.about", {
      issuer: proposal.issuer_name,
      age: age(proposal.issued_at_ms),
      ending: ending(proposal),
    });
    return el(
      "div",
      { class: "votebar-case" },
      el("strong", {}, caseName(proposal)),
      el(
        "span",
        { class: "hint", title: localTime(proposal.decided_at_ms ?? proposal.expires_at_ms) },
        facts,
      ),
    );
  }

  #choices() {
    return choices(this.choice, this.graded, (choice) => this.choose(choice));
  }

  #ended() {
    const { proposal } = this.facts;
    const say =
      this.votes || this.standing !== "open"
        ? t(`case.standing_${this.standing}`, {
            block: proposal.n_bc ?? "",
            reason: known(`case.reason_${proposal.reason}`, proposal.reason ?? ""),
          })
        : t("case.doctors_vote");
    const block =
      proposal.n_bc === null
        ? null
        : el(
            "a",
            { href: `#/block/${proposal.n_bc}` },
            t("case.see_block", { block: proposal.n_bc }),
          );
    const cast = this.letter !== null;
    return el(
      "div",
      { class: "votebar-ended" },
      el("span", {}, cast ? t("case.cast_done") : say),
      block,
      cast ? this.#onward() : null,
    );
  }

  #confirmation() {
    const state = {
      missing: missing(this.choice, this.graded),
      obstacle: obstacle(this.facts, this.choice.decision),
      comment: this.comment,
      busy: this.busy,
      blind: isBlind(this.choice.decision, this.awaited === null),
      withoutImages: this.withoutImages,
    };
    return confirmation(this.facts, this.choice, state, {
      cast: () => void this.#cast(),
      remark: (text) => {
        this.comment = text;
      },
      withoutImages: (said) => {
        this.withoutImages = said;
        this.draw();
        this.#focusNext();
      },
      leave: () => this.choose(NOTHING),
    });
  }

  #receipt() {
    return el(
      "section",
      { class: "receipt", "aria-label": t("case.receipt_title") },
      receiptFacts(this.letter),
      this.remark === null ? null : el("p", { class: "remark warning" }, t("case.comment_kept")),
    );
  }

  /** What may be done once the vote is cast: keep the receipt, go on. */
  #onward() {
    const next = caseAfter(this.facts.proposal.id);
    const [text, address] =
      next === null
        ? [t("case.to_inbox"), "#/inbox"]
        : [t("case.next_case", { name: caseName(next) }), `#/case/${next.id}`];
    return [
      saveButton(this.letter, this.facts.signed.bytes, this.remark),
      button(text, () => go(address), { class: "primary onward" }),
    ];
  }

  async #cast() {
    if (this.busy) return;
    this.busy = true;
    this.draw();
    const ended = await signAndSend(this.facts, this.choice, this.comment);
    this.busy = false;
    this.remark = ended.comment ?? this.remark;
    this.notice = ended.notice;
    if (ended.state === "acknowledged") await this.#acknowledged();
    else {
      this.draw();
      if (ended.notice !== null) announce(ended.notice.text);
      if (ended.state === "refused") this.told.cast();
    }
  }

  async #lookForReceipt() {
    const letter = await receiptOf(this.facts.proposal.id);
    if (letter === null || this.letter !== null || this.ending.signal.aborted) return;
    const kept = this.remark ?? (await keptRemark(letter));
    this.remark ??= kept;
    if (this.letter !== null || this.ending.signal.aborted) return;
    this.letter = letter;
    this.notice = null;
    this.draw();
  }

  async #acknowledged() {
    this.letter = await receiptOf(this.facts.proposal.id);
    await refreshCases().catch(() => {});
    this.draw();
    announce(t("case.cast_done"));
    this.row.querySelector("button.onward")?.focus();
    this.told.cast();
  }
}
