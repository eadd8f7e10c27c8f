/**
 * Name and password, then the doctor's key.
 * @module
 */

import { draw, open } from "../curtain.js";
import { el, replace } from "../elements.js";
import { keyForm } from "../key_form.js";
import { may, session, signIn } from "../session.js";
import { t } from "../texts.js";

/**
 * A form that asks for a password, and for the name unless it is known.
 * @param {{user?: ?string, onDone: function(): void, extra?: Node[]}} options
 */
export function askForPassword({ user = null, onDone, extra = [] }) {
  const name = el("input", {
    id: "name",
    autocomplete: "username",
    required: true,
    maxlength: 64,
    spellcheck: "false",
    value: user ?? "",
  });
  const password = el("input", {
    id: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
    maxlength: 1024,
  });
  const problem = el("p", { class: "problem", role: "alert" });
  const button = el("button", { type: "submit", class: "primary" }, t("shell.sign_in"));
  name.readOnly = user !== null;
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    replace(problem);
    try {
      await signIn(name.value.trim(), password.value);
      await onDone();
    } catch (error) {
      replace(
        problem,
        error.rule === "login" ? t("shell.wrong_login") : (error.advice ?? t("shell.view_failed")),
      );
    } finally {
      password.value = "";
      button.disabled = false;
    }
  };
  queueMicrotask(() => (user === null ? name : password).focus());
  return el(
    "form",
    { class: "card-form", on: { submit } },
    el("label", { for: "name" }, t("shell.name")),
    name,
    el("label", { for: "password" }, t("shell.password")),
    password,
    problem,
    el("div", { class: "buttons" }, button, extra),
  );
}

/** Shows the sign-in; `expired` says that a session has ended, with the desk kept behind it. */
export function showSignIn({ expired = false, onDone }) {
  const why = expired ? t("shell.session_over") : t("shell.sign_in_why");
  draw(t("shell.sign_in"), el("p", { class: "hint" }, why), askForPassword({ onDone }));
}

/** Asks a doctor who has just signed in for her key; anyone else goes straight to the desk. */
export async function showKeyStep(onDone) {
  const done = () => {
    open();
    onDone();
  };
  if (session.role !== "doctor" || !may("vote.carry")) {
    done();
    return;
  }
  const later = el("button", { type: "button", on: { click: done } }, t("shell.key_later"));
  const { form, focus } = await keyForm({ onOpen: done, extra: [later] });
  draw(t("shell.key_title"), el("p", { class: "hint" }, t("shell.key_why")), form);
  focus();
}
