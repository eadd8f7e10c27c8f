/**
 * A block checked in this page from its proof: every step, as it was computed here.
 * @module
 */

import { api, ApiError } from "../api.js";
import { announce, el, replace } from "../elements.js";
import { checkProof } from "../keys/proof.js";
import { t } from "../texts.js";

const MARKS = new Map([
  [true, ["passed", "✓"]],
  [false, ["failed", "✗"]],
  [null, ["unchecked", "–"]],
]);

function step({ rule, ok, text }) {
  const [state, mark] = MARKS.get(ok);
  return el(
    "li",
    { class: state },
    el("span", { class: "mark", "aria-hidden": "true" }, mark),
    el("span", { class: "unseen" }, t(`explorer.step_${state}`), ": "),
    el("span", {}, text),
    el("code", {}, rule),
  );
}

/** Whether the proof is of the block that the page shows, as a step of its own. */
function sameBlock(block, told) {
  const ok = told !== null && told.hash === block.hash && told.nBc === block.n_bc;
  return { rule: "R-EXP3", ok, text: t(ok ? "explorer.same_block" : "explorer.other_block") };
}

/** The steps for a block. @throws {ApiError} where the node gives no proof */
export async function stepsFor(block) {
  const [proof, charter] = await Promise.all([
    api.bytes(`/v1/proofs/${block.n_bc}`),
    api.bytes("/v1/charter/bytes"),
  ]);
  const checked = await checkProof(proof, charter);
  const steps = [sameBlock(block, checked.block), ...checked.steps];
  return { valid: steps.every(({ ok }) => ok !== false), steps };
}

async function run(block, place) {
  replace(place, el("p", { class: "hint" }, t("explorer.checking")));
  try {
    const { valid, steps } = await stepsFor(block);
    const said = t(valid ? "explorer.valid" : "explorer.invalid");
    replace(
      place,
      el(
        "p",
        { class: `verdict ${valid ? "passed" : "failed"}`, "data-valid": String(valid) },
        said,
      ),
      el("ol", { class: "steps" }, steps.map(step)),
    );
    announce(said);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    replace(
      place,
      el("p", { class: "verdict unchecked" }, t("explorer.no_proof"), " ", error.advice),
    );
  }
}

/** The section that verifies; it begins by itself and can be asked again. */
export function verification(block) {
  const place = el("div", { id: "verification", role: "status" });
  const again = el(
    "button",
    { type: "button", on: { click: () => void run(block, place) } },
    t("explorer.check_again"),
  );
  void run(block, place);
  return el(
    "section",
    { class: "verify" },
    el("h2", {}, t("explorer.verify")),
    el("p", { class: "hint" }, t("explorer.verify_hint")),
    place,
    el(
      "div",
      { class: "buttons" },
      again,
      el(
        "a",
        { class: "button", href: `/v1/proofs/${block.n_bc}`, download: `block-${block.n_bc}.mqp` },
        t("explorer.save_proof"),
      ),
      el(
        "a",
        { class: "button", href: "/v1/charter/bytes", download: "charter.mqc" },
        t("explorer.save_charter"),
      ),
    ),
  );
}
