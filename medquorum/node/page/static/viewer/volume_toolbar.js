/** The controls of the volume document. */

import { el } from "../elements.js";
import { t } from "../texts.js";
import { action, group, share, toggle } from "./toolbar.js";

const VIEWS = {
  all: "sliceTypeMultiplanar",
  axial: "sliceTypeAxial",
  coronal: "sliceTypeCoronal",
  sagittal: "sliceTypeSagittal",
  render: "sliceTypeRender",
};
/** HU, as in the slice viewer. */
const CT_WINDOWS = { soft_tissue: [-160, 240], lung: [-1350, 150], bone: [-500, 1300] };

/**
 * @param {object} shown  NiiVue
 * @param {Array<"ct"|"pet">} kinds  of its volumes, from the lowest
 */
export function volumeToolbar(shown, kinds) {
  const element = el("div", {
    class: "viewer-toolbar",
    role: "toolbar",
    "aria-label": t("viewer.toolbar"),
  });
  let view = "all";
  const views = Object.keys(VIEWS).map((name) =>
    toggle(
      `viewer.view_${name}`,
      () => view === name,
      () => {
        view = name;
        shown.setSliceType(shown[VIEWS[name]]);
        controls.forEach((each) => each.show());
      },
    ),
  );
  const controls = [group("viewer.views", ...views)];
  const ct = kinds.indexOf("ct");
  if (ct >= 0) {
    controls.push(
      group(
        "viewer.window_ct",
        ...Object.entries(CT_WINDOWS).map(([name, range]) =>
          action(`viewer.preset_${name}`, () => setRange(shown, ct, range)),
        ),
      ),
    );
  }
  const pet = kinds.indexOf("pet");
  if (pet >= 0) {
    const range = (high) =>
      action(`viewer.preset_suv_${high}`, () => setRange(shown, pet, [1, high]));
    controls.push(group("viewer.window_pet", range(5), range(10), range(20)));
    controls.push(
      share(
        "viewer.opacity",
        () => shown.volumes[pet].opacity,
        (opacity) => shown.setOpacity(pet, opacity),
      ),
    );
  }
  element.replaceChildren(...controls.map((each) => each.element));
  controls.forEach((each) => each.show());
  return element;
}

function setRange(shown, volume, [low, high]) {
  shown.volumes[volume].cal_min = low;
  shown.volumes[volume].cal_max = high;
  shown.updateGLVolume();
}
