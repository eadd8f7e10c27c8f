/**
 * The middle of a case: its images, or the document where it has none.
 * @module
 */

import { el, replace } from "../elements.js";
import { may } from "../session.js";
import { t } from "../texts.js";
import { createViewer } from "../viewer/viewer.js";
import { documentOf } from "./forms_shown.js";
import { isNumber, listOf } from "./numbers.js";
import { prose, remark } from "./sections.js";

const NOTHING_TO_CLOSE = { shown: null, goTo: () => {}, close: () => {} };

/** What stands in the place of content that is not here, and what to do. */
function waiting({ proposal }) {
  const key =
    {
      announced: "case.body_waits",
      fetching: "case.body_waits",
      held: "case.body_waits",
      failed: "case.body_failed",
      none: "case.body_none",
    }[proposal.body] ?? "case.body_none";
  return el(
    "div",
    { class: "case-empty" },
    remark(
      t(may("record.read") ? key : "case.body_not_yours"),
      proposal.body === "failed" ? "reject" : "",
    ),
  );
}

function act({ proposal }) {
  const lines = proposal.summary.map((line) => el("p", {}, line));
  return el("article", { class: "document act" }, el("h1", {}, t("case.act")), lines);
}

/** Where a lesion lies, LPS in mm; null where the report does not say it. */
function placeOf(lesion) {
  const point = listOf(lesion.centroid_um).map((um) => um / 1000);
  return point.length === 3 && point.every(isNumber) ? point : null;
}

/** The place of the largest lesion: there the images begin. */
function placeOfLargest(lesions) {
  const size = (lesion) => (isNumber(lesion?.volume_ul) ? lesion.volume_ul : -1);
  const placed = lesions.filter((lesion) => lesion !== null && placeOf(lesion) !== null);
  return placed.length === 0
    ? null
    : placeOf(placed.reduce((most, one) => (size(one) > size(most) ? one : most)));
}

function viewer(place, { images, content }) {
  const findings = content?.content.findings;
  const lesions = listOf(findings?.tumour?.lesions);
  const start = placeOfLargest(lesions);
  const overlays = images.overlays.map((overlay) => ({ ...overlay, lesions }));
  const boxes = listOf(findings?.fracture?.boxes);
  const wanted = { series: images.series, overlays, boxes, start };
  const both = ["ct", "pet"].every((kind) => images.series.some((one) => one.kind === kind));
  if (both) wanted.layout = "fused";
  const made = createViewer(place, wanted);
  return {
    shown: made.seen,
    goTo: (lesion) => {
      const point = placeOf(lesion);
      if (images.overlays.length > 0) made.goToLesion?.(lesion.number);
      else if (point !== null) made.goToPoint?.(point);
    },
    close: () => made.destroy(),
  };
}

function written(place, content) {
  if (content.part === "M_REPORT") {
    replace(place, el("article", { class: "document" }, prose(content.content.text ?? "")));
    return NOTHING_TO_CLOSE;
  }
  documentOf(content).then(
    (document_) => replace(place, document_),
    (error) =>
      replace(
        place,
        el(
          "div",
          { class: "case-empty" },
          remark(error.advice ?? t("shell.view_failed"), "warning"),
        ),
      ),
  );
  return NOTHING_TO_CLOSE;
}

/**
 * Fills the middle. @param {HTMLElement} place @param {object} facts of `loadCase`
 * @returns {{shown: ?Promise<void>, goTo: function(object): void, close: function(): void}} `shown`
 *   once the images have been drawn; null where there are none
 */
export function centre(place, facts) {
  const { proposal, content, images } = facts;
  replace(place);
  if (proposal.parts.length === 0) replace(place, act(facts));
  else if (proposal.body !== "opened" || !may("record.read")) replace(place, waiting(facts));
  else if (images.series.length > 0) return viewer(place, facts);
  else if (content !== null) return written(place, content);
  return NOTHING_TO_CLOSE;
}
