/**
 * The charter in force: members, rules, what the network withstands, who stands in for whom.
 * @module
 */

import { el } from "../elements.js";
import { localTime, percent } from "../format.js";
import { typeName } from "../record/timeline.js";
import { known, t } from "../texts.js";

const PPM = 1_000_000;
const FOREVER_MS = 2 ** 52;

function table(columns, rows, caption) {
  return el(
    "table",
    {},
    el("caption", { class: "unseen" }, caption),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        columns.map((name) => el("th", { scope: "col" }, t(`explorer.column_${name}`))),
      ),
    ),
    el(
      "tbody",
      {},
      rows.map(([first, ...others]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, first),
          others.map((each) => el("td", {}, each)),
        ),
      ),
    ),
  );
}

function link(member, status) {
  if (member.address === status.address)
    return el("span", { class: "linked" }, t("explorer.this_node"));
  const peer = status.peers.find(({ address }) => address === member.address);
  const linked = peer?.connected === true;
  return el(
    "span",
    { class: linked ? "linked" : "unlinked" },
    t(linked ? "explorer.linked" : "explorer.unlinked"),
  );
}

function standing(member) {
  if (member.active) return t("explorer.active");
  return member.stand_in === null
    ? t("explorer.suspended")
    : t("explorer.suspended_by", { name: member.stand_in });
}

/** The members as this node sees them. */
export function members(charter, status) {
  const rows = charter.members.map((member) => [
    member.name,
    known(`record.member_${member.role}`, member.role),
    standing(member),
    link(member, status),
  ]);
  return el(
    "section",
    {},
    el("h2", {}, t("explorer.members")),
    table(["member", "role", "standing", "link"], rows, t("explorer.members")),
  );
}

function policies(charter) {
  const rows = Object.entries(charter.policies).map(([type, policy]) => [
    typeName(type),
    known(`explorer.panel_${policy.panel}`, String(policy.panel)),
    t(policy.strict ? "explorer.strict" : "explorer.additive"),
    t(policy.auto_policies ? "explorer.allowed" : "explorer.not_allowed"),
  ]);
  return table(["type", "panel", "position", "automatic"], rows, t("explorer.rules"));
}

function facts(pairs) {
  return el(
    "dl",
    { class: "facts" },
    pairs.map(([key, value]) => [el("dt", {}, t(`explorer.${key}`)), el("dd", {}, value)]),
  );
}

/** The rules of the charter in force. */
export function rules(charter) {
  return el(
    "section",
    {},
    el("h2", {}, t("explorer.charter", { version: charter.version })),
    el("p", {}, charter.promise),
    charter.warnings.map((warning) => el("p", { class: "notice" }, warning)),
    facts([
      ["fingerprint", el("strong", {}, charter.fingerprint)],
      ["mode", t(`explorer.mode_${charter.ordering.mode}`)],
      ["quorum", t("explorer.quorum_of", { quorum: charter.quorum, doctors: charter.doctors })],
      ["liars", charter.liars_for_safety],
      ["absences", charter.absences_for_liveness],
      [
        "absence_rule",
        t("explorer.absence_rule_value", {
          days: charter.absence.max_days,
          hours: charter.absence.silence_hours,
        }),
      ],
      [
        "maturity_rule",
        t("explorer.maturity_note", {
          threshold: percent(charter.maturity.threshold_ppm / PPM),
          window: charter.maturity.window,
        }),
      ],
      ["retention", t("explorer.days", { days: charter.retention_days })],
      [
        "seal",
        charter.seal_difficulty_bits === 0
          ? t("explorer.none_set")
          : t("explorer.bits", { bits: charter.seal_difficulty_bits }),
      ],
    ]),
    policies(charter),
  );
}

function period({ from_ms, to_ms }) {
  if (to_ms > FOREVER_MS) return t("explorer.from_on", { from: localTime(from_ms) });
  return t("explorer.from_to", { from: localTime(from_ms), to: localTime(to_ms) });
}

/** Absences and stand-ins. */
export function standIns(entries) {
  const rows = entries.map((entry) => [
    entry.attending_name,
    entry.delegate_name,
    t(`explorer.entry_${entry.kind}`),
    period(entry),
    t(entry.in_force ? "explorer.in_force" : "explorer.not_in_force"),
  ]);
  return el(
    "section",
    {},
    el("h2", {}, t("explorer.stand_ins")),
    rows.length === 0
      ? el("p", { class: "hint" }, t("explorer.nobody_away"))
      : table(["attending", "stand_in", "kind", "when", "now"], rows, t("explorer.stand_ins")),
  );
}
