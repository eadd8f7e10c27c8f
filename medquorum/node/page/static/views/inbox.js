/**
 * The inbox: the cases in which this doctor's vote counts, hers first.
 * @module
 */

import { el, replace } from "../elements.js";
import { age, localTime, until } from "../format.js";
import { isAttending, onCases, refreshCases } from "../inbox_feed.js";
import { caseName } from "../rail.js";
import { known, t } from "../texts.js";

const COLUMNS = ["case", "part", "from", "age", "ends", "images"];

function row(proposal) {
  const attending = isAttending(proposal);
  const machine = proposal.ai === null ? null : el("span", { class: "tag" }, t("shell.ai"));
  return el(
    "tr",
    { class: attending ? "attending" : null },
    el(
      "th",
      { scope: "row" },
      el("a", { href: `#/case/${proposal.id}` }, caseName(proposal)),
      " ",
      machine,
      proposal.summary.map((line) => el("p", { class: "hint" }, line)),
    ),
    el("td", {}, attending ? el("strong", {}, t("shell.attending")) : t("shell.panel")),
    el("td", {}, proposal.issuer_name),
    el("td", { title: localTime(proposal.issued_at_ms) }, age(proposal.issued_at_ms)),
    el("td", { title: localTime(proposal.expires_at_ms) }, until(proposal.expires_at_ms)),
    el("td", {}, known(`shell.body_${proposal.body}`, proposal.body)),
  );
}

function table(cases) {
  const head = el(
    "tr",
    {},
    COLUMNS.map((name) => el("th", { scope: "col" }, t(`shell.column_${name}`))),
  );
  return el("table", { class: "inbox" }, el("thead", {}, head), el("tbody", {}, cases.map(row)));
}

function content(cases) {
  if (cases.length === 0) return el("p", { class: "empty" }, t("shell.inbox_empty"));
  const own = cases.filter(isAttending).length;
  const say = t(own === 0 ? "shell.inbox_says" : "shell.inbox_says_own", {
    count: cases.length,
    own,
  });
  return [el("p", { class: "hint" }, say), table(cases)];
}

/** Shows the inbox. */
export async function show(place) {
  const body = el("div", {});
  replace(place, el("h1", {}, t("shell.nav_inbox")), body);
  const stop = onCases((cases) => {
    // News must not take the focus from the case that Enter is about to open.
    const held = body.contains(document.activeElement) ? document.activeElement.hash : null;
    replace(body, content(cases));
    [...body.querySelectorAll("a")].find((link) => link.hash === held)?.focus();
  });
  await refreshCases();
  return stop;
}
