/** The viewer's controls, each with its key in its title; all of them native elements. */

import { el } from "../elements.js";
import { known, t } from "../texts.js";
import { SPEEDS } from "./cine.js";
import { TOOLS } from "./reading.js";
import { windowName } from "./words.js";

/** A button that is pressed or not. */
export function toggle(key, pressed, act) {
  const button = el(
    "button",
    { type: "button", class: "viewer-button", title: t(`${key}_title`), on: { click: act } },
    t(key),
  );
  return { element: button, show: () => button.setAttribute("aria-pressed", String(pressed())) };
}

/** A button that does something. */
export function action(key, act) {
  return {
    element: el(
      "button",
      {
        type: "button",
        class: "viewer-button",
        title: known(`${key}_title`, t(key)),
        on: { click: act },
      },
      t(key),
    ),
    show: () => {},
  };
}

/** A choice of few. */
export function choice(key, options, chosen, act) {
  const select = el("select", {
    class: "viewer-select",
    "aria-label": t(key),
    title: t(key),
    on: { change: () => act(select.value) },
  });
  const show = () => {
    const wanted = options();
    if (select.dataset.options !== String(wanted.map((each) => each.value))) {
      select.dataset.options = String(wanted.map((each) => each.value));
      select.replaceChildren(
        ...wanted.map((each) => el("option", { value: each.value }, each.name)),
      );
    }
    select.value = chosen();
  };
  return { element: select, show };
}

/** Buttons of which one is pressed. */
export function group(name, ...controls) {
  const element = el(
    "div",
    { class: "viewer-group", role: "group", "aria-label": t(name) },
    controls.map((each) => each.element),
  );
  return { element, show: () => controls.forEach((each) => each.show()) };
}

/** Presets of a series, and "by hand" while none fits. */
export function presets(reading, track) {
  const options = () => {
    const named = track.presets.map((each, index) => ({
      value: String(index),
      name: windowName(each),
    }));
    return fitting(track) < 0
      ? [...named, { value: "-1", name: t("viewer.preset_manual") }]
      : named;
  };
  return choice(
    `viewer.window_${track.series.kind}`,
    options,
    () => String(fitting(track)),
    (value) => value !== "-1" && reading.setWindow(track, track.presets[Number(value)]),
  );
}

function fitting(track) {
  return track.presets.findIndex(
    (each) => each.low === track.window.low && each.high === track.window.high,
  );
}

/** A share 0..1, as a slider in percent. */
export function share(key, shown, act) {
  const input = el("input", {
    type: "range",
    class: "viewer-opacity",
    min: 0,
    max: 100,
    step: 5,
    "aria-label": t(key),
    title: t(key),
    on: { input: () => act(Number(input.value) / 100) },
  });
  const show = () => {
    input.value = String(Math.round(shown() * 100));
    input.setAttribute("aria-valuetext", t("viewer.share", { percent: input.value }));
  };
  return { element: input, show };
}

function colourMaps(key, names, chosen, act) {
  return choice(
    key,
    () => names.map((name) => ({ value: name, name: t(`viewer.map_${name}`) })),
    chosen,
    act,
  );
}

/** Controls of the uptake, where there is a PET. */
function uptakeControls(reading) {
  const { pet } = reading.tracks;
  const controls = [presets(reading, pet)];
  controls.push(
    colourMaps(
      "viewer.map_pet",
      ["inverse_grey", "grey", "hot_iron", "rainbow"],
      () => pet.map,
      (map) => {
        pet.map = map;
        reading.changed("window");
      },
    ),
  );
  if (reading.tracks.ct !== undefined) {
    controls.push(
      colourMaps(
        "viewer.map_fused",
        ["hot_iron", "rainbow", "grey"],
        () => reading.fusedMap,
        (map) => reading.setFusedMap(map),
      ),
    );
    controls.push(
      share(
        "viewer.opacity",
        () => reading.opacity,
        (opacity) => reading.setOpacity(opacity),
      ),
    );
  }
  controls.push(
    toggle(
      "viewer.overview",
      () => reading.overview !== null && reading.overviewShown,
      () => reading.toggleOverview(),
    ),
  );
  return group("viewer.uptake", ...controls);
}

function tools(reading) {
  const one = (tool) =>
    toggle(
      `viewer.tool_${tool}`,
      () => (reading.tool ?? "window") === tool,
      () => reading.setTool(tool),
    );
  return group("viewer.tools", ...TOOLS.map(one));
}

function cineControls(cine) {
  const speed = choice(
    "viewer.cine_speed",
    () =>
      SPEEDS.map((each) => ({ value: String(each), name: t("viewer.by_second", { count: each }) })),
    () => String(cine.speed),
    (value) => cine.setSpeed(Number(value)),
  );
  return group(
    "viewer.cine_group",
    toggle(
      "viewer.cine",
      () => cine.runs,
      () => cine.toggle(),
    ),
    speed,
  );
}

/**
 * The bar; rebuilt when another series arrives.
 * @param {import("./reading.js").Reading} reading
 * @param {import("./cine.js").Cine} cine
 * @param {Array<{element, show}>} further  controls of the page
 */
export function toolbar(reading, cine, further) {
  const element = el("div", {
    class: "viewer-toolbar",
    role: "toolbar",
    "aria-label": t("viewer.toolbar"),
  });
  let controls = [];
  const show = () => controls.forEach((each) => each.show());
  const build = () => {
    const layouts = reading.layouts();
    const layoutOf = (layout) =>
      toggle(
        `viewer.layout_${layout}`,
        () => reading.layout === layout,
        () => reading.setLayout(layout),
      );
    controls = [
      layouts.length > 1 ? group("viewer.layouts", ...layouts.map(layoutOf)) : null,
      reading.tracks.ct ? presets(reading, reading.tracks.ct) : null,
      reading.tracks.pet ? uptakeControls(reading) : null,
      tools(reading),
      cineControls(cine),
      ...further,
    ].filter((each) => each !== null);
    element.replaceChildren(...controls.map((each) => each.element));
    show();
  };
  reading.onChange((what) => (what === "series" ? build() : show()));
  build();
  return element;
}
