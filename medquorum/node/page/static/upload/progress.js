/**
 * How far an upload is: in all, and each file.
 * @module
 */

import { el, replace } from "../elements.js";
import { percent, visible } from "../format.js";
import { t } from "../texts.js";

const MEGABYTE = 1_000_000;
/** Rows shown of files on their way; the others are counted. */
const ROWS = 300;

/** A size in MB, with one decimal below ten; @param {number} bytes */
export function megabytes(bytes) {
  const size = bytes / MEGABYTE;
  return t("upload.megabytes", { number: size.toFixed(size < 10 ? 1 : 0) });
}

function stateOf(one) {
  if (one.problem !== null) return one.problem;
  if (one.received === one.length) return t("upload.file_here");
  if (one.file === null) return t("upload.file_again");
  return percent(one.received / one.length);
}

function row(one, remove) {
  const state = one.problem !== null ? "problem" : one.received === one.length ? "here" : "waiting";
  const button = el(
    "button",
    {
      type: "button",
      class: "link",
      "aria-label": t("upload.remove_file", { name: visible(one.name) }),
      on: { click: () => remove(one) },
    },
    t("upload.remove"),
  );
  return el(
    "tr",
    { "data-state": state },
    el("td", { class: "file-name" }, el("bdi", {}, visible(one.name))),
    el("td", { class: "number" }, megabytes(one.length)),
    el("td", { class: "file-state" }, stateOf(one)),
    el("td", {}, button),
  );
}

/** Those that need attention first. */
function shownRows(files) {
  const weight = (one) =>
    one.problem !== null ? 0 : one.file === null && one.received < one.length ? 1 : 2;
  return [...files].sort((a, b) => weight(a) - weight(b)).slice(0, ROWS);
}

function summary(sending) {
  const values = {
    count: sending.files.length,
    received: megabytes(sending.received),
    total: megabytes(sending.total),
  };
  if (sending.away) return t("upload.away", values);
  if (sending.complete) return t("upload.all_here", values);
  if (sending.paused) return t("upload.paused", values);
  if (sending.missing.length > 0) return t("upload.choose_again", values);
  return t("upload.sending", values);
}

/**
 * Draws the progress into a place; called again at each change.
 * @param {{pause: function, go: function, remove: function, giveUp: function}} hands
 */
export function drawProgress(place, sending, hands) {
  const open = place.querySelector("details")?.open ?? sending.refused.length > 0;
  const bar = el("progress", {
    max: String(Math.max(sending.total, 1)),
    value: sending.received,
    "aria-label": t("upload.progress"),
  });
  const going = !sending.paused && !sending.complete && sending.missing.length === 0;
  const toggle = sending.complete
    ? null
    : el(
        "button",
        { type: "button", on: { click: going ? hands.pause : hands.go } },
        going ? t("upload.pause") : t("upload.go_on"),
      );
  const giveUp = el("button", { type: "button", on: { click: hands.giveUp } }, t("upload.give_up"));
  const words = el("p", { class: "progress-words" }, summary(sending));
  const rows = shownRows(sending.files).map((one) => row(one, hands.remove));
  const more = sending.files.length - rows.length;
  replace(
    place,
    el("div", { class: "progress-line" }, bar, words),
    el("div", { class: "buttons" }, toggle, giveUp),
    el(
      "details",
      { open },
      el("summary", {}, t("upload.each_file")),
      el("div", { class: "file-rows" }, el("table", { class: "files" }, el("tbody", {}, rows))),
      more > 0 ? el("p", { class: "hint" }, t("upload.more_files", { count: more })) : null,
    ),
  );
}
