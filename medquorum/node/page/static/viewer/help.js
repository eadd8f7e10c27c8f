/** The keys of the viewer, shown on request. */

import { dialog, el } from "../elements.js";
import { t } from "../texts.js";

/** Shows them. */
export function showKeys() {
  const lines = t("viewer.help_keys")
    .split("\n")
    .map((line) => el("p", {}, line));
  const close = el("button", { type: "submit", autofocus: true }, t("viewer.close"));
  dialog(
    t("viewer.help_heading"),
    ...lines,
    el("form", { method: "dialog", class: "buttons" }, close),
  );
}
