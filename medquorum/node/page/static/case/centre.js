/**
 * The middle of a case: its images, or the document where it has none.
 * @module
 */

import { el, replace } from "../elements.js";
import { may } from "../session.js";
import { t } from "../texts.js";
import { createViewer } from "../viewer/viewer.js";
import { documentOf } from "./forms_shown.js";
import { listOf } from "./numbers.js";
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

function viewer(place, { images, content }) {
  const findings = content?.content.findings;
  const lesions = listOf(findings?.tumour?.lesions);
  const overlays = images.overlays.map((overlay) => ({ ...overlay, lesions }));
  const wanted = { series: images.series, overlays, boxes: listOf(findings?.fracture?.boxes) };
  const both = ["ct", "pet"].every((kind) => images.series.some((one) => one.kind === kind));
  if (both) wanted.layout = "fused";
  const made = createViewer(place, wanted);
  return {
    shown: made.seen,
    goTo: (lesion) => {
      const point = listOf(lesion.centroid_um).map((um) => um / 1000);
      if (images.overlays.length > 0) made.goToLesion?.(lesion.number);
      else if (point.length === 3) made.goToPoint?.(point);
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
