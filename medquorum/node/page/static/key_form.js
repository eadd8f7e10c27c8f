/**
 * Opening the doctor's key: her encrypted file and its passphrase, both read on this page only.
 * @module
 */

import { touchButton } from "./authenticator.js";
import { announce, dialog, el, replace } from "./elements.js";
import { knownKeyFile, readKeyFile, useKeyFile } from "./key_file.js";
import { Fault } from "./keys/faults.js";
import { hand } from "./keys/hand.js";
import { renewSession, session } from "./session.js";
import { t } from "./texts.js";

/** Opens the key; throws with a text for the doctor where it cannot. */
async function openKey({ known, file, passphrase, remember }) {
  const name = file === null ? known.name : file.name;
  let text;
  try {
    text = file === null ? known.text : await readKeyFile(file);
    await hand.open(text, passphrase);
  } catch (fault) {
    throw new Error(fault instanceof Fault ? t(fault.key, fault.values) : t("shell.key_refused"));
  }
  if (hand.member.address !== session.node.address) {
    hand.lock();
    throw new Error(t("shell.key_of_another", { member: session.node.name }));
  }
  await useKeyFile({ user: session.user, name, text, remember });
}

function fields(known) {
  const file = el("input", {
    id: "key-file",
    type: "file",
    accept: ".json,application/json",
    required: known === null,
  });
  const passphrase = el("input", {
    id: "key-passphrase",
    type: "password",
    autocomplete: "off",
    required: true,
  });
  const remember = el("input", { id: "key-remember", type: "checkbox" });
  return { file, passphrase, remember };
}

function fileRows(known, { file, remember }) {
  const note =
    known === null ? t("shell.key_file_hint") : t("shell.key_file_known", { file: known.name });
  return [
    el(
      "label",
      { for: "key-file" },
      known === null ? t("shell.key_file") : t("shell.key_file_other"),
    ),
    file,
    el("p", { class: "hint" }, note),
    el("label", { class: "tick", for: "key-remember" }, remember, t("shell.key_remember")),
  ];
}

/**
 * The form that opens the key.
 * @param {{onOpen: function(): void, extra?: Node[], rename?: string}} options  extra: more buttons
 */
export async function keyForm({ onOpen, extra = [] }) {
  const known = await knownKeyFile(session.user);
  const inputs = fields(known);
  const problem = el("p", { class: "problem", role: "alert" });
  const button = el("button", { type: "submit", class: "primary" }, t("shell.key_open"));
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    replace(problem);
    const passphrase = inputs.passphrase.value;
    inputs.passphrase.value = "";
    try {
      await openKey({
        known,
        file: inputs.file.files[0] ?? null,
        passphrase,
        remember: inputs.remember.checked,
      });
    } catch (error) {
      replace(problem, error.message);
      inputs.passphrase.focus();
      return;
    } finally {
      button.disabled = false;
    }
    await renewSession();
    announce(t("shell.key_is_open"));
    try {
      await onOpen();
    } catch (error) {
      replace(problem, error.advice ?? t("shell.view_failed"));
    }
  };
  const rows = fileRows(known, inputs);
  const passphraseRow = [
    el("label", { for: "key-passphrase" }, t("shell.key_passphrase")),
    inputs.passphrase,
  ];
  const order =
    known === null
      ? [...rows, ...passphraseRow]
      : [...passphraseRow, el("details", {}, el("summary", {}, t("shell.key_file_other")), rows)];
  const form = el(
    "form",
    { class: "card-form", on: { submit } },
    order,
    problem,
    el("div", { class: "buttons" }, button, extra),
  );
  return { form, focus: () => (known === null ? inputs.file : inputs.passphrase).focus() };
}

/**
 * Asks for the key where it is closed; for whoever is about to sign.
 * @returns {Promise<boolean>} whether the key is open now
 */
export async function ensureHand() {
  if (hand.isOpen) return true;
  let box = null;
  const cancel = el(
    "button",
    { type: "button", on: { click: () => box.close() } },
    t("shell.cancel"),
  );
  const problem = el("p", { class: "problem", role: "alert" });
  const touch = touchButton({ onOpen: () => box.close(), problem });
  const extra = [cancel, touch];
  const { form, focus } = await keyForm({ onOpen: () => box.close(), extra });
  box = dialog(t("shell.key_title"), el("p", { class: "hint" }, t("shell.key_why")), form, problem);
  focus();
  await new Promise((resolve) => box.addEventListener("close", resolve));
  return hand.isOpen;
}
