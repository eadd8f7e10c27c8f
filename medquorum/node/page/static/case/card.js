/**
 * The model behind a machine's report: what it is, learnt from what, tested on what, and what not.
 * @module
 */

import { dialog, el } from "../elements.js";
import { session } from "../session.js";
import { t } from "../texts.js";
import { listOf } from "./numbers.js";
import { binsOf, diagram, gapWords } from "./reliability.js";
import { button, facts, prose } from "./sections.js";

/** Whether the charter lets a member report with a model: "listed", "free" or "not_listed". */
function approval(ai, issuer) {
  const member = session.charter?.members.find((one) => one.address === issuer);
  if (member === undefined || member.models.length === 0) return "free";
  return member.models.some((model) => model.digest === ai.model_digest) ? "listed" : "not_listed";
}

function trust(card) {
  const bins = binsOf(card?.reliability);
  if (bins.length === 0) return el("p", { class: "hint" }, t("case.reliability_none"));
  return el(
    "figure",
    { class: "reliability-figure" },
    diagram(bins),
    el(
      "figcaption",
      {},
      t("case.reliability_caption", {
        gap: gapWords(bins),
        on: String(card.reliability.on ?? ""),
      }),
    ),
  );
}

/**
 * Shows the card.
 * @param {object} ai provenance of the proposal @param {?object} card of the findings
 * @param {string} issuer address of the AI entity
 */
export function showCard(ai, card, issuer) {
  const limits = listOf(card?.limits);
  const words = el(
    "div",
    {},
    el("p", { class: "remark warning" }, t("case.not_clinical")),
    card === null ? el("p", {}, t("case.card_missing")) : prose(card.paragraph ?? ""),
    limits.length > 0
      ? [
          el("h3", {}, t("case.limits")),
          el(
            "ul",
            {},
            limits.map((one) => el("li", {}, one)),
          ),
        ]
      : null,
    facts([
      [t("case.model"), `${ai.model_name} ${ai.model_version}`],
      [t("case.model_approval"), t(`case.model_${approval(ai, issuer)}`)],
      [t("case.model_digest"), el("code", {}, ai.model_digest)],
      [t("case.training_digest"), el("code", {}, ai.training_digest)],
      [t("case.preprocessing"), ai.preprocessing],
    ]),
  );
  const box = dialog(
    t("case.card_title"),
    el("div", { class: "card-columns" }, trust(card), words),
  );
  box.classList.add("wide");
  box.append(
    el(
      "div",
      { class: "buttons" },
      button(t("shell.close"), () => box.close(), { autofocus: true }),
    ),
  );
  return box;
}
