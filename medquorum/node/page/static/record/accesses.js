/**
 * Who read what and when, and who was refused; an emergency stands out.
 * @module
 */

import { api } from "../api.js";
import { el } from "../elements.js";
import { localTime } from "../format.js";
import { session } from "../session.js";
import { known, t } from "../texts.js";

const COLUMNS = ["when", "who", "where", "part", "purpose"];

function memberName(address) {
  return session.charter.members.find((member) => member.address === address)?.name ?? address;
}

function purpose(access) {
  const name = known(`record.purpose_${access.purpose}`, access.purpose);
  if (access.purpose !== "emergency") return name;
  return el("span", { class: "tag emergency" }, name);
}

function row(access) {
  return el(
    "tr",
    { class: access.granted ? null : "refused" },
    el("th", { scope: "row" }, localTime(access.at_us / 1_000)),
    el(
      "td",
      {},
      access.user_name,
      " ",
      el("span", { class: "hint" }, known(`shell.role_${access.user_role}`, access.user_role)),
    ),
    el("td", {}, memberName(access.organisation)),
    el("td", {}, known(`record.part_${access.part}`, access.part)),
    el(
      "td",
      {},
      purpose(access),
      access.granted ? null : [" ", el("span", { class: "tag rejected" }, t("record.refused"))],
    ),
  );
}

/** The access log of one patient, newest first. */
export async function accessesView(number) {
  const { accesses } = await api.get(`/v1/accesses?patient=${number}&limit=500`);
  const about = el("p", { class: "hint" }, t("record.accesses_hint", { node: session.node.name }));
  if (accesses.length === 0) return [about, el("p", { class: "empty" }, t("record.no_accesses"))];
  const head = COLUMNS.map((name) => el("th", { scope: "col" }, t(`record.column_${name}`)));
  return [
    about,
    el(
      "table",
      { class: "accesses" },
      el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, accesses.map(row)),
    ),
  ];
}
