/**
 * One patient's record: consultations, consents, who read what, the download.
 * @module
 */

import { api } from "../api.js";
import { el, replace } from "../elements.js";
import { listen } from "../live.js";
import { accessesView } from "../record/accesses.js";
import { consentsView } from "../record/consents.js";
import { downloadView } from "../record/download.js";
import { openProposals } from "../record/open_proposals.js";
import { tabs } from "../record/tabs.js";
import { timelineView } from "../record/timeline.js";
import { may, session, usualPurpose } from "../session.js";
import { known, t } from "../texts.js";

const PURPOSES = ["treatment", "emergency", "quality", "research", "request"];

async function wholeHistory(number) {
  const found = [];
  let after = 0;
  while (after !== null) {
    const page = await api.get(`/v1/patients/${number}/history?after=${after}&limit=500`);
    found.push(...page.blocks);
    after = page.next_after;
  }
  return found;
}

/** The choice of what is read for, for those who have one. */
function purposeChoice() {
  if (session.role === "patient" || !may("record.read")) {
    return { element: null, purpose: usualPurpose };
  }
  const choice = el(
    "select",
    { id: "purpose" },
    PURPOSES.map((name) => el("option", { value: name }, t(`record.purpose_${name}`))),
  );
  const element = el(
    "div",
    { class: "purpose" },
    el("label", { for: "purpose" }, t("record.reading_for")),
    choice,
  );
  choice.addEventListener("change", () =>
    element.classList.toggle("emergency", choice.value === "emergency"),
  );
  return { element, purpose: () => choice.value };
}

function header(patient, reading) {
  const chips = [
    [
      t("record.column_phase"),
      known(`record.phase_${patient.phase}`, t("record.phase_unreadable")),
    ],
    [t("record.column_attending"), patient.attending_name],
    [t("record.column_length"), patient.length],
    [t("record.key"), el("code", { title: patient.address }, patient.address.slice(0, 18), "…")],
  ];
  return el(
    "header",
    { class: "patient-head" },
    el("h1", {}, t("record.patient", { n: patient.n_pb })),
    el(
      "dl",
      { class: "chips" },
      chips.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    ),
    reading.element,
  );
}

function rooms(number, reading) {
  const timeline = async () => {
    const [told, history, open] = await Promise.all([
      api.get(`/v1/patients/${number}/timeline`),
      wholeHistory(number),
      openProposals(number),
    ]);
    return [open, timelineView(told, history, reading)];
  };
  return [
    { id: "timeline", text: t("record.tab_timeline"), content: timeline },
    { id: "consents", text: t("record.tab_consents"), content: () => consentsView(number) },
    may("access.read")
      ? { id: "accesses", text: t("record.tab_accesses"), content: () => accessesView(number) }
      : null,
    may("record.read")
      ? {
          id: "download",
          text: t("record.tab_download"),
          content: () => downloadView(number, reading),
        }
      : null,
  ].filter(Boolean);
}

/** Shows one patient; a new block of hers shows at once. */
export async function show(place, { n_pb }) {
  const number = Number(n_pb);
  const patient = await api.get(`/v1/patients/${number}`);
  const reading = purposeChoice();
  const head = el("div", {}, header(patient, reading));
  const room = tabs(rooms(number, reading), t("record.parts_of_record"));
  replace(place, head, room.element);
  await room.shown;
  return listen("block", async (event) => {
    if (event.detail.n_pb !== number) return;
    replace(head, header(await api.get(`/v1/patients/${number}`), reading));
    await room.refresh("timeline");
  });
}
