/**
 * A human's report as a value: from a machine's findings to the map that is sealed (R-CON3).
 * @module
 */

import { correctedOutline } from "./correction.js";
import { isNumber, listOf } from "./numbers.js";

export const CONCLUSIONS = Object.freeze(["negative", "tumour", "fracture", "inconclusive"]);
export const STEPS = Object.freeze(["none", "ct", "pet", "xray", "treatment"]);
const METHOD = "doctor's reading";

/** Volume of the lesions that are kept, in microlitres. @param {Set<number>} struck */
export function totalVolume(lesions, struck) {
  return lesions
    .filter((one) => !struck.has(one.number))
    .reduce((sum, one) => sum + (isNumber(one.volume_ul) ? one.volume_ul : 0), 0);
}

/** Fields of a lesion that a correction takes over as the machine measured them. */
const MEASURED = Object.freeze([
  "number",
  "region",
  "volume_ul",
  "suv_max_milli",
  "suv_peak_milli",
  "glycolysis_milli",
  "probability_ppm",
  "centroid_um",
]);

function lesionOf(lesion) {
  const measured = Object.fromEntries(MEASURED.map((name) => [name, lesion[name]]));
  return { ...measured, reaches: listOf(lesion.reaches).map(String) };
}

/** Whether the draft calls an organ negative. @param {string} region */
export function isNegative(draft, region) {
  return draft.regions.some((one) => one.region === region && one.level === "Negative");
}

/** Whether the doctor says that a lesion does not grow into an organ. */
export function isParted(draft, number, region) {
  return listOf(draft.parted).some((one) => one.number === number && one.region === region);
}

/** The draft a form begins with: the machine's findings where there are some, else nothing. */
export function blankDraft({ proposal, content, images }) {
  const report = content?.part === "M_REPORT" ? content.content : null;
  const tumour = report?.findings?.tumour ?? null;
  const lesions = listOf(tumour?.lesions).filter((one) => isNumber(one?.number));
  return {
    corrects: proposal.type === "report" && proposal.ai !== null,
    film: images.series.length > 0 && images.series.every((one) => one.kind === "xray"),
    conclusion: CONCLUSIONS.includes(report?.conclusion) ? report.conclusion : "inconclusive",
    next_step: STEPS.includes(report?.next_step) ? report.next_step : "none",
    regions: listOf(tumour?.regions).map(({ region, level }) => ({
      region: String(region),
      level,
    })),
    lesions: lesions.map(lesionOf),
    struck: [],
    parted: [],
    volume_ul: isNumber(tumour?.total_tumour_volume_ul) ? tumour.total_tumour_volume_ul : null,
    text: "",
  };
}

/** The organs a lesion grows into by the draft: none that it calls negative. */
function reached(draft, { number, reaches }) {
  return listOf(reaches).filter(
    (region) => !isNegative(draft, region) && !isParted(draft, number, region),
  );
}

function tumourMap(draft) {
  const kept = draft.lesions
    .filter((one) => !draft.struck.includes(one.number))
    .map((one) => ({ ...one, reaches: reached(draft, one) }));
  return {
    comparison_volumes_ul: {},
    lesion_count: kept.length,
    lesions: kept,
    regions: draft.regions.map((one) => ({ ...one, probabilities_ppm: [] })),
    total_lesion_glycolysis_milli: null,
    total_tumour_volume_ul: draft.volume_ul ?? 0,
    volume_method: METHOD,
  };
}

/** The block hash a correction replaces: the machine's report where it was accepted, else none. */
function replaced({ proposal, history }, draft) {
  if (!draft.corrects || proposal.state !== "accepted") return null;
  return history.find((block) => block.proposal === proposal.id)?.hash ?? null;
}

/** The images a report speaks of: those of the report it corrects, or the image's own block. */
function references({ proposal, history }) {
  if (proposal.type === "report") return proposal.references;
  const own = history.find(
    (block) => block.proposal === proposal.id && block.outcome === "accepted",
  );
  return own === undefined ? [] : [own.hash];
}

/** M_REPORT of a draft (R-CON3). */
export function reportMap(draft, corrected) {
  return {
    author_kind: "human",
    conclusion: draft.conclusion,
    findings: { corrects: corrected, ...(draft.film ? {} : { tumour: tumourMap(draft) }) },
    next_step: draft.next_step,
    text: draft.text,
  };
}

/**
 * What is issued: the report, and where it sees a tumour the outline without what was struck out,
 * on the machine's own grid, so that it can be learnt from.
 */
export async function orderOf(given, draft) {
  const { proposal } = given;
  const contents = { M_REPORT: reportMap(draft, draft.corrects ? proposal.id : null) };
  const outlined =
    draft.corrects &&
    !draft.film &&
    draft.conclusion === "tumour" &&
    proposal.parts.includes("ATTACHMENT");
  if (outlined)
    contents.ATTACHMENT = await correctedOutline(proposal.record, new Set(draft.struck));
  return {
    type: "report",
    patient: given.patient.n_pb,
    contents,
    references: references(given),
    replaces: replaced(given, draft),
  };
}
