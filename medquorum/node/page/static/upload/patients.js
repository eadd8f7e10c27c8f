/**
 * Whose images these are: a patient by number, and what her consultation waits for.
 * @module
 */

import { api } from "../api.js";
import { el, replace } from "../elements.js";
import { known, t } from "../texts.js";

const PAGE = 500;

async function everyPatient() {
  const found = [];
  for (let after = 0; ; ) {
    const page = await api.get(`/v1/patients?after=${after}&limit=${PAGE}`);
    found.push(...page.patients);
    if (page.patients.length < PAGE) return found;
    after = page.patients.at(-1).n_pb;
  }
}

function waitsFor(patient) {
  const steps = patient.next_steps.map((step) => known(`record.step_${step}`, step));
  if (steps.length === 0) return t("upload.waits_for_nothing");
  return t("upload.waits_for", { steps: steps.join(", ") });
}

function option({ n_pb, attending_name }) {
  const text = t("upload.patient_option", { number: n_pb, attending: attending_name });
  return el("option", { value: String(n_pb) }, text);
}

/**
 * Makes the choice of a patient.
 * @param {function(): void} changed
 * @returns {Promise<{element: HTMLElement, patient: function(): object|null, again: function}>}
 */
export async function patientChoice(changed) {
  let patients = await everyPatient();
  const select = el("select", { id: "upload-patient" });
  const words = el("p", { class: "hint" });
  const patient = () => patients.find((one) => String(one.n_pb) === select.value) ?? null;

  function draw(value) {
    const options = patients.map(option);
    replace(select, el("option", { value: "" }, t("upload.patient_none")), options);
    select.value = value;
    const found = patient();
    const phase = found === null ? "" : known(`record.phase_${found.phase}`, found.phase);
    words.textContent = found === null ? "" : `${t("upload.phase", { phase })} ${waitsFor(found)}`;
  }

  select.addEventListener("change", () => {
    draw(select.value);
    changed();
  });
  draw("");
  const again = async () => {
    const value = select.value;
    patients = await everyPatient();
    draw(value);
    changed();
  };
  const label = el("label", { for: "upload-patient" }, t("upload.patient"));
  return { element: el("div", { class: "upload-patient" }, label, select, words), patient, again };
}
