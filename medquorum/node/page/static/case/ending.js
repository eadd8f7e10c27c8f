/**
 * When a case ends, or how long it has been over.
 * @module
 */

import { localTime, until } from "../format.js";
import { t } from "../texts.js";

/** In words, of a proposal: its deadline while it is open, else when it was decided or closed. */
export function ending({ state, expires_at_ms: expires, decided_at_ms: decided }) {
  if (state === "open") return t("case.ends", { until: until(expires) });
  if (decided !== null) return t("case.decided", { time: localTime(decided) });
  return t(state === "accepted" || state === "rejected" ? "case.decided_now" : "case.closed");
}
