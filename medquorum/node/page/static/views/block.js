/**
 * One block: its header, its votes, and its verification computed in this page.
 * @module
 */

import { api } from "../api.js";
import { el, replace } from "../elements.js";
import { circumstances, headerFields } from "../explorer/header.js";
import { verification } from "../explorer/verification.js";
import { votesOf } from "../explorer/votes.js";
import { listen } from "../live.js";
import { caseLink } from "../record/case_link.js";
import { readButtons } from "../record/contents.js";
import { typeName } from "../record/timeline.js";
import { session, usualPurpose } from "../session.js";
import { t } from "../texts.js";

function neighbours(n_bc) {
  if (session.role === "patient") return null;
  return el(
    "nav",
    { class: "buttons", "aria-label": t("explorer.neighbours") },
    n_bc > 1
      ? el("a", { class: "button", href: `#/block/${n_bc - 1}` }, t("explorer.before"))
      : null,
    n_bc < session.node.n_bc
      ? el("a", { class: "button", href: `#/block/${n_bc + 1}` }, t("explorer.after"))
      : null,
    el("a", { class: "button", href: "#/explorer" }, t("explorer.all")),
  );
}

function reading(block) {
  const buttons = readButtons(block, { purpose: usualPurpose });
  return el("p", {}, buttons, caseLink(block));
}

/** Shows one block. */
export async function show(place, { n_bc }) {
  const block = await api.get(`/v1/blocks/${Number(n_bc)}`);
  const [fields, facts] = await Promise.all([headerFields(block), circumstances(block)]);
  const rejected =
    block.outcome === "rejected"
      ? el("span", { class: "tag rejected" }, t("record.rejected"))
      : null;
  const navigation = el("div", {}, neighbours(block.n_bc));
  replace(
    place,
    el(
      "header",
      { class: "block-head" },
      el(
        "h1",
        {},
        t("record.block", { n: block.n_bc }),
        " · ",
        typeName(block.proposal_type),
        rejected,
      ),
      navigation,
    ),
    el(
      "div",
      { class: "block-columns" },
      el(
        "div",
        {},
        el("section", {}, el("h2", {}, t("explorer.header")), fields),
        el("section", {}, el("h2", {}, t("explorer.around")), facts, reading(block)),
      ),
      el("div", {}, verification(block), votesOf(block)),
    ),
  );
  return listen("block", async () => {
    session.node = await api.get("/v1/status");
    replace(navigation, neighbours(block.n_bc));
  });
}
