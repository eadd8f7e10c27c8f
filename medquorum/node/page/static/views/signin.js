/**
 * Name and password.
 * @module
 */

import { api } from "../api.js";
import { el, replace } from "../elements.js";
import { t } from "../texts.js";

export async function show(place) {
  const name = el("input", { id: "name", name: "name", autocomplete: "username", required: true });
  const password = el("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const problem = el("p", { class: "problem", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await api.post("/v1/login", { name: name.value, password: password.value, kind: "session" });
      location.reload();
    } catch (error) {
      replace(problem, error.advice);
    }
  };
  replace(place, el("form", { class: "signin", on: { submit } },
    el("label", { for: "name" }, t("shell.name")), name,
    el("label", { for: "password" }, t("shell.password")), password,
    problem, el("button", { type: "submit" }, t("shell.sign_in"))));
}
