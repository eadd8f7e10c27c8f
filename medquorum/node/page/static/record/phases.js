/**
 * The phases of the two consultations as they are drawn: branches of steps, then the ends.
 * @module
 */

/** Branches in order, each with its phases; names are those of the protocol. */
export const BRANCHES = {
  tumour: [
    { name: "begin", phases: ["registered", "form"] },
    { name: "ct", phases: ["ct_prescribed", "ct", "ct_assessed"] },
    { name: "pet", phases: ["pet_prescribed", "pet", "pet_assessed"] },
    { name: "end", phases: ["treatment", "negative"] },
  ],
  xray: [
    { name: "begin", phases: ["registered", "form"] },
    { name: "xray", phases: ["xray_prescribed", "xray", "xray_assessed"] },
    { name: "end", phases: ["xray_treatment", "xray_negative"] },
  ],
};

const ENDS = new Set(["treatment", "negative", "xray_treatment", "xray_negative"]);

/** Whether a phase ends a consultation. */
export function isEnd(phase) {
  return ENDS.has(phase);
}

/**
 * What became of each phase of a consultation.
 * @param {{track: string, phase: string, phases: {phase: string, n_bc: ?number}[]}} consultation
 * @returns {{name: string, phases: {phase: string, state: string, n_bc: ?number}[]}[]}
 *   state: passed, current or open; branches without any phase of a later consultation are left out
 */
export function drawn(consultation) {
  const entered = new Map(consultation.phases.map(({ phase, n_bc }) => [phase, n_bc]));
  const state = (phase) => {
    if (phase === consultation.phase) return "current";
    return entered.has(phase) ? "passed" : "open";
  };
  return BRANCHES[consultation.track]
    .map(({ name, phases }) => ({
      name,
      phases: phases.map((phase) => ({
        phase,
        state: state(phase),
        n_bc: entered.get(phase) ?? null,
      })),
    }))
    .filter(({ name, phases }) => name !== "begin" || phases.some((one) => one.state !== "open"));
}
