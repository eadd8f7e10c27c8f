/**
 * The patients of the network, by number: pseudonyms, phases, who attends.
 * @module
 */

import { api } from "../api.js";
import { el, replace } from "../elements.js";
import { listen } from "../live.js";
import { may, session } from "../session.js";
import { known, t } from "../texts.js";

const PAGE = 100;
const COLUMNS = ["patient", "phase", "next", "attending", "length"];

function phaseName(phase) {
  return known(`record.phase_${phase}`, phase);
}

function row(patient) {
  const own = patient.attending === session.node.address;
  return el(
    "tr",
    { class: own ? "attending" : null },
    el(
      "th",
      { scope: "row" },
      el("a", { href: `#/patient/${patient.n_pb}` }, t("record.patient", { n: patient.n_pb })),
    ),
    el("td", {}, phaseName(patient.phase)),
    el("td", {}, patient.next_steps.map((step) => t(`record.step_${step}`)).join(", ")),
    el("td", {}, own ? el("strong", {}, patient.attending_name) : patient.attending_name),
    el("td", { class: "number" }, patient.length),
  );
}

function table(patients) {
  const head = COLUMNS.map((name) => el("th", { scope: "col" }, t(`record.column_${name}`)));
  return el(
    "table",
    { class: "patients" },
    el("thead", {}, el("tr", {}, head)),
    el("tbody", {}, patients.map(row)),
  );
}

function matches(patient, sought) {
  if (sought === "") return true;
  const words = [
    String(patient.n_pb),
    patient.address,
    patient.attending_name,
    phaseName(patient.phase),
  ];
  return words.some((word) => word.toLowerCase().includes(sought));
}

async function everyPatient() {
  const found = [];
  let after = 0;
  while (after !== null) {
    const page = await api.get(`/v1/patients?after=${after}&limit=${PAGE}`);
    found.push(...page.patients);
    after = page.next_after;
  }
  return found;
}

/** Shows the patients; new ones come by themselves. */
export async function show(place) {
  let patients = await everyPatient();
  const body = el("div", { role: "region", "aria-live": "polite" });
  const search = el("input", {
    id: "search",
    type: "search",
    autocomplete: "off",
    on: { input: () => render() },
  });
  const render = () => {
    const found = patients.filter((one) => matches(one, search.value.trim().toLowerCase()));
    const none = patients.length === 0 ? "record.no_patients" : "record.none_found";
    replace(body, found.length === 0 ? el("p", { class: "empty" }, t(none)) : table(found));
  };
  const register = may("submission.create")
    ? el("a", { class: "button", href: "#/register" }, t("record.register"))
    : null;
  replace(
    place,
    el("h1", {}, t("record.patients")),
    el(
      "div",
      { class: "toolbar" },
      el("label", { for: "search" }, t("record.search")),
      search,
      register,
    ),
    body,
  );
  render();
  return listen("block", async () => {
    patients = await everyPatient();
    render();
  });
}
