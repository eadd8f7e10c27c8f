/**
 * The patient's new keys: made here, saved as an encrypted file, never sent.
 * @module
 */

import { announce, el, replace } from "../elements.js";
import { Fault } from "../keys/faults.js";
import { newWallet } from "../keys/wallet.js";
import { t } from "../texts.js";

function save(fileText, address) {
  const blob = new Blob([fileText], { type: "application/json" });
  const link = el("a", {
    href: URL.createObjectURL(blob),
    download: `wallet-${address.slice(0, 14)}.json`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function secret(id, text) {
  const input = el("input", {
    id,
    type: "password",
    autocomplete: "new-password",
    minlength: 12,
    required: true,
  });
  return { input, rows: [el("label", { for: id }, t(text)), input] };
}

function kept(fileText, wallet, onKept) {
  const tick = el("input", { id: "wallet-kept", type: "checkbox" });
  tick.addEventListener("change", () => onKept(tick.checked));
  const again = () => save(fileText, wallet.address);
  return [
    el("p", {}, t("record.wallet_made"), " ", el("code", {}, wallet.address)),
    el("button", { type: "button", on: { click: again } }, t("record.wallet_save_again")),
    el("label", { class: "tick", for: "wallet-kept" }, tick, t("record.wallet_kept")),
  ];
}

/** Makes and saves a wallet; a text for the person where it cannot. */
async function made(first, second) {
  if (first.value !== second.value) return { problem: t("record.wallet_differs") };
  try {
    const { wallet, fileText } = await newWallet(first.value);
    first.value = second.value = "";
    save(fileText, wallet.address);
    return { wallet, fileText };
  } catch (error) {
    const known = error instanceof Fault;
    return { problem: known ? t(error.key, error.values) : t("record.wallet_refused") };
  }
}

/**
 * The part of the form that makes the keys.
 * @param {function(boolean): void} onReady  told whether the keys are made and kept
 * @returns {{element: Node, keys: function(): ?{wallet: object, fileText: string}, forget:
 *   function(): void}}
 */
export function walletMaker(onReady) {
  let keys = null;
  const first = secret("wallet-new", "record.wallet_new_passphrase");
  const second = secret("wallet-again", "record.wallet_again");
  const problem = el("p", { class: "problem", role: "alert" });
  const make = async () => {
    button.disabled = true;
    const result = await made(first.input, second.input);
    button.disabled = false;
    replace(problem, result.problem ?? null);
    if (result.problem !== undefined) return;
    keys = result;
    replace(fields, kept(keys.fileText, keys.wallet, onReady));
    announce(t("record.wallet_made"));
  };
  const on = { click: () => void make() };
  const button = el("button", { type: "button", on }, t("record.wallet_make"));
  const fields = el("div", { class: "wallet-fields" }, first.rows, second.rows, problem, button);
  const element = el(
    "fieldset",
    {},
    el("legend", {}, t("record.wallet")),
    el("p", { class: "hint" }, t("record.wallet_hint")),
    fields,
  );
  return { element, keys: () => keys, forget: () => keys?.wallet.close() };
}
