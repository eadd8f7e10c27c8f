/**
 * Why open proposals are not final, and who is missing, in sentences.
 * @module
 */

import { api, ApiError } from "../api.js";
import { el } from "../elements.js";
import { age, localTime, until } from "../format.js";
import { typeName } from "../record/timeline.js";
import { t } from "../texts.js";

const SHOWN = 50;

async function reasons({ id }) {
  try {
    return await api.get(`/v1/proposals/${id}/why`);
  } catch (error) {
    if (error instanceof ApiError) return { sentences: [error.advice], missing_voters: [] };
    throw error;
  }
}

/** A line of one proposal: type and issuer, never whom it is about. */
async function line(proposal) {
  const why = await reasons(proposal);
  return el(
    "li",
    {},
    el(
      "p",
      { class: "case-line" },
      el("strong", {}, typeName(proposal.type)),
      " ",
      t("explorer.from_since", { name: proposal.issuer_name, age: age(proposal.issued_at_ms) }),
      " ",
      el(
        "span",
        { class: "hint", title: localTime(proposal.expires_at_ms) },
        t("explorer.closes", { until: until(proposal.expires_at_ms) }),
      ),
    ),
    proposal.summary.map((sentence) => el("p", { class: "hint" }, sentence)),
    el(
      "ul",
      { class: "why" },
      why.sentences.map((sentence) => el("li", {}, sentence)),
    ),
  );
}

/** The section of open proposals. */
export async function waiting() {
  const { proposals } = await api.get(`/v1/proposals?state=open&limit=${SHOWN}`);
  const lines = await Promise.all(proposals.map(line));
  return el(
    "section",
    { class: "open-proposals" },
    el("h2", {}, t("explorer.waiting", { count: proposals.length })),
    lines.length === 0
      ? el("p", { class: "hint" }, t("explorer.nothing_waits"))
      : el("ol", {}, lines),
  );
}
