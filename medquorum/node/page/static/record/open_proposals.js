/**
 * What is proposed about a patient and not decided yet.
 * @module
 */

import { api } from "../api.js";
import { el } from "../elements.js";
import { age, localTime } from "../format.js";
import { may } from "../session.js";
import { t } from "../texts.js";
import { typeName } from "./timeline.js";

function line(proposal) {
  return el(
    "li",
    {},
    el("a", { href: `#/case/${proposal.id}` }, typeName(proposal.type)),
    " ",
    el(
      "span",
      { class: "hint", title: localTime(proposal.issued_at_ms) },
      t("record.proposed_by", { name: proposal.issuer_name, age: age(proposal.issued_at_ms) }),
    ),
  );
}

/** Open proposals about a patient as a list; null where there are none or the role sees none. */
export async function openProposals(number) {
  if (!may("proposal.read")) return null;
  const { proposals } = await api.get("/v1/proposals?state=open&limit=500");
  const own = proposals.filter(({ patient }) => patient === number);
  if (own.length === 0) return null;
  return el(
    "section",
    { class: "waiting" },
    el("h3", {}, t("record.waiting")),
    el("ul", {}, own.map(line)),
  );
}
