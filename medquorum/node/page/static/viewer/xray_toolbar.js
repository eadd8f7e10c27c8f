/** The controls of a film. */

import { el } from "../elements.js";
import { t } from "../texts.js";
import { TOOLS } from "./reading.js";
import { action, choice, group, presets, share, toggle } from "./toolbar.js";
import { WASHES } from "./washes.js";

/** A box to tick. */
function check(key, checked, act) {
  const input = el("input", { type: "checkbox", on: { change: () => act(input.checked) } });
  return {
    element: el("label", { class: "viewer-check" }, input, t(key)),
    show: () => {
      input.checked = checked();
    },
  };
}

/** Controls of what the analysis drew: only what is in this film. */
function drawings(reading) {
  const controls = [];
  for (const wash of reading.washes) {
    for (const name of WASHES.filter((each) => wash.holds(each))) {
      controls.push(
        check(
          `viewer.wash_${name}`,
          () => wash.shown.has(name),
          (shown) => {
            wash.shown[shown ? "add" : "delete"](name);
            reading.changed("shown");
          },
        ),
      );
    }
  }
  for (const layer of reading.labelLayers) {
    controls.push(
      check(
        "viewer.wash_boxes",
        () => layer.shown,
        (shown) => {
          layer.shown = shown;
          reading.changed("shown");
        },
      ),
    );
  }
  if (reading.washes.length > 0) {
    controls.push(
      share(
        "viewer.wash_opacity",
        () => reading.washes[0].opacity,
        (opacity) => {
          reading.washes.forEach((wash) => {
            wash.opacity = opacity;
          });
          reading.changed("shown");
        },
      ),
    );
  }
  return controls.length > 0 ? group("viewer.findings", ...controls) : null;
}

/** Only where the film has a bright border. */
function shutters(reading) {
  if (reading.shutters === null) return [];
  return [
    toggle(
      "viewer.shutters",
      () => reading.shutters.shown,
      () => reading.toggleShutters(),
    ),
  ];
}

/**
 * Tools: no slices to scroll through, and no distances where the film does not say its
 * millimetres.
 */
function tools(reading) {
  const offered = TOOLS.filter(
    (tool) => tool !== "turn" && (tool !== "measure" || reading.grid.calibrated),
  );
  return group(
    "viewer.tools",
    ...offered.map((tool) =>
      toggle(
        `viewer.tool_${tool}`,
        () => (reading.tool ?? "window") === tool,
        () => reading.setTool(tool),
      ),
    ),
  );
}

function filmChoice(films) {
  const options = Array.from({ length: films.count }, (_, film) => ({
    value: String(film),
    name: t("viewer.film", { number: film + 1 }),
  }));
  return choice(
    "viewer.films",
    () => options,
    () => String(films.shown),
    (value) => films.show(Number(value)),
  );
}

/**
 * The bar of a film; rebuilt when drawings arrive.
 * @param {import("./reading.js").Reading} reading
 * @param {{count: number, shown: number, show: (film: number) => void}} films
 * @param {() => void} help
 */
export function xrayToolbar(reading, films, help) {
  const element = el("div", {
    class: "viewer-toolbar",
    role: "toolbar",
    "aria-label": t("viewer.toolbar"),
  });
  let controls = [];
  const show = () => controls.forEach((each) => each.show());
  const build = () => {
    const { base } = reading;
    controls = [
      films.count > 1 ? filmChoice(films) : null,
      presets(reading, base),
      group(
        "viewer.window_xray",
        toggle(
          "viewer.invert",
          () => base.map === "inverse_grey",
          () => reading.invert(),
        ),
        ...shutters(reading),
      ),
      tools(reading),
      drawings(reading),
      group(
        "viewer.further",
        action("viewer.reset", () => reading.reset()),
        action("viewer.help", help),
      ),
    ].filter((each) => each !== null);
    element.replaceChildren(...controls.map((each) => each.element));
    show();
  };
  reading.onChange((what) => (what === "series" ? build() : show()));
  build();
  return element;
}
