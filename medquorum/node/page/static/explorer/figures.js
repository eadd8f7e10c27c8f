/**
 * The figures of the network: latency, participation, maturity.
 * @module
 */

import { percent, span } from "../format.js";
import { typeName } from "../record/timeline.js";
import { t } from "../texts.js";
import { figure } from "./chart.js";

const ACCENT = "#5aa9e6";
const WARNING = "#e0a64a";
const APPROVE = "#5fbf8f";
const PPM = 1_000_000;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const TICK_MS = 1;

/** From the last vote to finality, ms; null where nobody had to vote. */
function ordering({ votes_ms, total_ms }) {
  return votes_ms === null ? null : total_ms - votes_ms;
}

/** Seconds for a logarithmic scale, which has no zero. @param {?number} ms */
function atLeastTick(ms) {
  return ms === null ? null : Math.max(TICK_MS, ms) / SECOND_MS;
}

function shownSpan(ms) {
  if (ms === null) return "";
  return ms < MINUTE_MS ? t("explorer.seconds", { number: (ms / SECOND_MS).toFixed(1) }) : span(ms);
}

function middle(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted.length === 0 ? null : sorted[Math.floor(sorted.length / 2)];
}

/** Voting takes a doctor's time, ordering a machine's: on one scale, logarithmic. */
function latencyLines(latencies) {
  const line = (label, colour, take) => ({
    label: t(label),
    colour,
    values: latencies.map((one) => atLeastTick(take(one))),
  });
  return [
    line("explorer.total", ACCENT, ({ total_ms }) => total_ms),
    line("explorer.ordering_time", WARNING, ordering),
  ];
}

function latency({ latencies }) {
  const half = middle(latencies.map(({ total_ms }) => total_ms));
  const names = ["axis_block", "column_type", "until_last_vote", "ordering_time", "total"];
  return figure({
    title: t("explorer.latency"),
    note:
      half === null ? t("explorer.no_blocks") : t("explorer.latency_note", { half: span(half) }),
    x: latencies.map(({ n_bc }) => n_bc),
    xLabel: t("explorer.axis_block"),
    yLabel: t("explorer.axis_seconds"),
    yScale: { distr: 3, log: 10 },
    lines: latencyLines(latencies),
    columns: names.map((name) => t(`explorer.${name}`)),
    rows: latencies
      .toReversed()
      .map((one) => [
        one.n_bc,
        typeName(one.type),
        shownSpan(one.votes_ms),
        shownSpan(ordering(one)),
        shownSpan(one.total_ms),
      ]),
  });
}

/** An axis and a scale on which each doctor has a place. */
function doctorScale(doctors) {
  const places = doctors.map((_, index) => index);
  return {
    x: places,
    xLabel: t("explorer.column_doctor"),
    xScale: { range: [-0.6, doctors.length - 0.4] },
    xAxis: {
      splits: () => places,
      values: (_, shown) => shown.map((place) => doctors[place]?.name ?? ""),
      grid: { show: false },
    },
  };
}

const COUNTS = ["asked", "approved", "rejected", "abstained", "automatic", "missing"];

function participation({ participation: doctors }) {
  const share = ({ asked, missing }) => (asked === 0 ? 0 : (asked - missing) / asked);
  const voted = {
    label: t("explorer.axis_share"),
    colour: APPROVE,
    bars: true,
    values: doctors.map((one) => 100 * share(one)),
  };
  return figure({
    title: t("explorer.participation"),
    note: t("explorer.participation_note"),
    ...doctorScale(doctors),
    yLabel: t("explorer.axis_share"),
    yScale: { range: [0, 100] },
    lines: [voted],
    columns: ["doctor", ...COUNTS, "share"].map((name) => t(`explorer.column_${name}`)),
    rows: doctors.map((one) => [one.name, ...COUNTS.map((name) => one[name]), percent(share(one))]),
  });
}

/**
 * The lower bound and the threshold over the count of reports. A line needs two places: beside a
 * single report the threshold goes on, and the bound is where it is.
 */
function maturityLines({ points, threshold_ppm }) {
  const beside = points.length === 1 ? [null] : [];
  const bounds = points.map(({ lower_ppm }) => (100 * lower_ppm) / PPM);
  const values = [...beside, ...bounds, ...beside];
  return {
    x: values.map((_, index) => index + 1 - beside.length),
    lines: [
      { label: t("explorer.lower_bound"), colour: ACCENT, values },
      {
        label: t("explorer.threshold"),
        colour: WARNING,
        points: false,
        values: values.map(() => (100 * threshold_ppm) / PPM),
      },
    ],
  };
}

function maturity(curve) {
  const { points, threshold_ppm } = curve;
  const kind = t(`explorer.kind_${curve.kind}`);
  return figure({
    title: t("explorer.maturity", { name: curve.entity_name, kind }),
    note: t("explorer.maturity_note", {
      threshold: percent(threshold_ppm / PPM),
      window: curve.window,
    }),
    ...maturityLines(curve),
    xLabel: t("explorer.axis_report"),
    yLabel: t("explorer.axis_share"),
    yScale: { range: [0, 100] },
    columns: [
      t("explorer.axis_block"),
      t("explorer.column_reports"),
      t("explorer.column_approved"),
      t("explorer.lower_bound"),
    ],
    rows: points
      .toReversed()
      .map((one) => [one.n_bc, one.reports, one.approved, percent(one.lower_ppm / PPM)]),
  });
}

/** The figures of `GET /v1/statistics`. */
export function figures(statistics) {
  return [latency(statistics), participation(statistics), ...statistics.maturity.map(maturity)];
}
