/**
 * The figures of the network: latency, participation, maturity.
 * @module
 */

import { percent } from "../format.js";
import { typeName } from "../record/timeline.js";
import { t } from "../texts.js";
import { figure } from "./chart.js";

const ACCENT = "#5aa9e6";
const WARNING = "#e0a64a";
const APPROVE = "#5fbf8f";
const PPM = 1_000_000;
const SECOND_MS = 1_000;

function seconds(ms) {
  return ms === null ? null : ms / SECOND_MS;
}

function shownSeconds(ms) {
  return ms === null ? "" : t("explorer.seconds", { number: (ms / SECOND_MS).toFixed(1) });
}

function middle(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted.length === 0 ? null : sorted[Math.floor(sorted.length / 2)];
}

function latency({ latencies }) {
  const half = middle(latencies.map(({ total_ms }) => total_ms));
  return figure({
    title: t("explorer.latency"),
    note:
      half === null
        ? t("explorer.no_blocks")
        : t("explorer.latency_note", { half: shownSeconds(half) }),
    x: latencies.map(({ n_bc }) => n_bc),
    xLabel: t("explorer.axis_block"),
    yLabel: t("explorer.axis_seconds"),
    yScale: { distr: 3, log: 10 },
    lines: [
      {
        label: t("explorer.total"),
        colour: ACCENT,
        values: latencies.map(({ total_ms }) => Math.max(0.001, seconds(total_ms))),
      },
      {
        label: t("explorer.until_last_vote"),
        colour: WARNING,
        values: latencies.map(({ votes_ms }) =>
          votes_ms === null ? null : Math.max(0.001, seconds(votes_ms)),
        ),
      },
    ],
    columns: [
      t("explorer.axis_block"),
      t("explorer.column_type"),
      t("explorer.until_last_vote"),
      t("explorer.total"),
    ],
    rows: latencies
      .toReversed()
      .map((one) => [
        one.n_bc,
        typeName(one.type),
        shownSeconds(one.votes_ms),
        shownSeconds(one.total_ms),
      ]),
  });
}

function participation({ participation: doctors }) {
  const share = ({ asked, missing }) => (asked === 0 ? 0 : (asked - missing) / asked);
  return figure({
    title: t("explorer.participation"),
    note: t("explorer.participation_note"),
    x: doctors.map((_, index) => index),
    xLabel: t("explorer.column_doctor"),
    yLabel: t("explorer.axis_share"),
    xScale: { range: [-0.6, doctors.length - 0.4] },
    yScale: { range: [0, 100] },
    xAxis: {
      splits: () => doctors.map((_, index) => index),
      values: (_, places) => places.map((place) => doctors[place]?.name ?? ""),
      grid: { show: false },
    },
    lines: [
      {
        label: t("explorer.axis_share"),
        colour: APPROVE,
        bars: true,
        values: doctors.map((one) => 100 * share(one)),
      },
    ],
    columns: [
      "doctor",
      "asked",
      "approved",
      "rejected",
      "abstained",
      "automatic",
      "missing",
      "share",
    ].map((name) => t(`explorer.column_${name}`)),
    rows: doctors.map((one) => [
      one.name,
      one.asked,
      one.approved,
      one.rejected,
      one.abstained,
      one.automatic,
      one.missing,
      percent(share(one)),
    ]),
  });
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
    x: points.map((_, index) => index + 1),
    xLabel: t("explorer.axis_report"),
    yLabel: t("explorer.axis_share"),
    yScale: { range: [0, 100] },
    lines: [
      {
        label: t("explorer.lower_bound"),
        colour: ACCENT,
        values: points.map(({ lower_ppm }) => (100 * lower_ppm) / PPM),
      },
      {
        label: t("explorer.threshold"),
        colour: WARNING,
        points: false,
        values: points.map(() => (100 * threshold_ppm) / PPM),
      },
    ],
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
