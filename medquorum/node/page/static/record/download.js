/**
 * The whole record as one archive: FHIR R4 with the proofs of its blocks.
 * @module
 */

import { el } from "../elements.js";
import { t } from "../texts.js";

/** What the archive holds, and the link to it; the browser streams it to disk. */
export function downloadView(number, reading) {
  const images = el("input", { id: "with-images", type: "checkbox" });
  const link = el(
    "a",
    { class: "button primary", href: "#", download: `patient-${number}.zip` },
    t("record.download"),
  );
  link.addEventListener("click", () => {
    const purpose = encodeURIComponent(reading.purpose());
    link.href = `/v1/patients/${number}/record.zip?purpose=${purpose}&images=${images.checked}`;
  });
  const contents = ["fhir", "proofs", "charter", "consents"];
  return [
    el("p", {}, t("record.download_about")),
    el(
      "ul",
      {},
      contents.map((name) => el("li", {}, t(`record.download_${name}`))),
    ),
    el("label", { class: "tick", for: "with-images" }, images, t("record.download_images")),
    el("p", { class: "hint" }, t("record.download_logged")),
    el("p", {}, link),
  ];
}
