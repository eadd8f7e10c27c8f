/**
 * Numbers and times as a doctor reads them: local time, units shown.
 * @module
 */

import { t } from "./texts.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const moment = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
});

/** @param {number} ms milliseconds since 1970 UTC */
export function localTime(ms) {
  return moment.format(new Date(ms));
}

/** A length of time in its largest unit, e.g. "3 h"; @param {number} ms */
export function span(ms) {
  const length = Math.abs(ms);
  if (length < MINUTE) return t("shell.span_seconds", { count: Math.round(length / 1000) });
  if (length < HOUR) return t("shell.span_minutes", { count: Math.floor(length / MINUTE) });
  if (length < 2 * DAY) return t("shell.span_hours", { count: Math.floor(length / HOUR) });
  return t("shell.span_days", { count: Math.floor(length / DAY) });
}

/** How long ago a moment was; @param {number} ms since 1970 UTC */
export function age(ms) {
  return span(Math.max(0, Date.now() - ms));
}

/** How long until a moment, or that it has passed; @param {number} ms since 1970 UTC */
export function until(ms) {
  const left = ms - Date.now();
  return left > 0 ? t("shell.until", { span: span(left) }) : t("shell.passed");
}

/** @param {number} ml millilitres (one decimal below 10) */
export function millilitres(ml) {
  return t("shell.millilitres", { number: ml.toFixed(Math.abs(ml) < 10 ? 1 : 0) });
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return t("shell.percent", { number: Math.round(share * 100) });
}

/** A model's own estimate: neither 0 nor 100, for it is never sure. @param {number} ppm */
export function estimate(ppm) {
  return percent(Math.min(Math.max(ppm / 1_000_000, 0.01), 0.99));
}

/** Controls and format characters; not the two joiners: they spell words and turn nothing round. */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * A foreign text with every character made visible that shows as nothing or turns others round,
 * e.g. U+202E; letters of every script stay. Put it into a `bdi` where other words stand beside it.
 * @param {string} text  such as the name of a file
 */
export function visible(text) {
  const mark = (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  return String(text).replace(UNSEEN, mark);
}

/** The first eight characters of a hex id: enough to compare by eye with another list. */
export function shortId(hex) {
  return hex.slice(0, 8);
}
