/**
 * Three planes and the volume, by NiiVue: a document of its own, which alone may compile
 * WebAssembly.
 * The names of the series stand in the fragment of its address.
 */

import { el } from "../elements.js";
import { loadTexts, t } from "../texts.js";
import { sourceFor } from "./source.js";
import { purposeOf, seriesOf } from "./volume_series.js";
import { volumeToolbar } from "./volume_toolbar.js";
import { reasonOf } from "./words.js";

const LIBRARY = "/page/vendor/niivue/niivue.js";
/** How each kind is shown at first, in HU or SUV. */
const SHOWN = {
  ct: { colormap: "gray", cal_min: -160, cal_max: 240, opacity: 1 },
  pet: { colormap: "hot", cal_min: 1, cal_max: 8, opacity: 0.6 },
};
/** NiiVue's numbers: planes in two rows, the volume always beside them. */
const GRID = 2;
const ALWAYS = 1;
const GROUND = [0.047, 0.059, 0.071, 1];
const CROSS = [0.353, 0.663, 0.902, 1];

async function library() {
  try {
    return await import(LIBRARY);
  } catch {
    throw new Error("viewer.volume_missing");
  }
}

async function volumeOf(source, series) {
  // Opened first: the node logs who looks, and refuses here whoever may not.
  await source.describe(series);
  return { bytes: await source.volume(series), kind: series.kind };
}

/** A NiiVue on a canvas, with the volumes. */
async function attach(canvas, { Niivue, NVImage }, volumes) {
  const shown = new Niivue({
    backColor: GROUND,
    crosshairColor: CROSS,
    crosshairWidth: 0.5,
    isOrientCube: true,
    show3Dcrosshair: true,
    isRadiologicalConvention: true,
    logLevel: "silent",
    loadingText: "",
    isColorbar: false,
    dragAndDropEnabled: false,
  });
  await shown.attachToCanvas(canvas);
  for (const volume of volumes) {
    const image = await NVImage.loadFromUrl({
      url: volume.bytes.buffer,
      name: `${volume.kind}.nii`,
      ...SHOWN[volume.kind],
    });
    shown.addVolume(image);
  }
  shown.setSliceType(shown.sliceTypeMultiplanar);
  shown.setMultiplanarLayout(GRID);
  shown.opts.multiplanarShowRender = ALWAYS;
  shown.drawScene();
  return shown;
}

async function begin() {
  const place = document.getElementById("content");
  await loadTexts();
  document.title = t("viewer.volume_document");
  const note = el("p", { class: "viewer-note", role: "status" }, t("viewer.volume_loading"));
  place.replaceChildren(note);
  try {
    const series = seriesOf(location.hash);
    if (series.length === 0) {
      throw new Error("viewer.no_series");
    }
    const source = sourceFor(purposeOf(location.hash));
    const opened = series.map((each) => volumeOf(source, each));
    const [module, ...volumes] = await Promise.all([library(), ...opened]);
    const canvas = el("canvas", {
      class: "volume-canvas",
      tabindex: "0",
      role: "img",
      "aria-label": t("viewer.volume_described"),
    });
    const frame = el("div", { class: "volume-frame" }, canvas);
    place.replaceChildren(frame);
    const shown = await attach(canvas, module, volumes);
    place.prepend(
      volumeToolbar(
        shown,
        volumes.map((each) => each.kind),
      ),
    );
    place.append(
      el(
        "div",
        { class: "viewer-foot" },
        el("output", { class: "viewer-readout" }),
        el("span", { class: "viewer-caution" }, t("viewer.not_primary")),
      ),
    );
    watchPlace(
      shown,
      place.querySelector(".viewer-readout"),
      volumes.map((each) => each.kind),
    );
    place.dataset.ready = "true";
  } catch (error) {
    note.textContent = t("viewer.failed", { reason: reasonOf(error) });
    place.replaceChildren(note);
  }
}

/** Values and place at the crosshair. */
function watchPlace(shown, readout, kinds) {
  const units = { ct: "viewer.value_hu", pet: "viewer.value_suv" };
  shown.onLocationChange = ({ values }) => {
    readout.textContent = kinds
      .map((kind, at) =>
        t(units[kind], { value: (values[at]?.value ?? 0).toFixed(kind === "ct" ? 0 : 2) }),
      )
      .join("   ");
  };
}

void begin();
