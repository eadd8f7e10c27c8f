/**
 * The keys of a patient who is registered: made here, saved as an encrypted file, never sent; or
 * opened from the file she has. Nobody is registered twice with the same keys (R-ORD4).
 * @module
 */

import { announce, el, replace } from "../elements.js";
import { Fault } from "../keys/faults.js";
import { newWallet } from "../keys/wallet.js";
import { numberOf } from "../session.js";
import { t } from "../texts.js";
import { openedFile, walletFields, walletProblem } from "./wallet_form.js";

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

/** Opens the wallet of somebody who is not registered; a text for the person where it cannot. */
async function reopened({ file, secret }) {
  let keys = null;
  try {
    keys = await openedFile(file, secret);
    const number = await numberOf(keys.wallet.address);
    if (number === null) return keys;
    keys.wallet.close();
    return { problem: t("record.wallet_registered", { n: number }) };
  } catch (error) {
    keys?.wallet.close();
    return { problem: error.advice ?? walletProblem(error) };
  }
}

/** A button that obtains keys; what stops it is said. */
function obtaining(text, obtain, take) {
  const problem = el("p", { class: "problem", role: "alert" });
  const act = async () => {
    button.disabled = true;
    const found = await obtain();
    button.disabled = false;
    replace(problem, found.problem ?? null);
    if (found.problem === undefined) take(found);
  };
  const button = el("button", { type: "button", on: { click: () => void act() } }, t(text));
  return [problem, button];
}

/** The fields for new keys, and those for a file she has. */
function waysToKeys(onMade, onOpened) {
  const first = secret("wallet-new", "record.wallet_new_passphrase");
  const second = secret("wallet-again", "record.wallet_again");
  const make = () => made(first.input, second.input);
  const { rows, taken } = walletFields();
  const open = () => reopened(taken());
  return [
    first.rows,
    second.rows,
    obtaining("record.wallet_make", make, onMade),
    el(
      "details",
      {},
      el("summary", {}, t("record.wallet_there")),
      el("p", { class: "hint" }, t("record.wallet_there_hint")),
      el("div", { class: "wallet-fields" }, rows, obtaining("record.wallet_use", open, onOpened)),
    ),
  ];
}

/**
 * The part of the form that makes the keys, or opens them.
 * @param {function(boolean): void} onReady  told whether the keys are there and kept
 * @returns {{element: Node, keys: function(): ?{wallet: object, fileText: string}, forget:
 *   function(): void}}
 */
export function walletMaker(onReady) {
  let keys = null;
  const fields = el("div", { class: "wallet-fields" });
  const take = (obtained, shown, said) => {
    keys = obtained;
    replace(fields, shown);
    announce(t(said));
  };
  const onMade = (obtained) =>
    take(obtained, kept(obtained.fileText, obtained.wallet, onReady), "record.wallet_made");
  const onOpened = (obtained) => {
    const address = el("code", {}, obtained.wallet.address);
    take(obtained, el("p", {}, t("record.wallet_used"), " ", address), "record.wallet_used");
    onReady(true);
  };
  replace(fields, waysToKeys(onMade, onOpened));
  const element = el(
    "fieldset",
    {},
    el("legend", {}, t("record.wallet")),
    el("p", { class: "hint" }, t("record.wallet_hint")),
    fields,
  );
  return { element, keys: () => keys, forget: () => keys?.wallet.close() };
}
