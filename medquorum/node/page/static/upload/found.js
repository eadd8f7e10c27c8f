/**
 * What the node found in an upload: its series, what is wrong with which file, what was passed by.
 * @module
 */

import { api } from "../api.js";
import { el } from "../elements.js";
import { visible } from "../format.js";
import { t } from "../texts.js";
import { freshBatch } from "./remembered.js";
import { SeriesCard } from "./series.js";

/** CT before PET, as a consultation goes. */
const ORDER = ["ct", "pet", "xray", "nifti", "other"];
const NAMES = 20;

function issuesPart(issues) {
  if (issues.length === 0) return null;
  const name = (one) => el("strong", {}, el("bdi", {}, visible(one.file)));
  const lines = issues.map((one) => el("li", {}, name(one), " ", visible(one.advice)));
  return el(
    "section",
    { class: "issues notice", role: "alert" },
    el("h2", {}, t("upload.issues", { count: issues.length })),
    el("ul", {}, lines),
  );
}

function skippedPart(names) {
  if (names.length === 0) return null;
  const more = names.length - NAMES;
  return el(
    "details",
    { class: "skipped" },
    el("summary", {}, t("upload.skipped", { count: names.length })),
    el(
      "ul",
      {},
      names.slice(0, NAMES).map((name) => el("li", {}, el("bdi", {}, visible(name)))),
    ),
    more > 0 ? el("p", { class: "hint" }, t("upload.more_files", { count: more })) : null,
  );
}

/**
 * @param {object} inspection  as the node answers
 * @param {string} batch
 * @param {function(): object|null} patient  the chosen one
 * @returns {{element: HTMLElement, refresh: function, decided: function(string, string)}}
 */
export function found(inspection, batch, patient) {
  const cards = [];
  const submit = (series, wish) =>
    api.post(
      `/v1/upload-batches/${batch}/submission`,
      { patient: patient().n_pb, series: series.series, ...wish },
      { key: freshBatch() },
    );
  const inOrder = [...inspection.series].sort(
    (a, b) => a.study - b.study || ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind),
  );
  for (const series of inOrder) cards.push(new SeriesCard(series, { patient, cards, submit }));
  for (const card of cards) card.refresh();
  const element = el(
    "div",
    { class: "found" },
    issuesPart(inspection.issues),
    cards.length === 0 ? el("p", { class: "empty" }, t("upload.no_series")) : null,
    cards.map((card) => card.element),
    skippedPart(inspection.skipped),
  );
  const refresh = () => cards.forEach((card) => card.refresh());
  const decided = (proposal, outcome) => {
    const card = cards.find((one) => one.proposal !== null && one.proposal === proposal);
    if (card === undefined) return;
    card.decide(outcome);
    refresh();
  };
  return { element, refresh, decided };
}
