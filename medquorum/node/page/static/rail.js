/**
 * The left rail: where this role may go, the cases that wait, and who is signed in.
 * @module
 */

import { announce, el, replace } from "./elements.js";
import { age, until } from "./format.js";
import { currentCases, followCases, isAttending, onCases } from "./inbox_feed.js";
import { ensureHand } from "./key_form.js";
import { hand } from "./keys/hand.js";
import { onChange as onOutbox, pending } from "./keys/outbox.js";
import { lock } from "./lock.js";
import { may, session, signOut } from "./session.js";
import { known, t } from "./texts.js";

const MINUTE_MS = 60_000;
/** What ends sooner than this is marked. */
const SOON_MS = 24 * 60 * MINUTE_MS;

/** Doors by role, in the order of a day's work; a right is what opens each. */
const DOORS = [
  { address: "#/inbox", text: "shell.nav_inbox", right: "inbox.read", roles: ["doctor"] },
  {
    address: "#/register",
    text: "shell.nav_register",
    right: "submission.create",
    roles: ["clerk"],
  },
  {
    address: "#/upload",
    text: "shell.nav_upload",
    right: "submission.create",
    roles: ["radiologist", "laboratory", "doctor"],
  },
  { address: "#/patients", text: "shell.nav_patients", right: "patient.list" },
  {
    address: "#/network",
    text: "shell.nav_network",
    right: "charter.read",
    roles: ["operator", "auditor", "doctor", "ai_entity"],
  },
  {
    address: "#/explorer",
    text: "shell.nav_explorer",
    right: "block.read",
    roles: ["operator", "auditor", "doctor", "radiologist", "laboratory", "ai_entity"],
  },
  { address: "#/account", text: "shell.nav_account", right: "session.end" },
];
const FIRST = {
  operator: "#/network",
  auditor: "#/explorer",
  ai_entity: "#/network",
  radiologist: "#/upload",
  laboratory: "#/upload",
  clerk: "#/register",
};

function doors() {
  const own =
    session.number === null
      ? []
      : [{ address: `#/patient/${session.number}`, text: "shell.nav_own_record" }];
  const shared = DOORS.filter(
    ({ right, roles }) => may(right) && (roles === undefined || roles.includes(session.role)),
  );
  return [...own, ...shared];
}

/** The address at which this role's day begins. */
export function firstAddress() {
  return FIRST[session.role] ?? doors()[0].address;
}

/** Words for a block type, e.g. "CT". */
export function typeName(type) {
  return known(`shell.type_${type}`, type);
}

/** A case's name in a list: what, of which images, and whose. */
export function caseName({ type, patient, images = [] }) {
  const seen = images.map(typeName).join(" + ");
  const name =
    type === "report" && seen !== ""
      ? t("shell.report_on", { type: typeName(type), images: seen })
      : typeName(type);
  return patient === null ? name : t("shell.case_name", { type: name, patient });
}

function caseLink(proposal) {
  const attending = isAttending(proposal);
  const soon = proposal.expires_at_ms - Date.now() < SOON_MS;
  return el(
    "li",
    {},
    el(
      "a",
      {
        href: `#/case/${proposal.id}`,
        class: attending ? "case attending" : "case",
        "data-case": proposal.id,
      },
      el(
        "span",
        { class: "case-name" },
        caseName(proposal),
        proposal.ai === null ? null : el("span", { class: "tag" }, t("shell.ai")),
      ),
      el(
        "span",
        { class: "case-facts" },
        attending ? el("strong", {}, t("shell.attending")) : t("shell.panel"),
        " · ",
        age(proposal.issued_at_ms),
        " · ",
        el("span", { class: soon ? "soon" : null }, until(proposal.expires_at_ms)),
      ),
    ),
  );
}

/** Shows the cases without taking the focus from one that is still there. */
function showCases(place, count, cases) {
  const focused = place.contains(document.activeElement)
    ? document.activeElement.dataset.case
    : null;
  replace(place, cases.map(caseLink));
  replace(count, String(cases.length));
  document.title =
    cases.length === 0 ? t("shell.title") : t("shell.title_count", { count: cases.length });
  if (focused !== null)
    (
      place.querySelector(`[data-case="${CSS.escape(focused)}"]`) ?? place.querySelector("a")
    )?.focus();
  markPlace();
}

function inbox() {
  if (session.role !== "doctor" || !may("inbox.read")) return { section: null, stop: () => {} };
  const place = el("ul", { class: "cases" });
  const count = el("span", { class: "count" });
  let heard = null;
  const stopCases = onCases((cases) => {
    const ids = new Set(cases.map((each) => each.id));
    if (heard !== null && cases.some((each) => !heard.has(each.id)))
      announce(t("shell.new_case", { count: cases.length }));
    heard = ids;
    showCases(place, count, cases);
  });
  const stopFeed = followCases();
  const ticking = setInterval(
    () => currentCases() !== null && showCases(place, count, currentCases()),
    MINUTE_MS,
  );
  const section = el(
    "section",
    { class: "rail-inbox", "aria-label": t("shell.nav_inbox") },
    el("h3", {}, t("shell.waiting"), " ", count),
    place,
  );
  return {
    section,
    stop: () => [stopCases, stopFeed, () => clearInterval(ticking)].forEach((stop) => stop()),
  };
}

/** Marks the door and the case that are open. */
function markPlace() {
  for (const link of document.querySelectorAll("#rail a")) {
    if (link.getAttribute("href") === location.hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function keyState() {
  const place = el("div", { class: "key-state" });
  const show = () =>
    replace(
      place,
      hand.isOpen
        ? el("span", { class: "open" }, t("shell.key_is_open"))
        : el(
            "button",
            { type: "button", on: { click: () => void ensureHand() } },
            t("shell.key_open"),
          ),
    );
  show();
  return { place, stop: hand.onChange(show) };
}

function keptVotes() {
  const place = el("p", { class: "kept", role: "status" });
  const show = async () => {
    const waiting = await pending();
    replace(place, waiting.length === 0 ? null : t("shell.votes_kept", { count: waiting.length }));
  };
  void show();
  return { place, stop: onOutbox(() => void show()) };
}

function foot() {
  const doctor = session.role === "doctor";
  const key = doctor ? keyState() : null;
  const kept = doctor ? keptVotes() : null;
  const out = () => void signOut().catch(() => location.reload());
  const element = el(
    "footer",
    { class: "rail-foot" },
    kept?.place,
    key?.place,
    el(
      "p",
      {},
      el("strong", {}, session.user),
      el("br"),
      el("span", { class: "hint" }, t(`shell.role_${session.role}`)),
    ),
    el(
      "div",
      { class: "buttons" },
      el(
        "button",
        { type: "button", title: t("shell.lock_hint"), on: { click: () => void lock() } },
        t("shell.lock"),
      ),
      el("button", { type: "button", on: { click: out } }, t("shell.sign_out")),
    ),
  );
  return { element, stop: () => [key, kept].forEach((each) => each?.stop()) };
}

/** Builds the rail. @returns {function(): void} takes it down */
export function showRail() {
  const rail = document.getElementById("rail");
  const cases = inbox();
  const end = foot();
  replace(
    rail,
    el(
      "header",
      {},
      el("img", { src: "/page/style/mark.svg", alt: "" }),
      el("span", {}, session.node.name),
    ),
    el(
      "ul",
      { class: "doors" },
      doors().map(({ address, text }) => el("li", {}, el("a", { href: address }, t(text)))),
    ),
    cases.section,
    end.element,
  );
  rail.setAttribute("aria-label", t("shell.rail"));
  rail.hidden = false;
  addEventListener("hashchange", markPlace);
  markPlace();
  return () => {
    removeEventListener("hashchange", markPlace);
    cases.stop();
    end.stop();
    rail.hidden = true;
    replace(rail);
  };
}
