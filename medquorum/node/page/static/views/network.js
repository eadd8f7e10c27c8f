/**
 * The network: what waits and why, members, charter, stand-ins, figures. Nothing about patients.
 * @module
 */

import { api } from "../api.js";
import { el, replace } from "../elements.js";
import { members, rules, standIns } from "../explorer/charter.js";
import { figures } from "../explorer/figures.js";
import { waiting } from "../explorer/waiting.js";
import { listen } from "../live.js";
import { may } from "../session.js";
import { t } from "../texts.js";

const QUIET_MS = 1_500;

function state(status) {
  const chips = [
    ["network", status.network_name],
    ["ordering", status.ordering],
    ["blocks", status.n_bc],
    ["patients", status.patients],
    ["epoch", status.epoch],
    ["slot", t("explorer.slot_value", { slot: status.slot, final: status.final_slot })],
    ["leader", status.leader],
  ];
  return [
    el(
      "dl",
      { class: "chips" },
      chips.map(([name, value]) =>
        el("div", {}, el("dt", {}, t(`explorer.${name}`)), el("dd", {}, value)),
      ),
    ),
    status.ready
      ? null
      : el(
          "div",
          { class: "notice", role: "status" },
          t("explorer.not_ready"),
          el(
            "ul",
            {},
            status.not_ready.map((reason) => el("li", {}, reason)),
          ),
        ),
  ];
}

/** Draws the figures into a place; answers what takes them down. */
async function drawFigures(place) {
  const drawn = figures(await api.get("/v1/statistics"));
  replace(
    place,
    el("h2", {}, t("explorer.figures")),
    el(
      "div",
      { class: "charts" },
      drawn.map(({ element }) => element),
    ),
  );
  const stops = await Promise.all(drawn.map(({ start }) => start()));
  return () => stops.forEach((stop) => stop());
}

/** Runs `work` once things have been quiet, not at every event of a burst. */
function quietly(work) {
  let timer = null;
  return {
    soon: () => {
      clearTimeout(timer);
      timer = setTimeout(() => void work(), QUIET_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Shows the network; what waits is kept up to date. */
export async function show(place) {
  const staff = may("proposal.read");
  const [head, open, rest, charts] = [1, 2, 3, 4].map(() => el("div", {}));
  let stopFigures = () => {};
  const refresh = async () => {
    const status = await api.get("/v1/status");
    replace(head, state(status));
    if (staff) replace(open, await waiting());
    const [charter, registry] = await Promise.all([
      api.get("/v1/charter"),
      staff ? api.get("/v1/registry") : { entries: [] },
    ]);
    replace(
      rest,
      members(charter, status),
      staff ? standIns(registry.entries) : null,
      rules(charter),
    );
  };
  replace(place, el("h1", {}, t("explorer.network_title")), head, open, charts, rest);
  await refresh();
  if (staff) stopFigures = await drawFigures(charts);
  const later = quietly(refresh);
  const stopListening = listen("*", later.soon);
  return () => {
    stopListening();
    later.stop();
    stopFigures();
  };
}
