/**
 * Opening a patient's wallet file on this page, for one signature; it is closed after it.
 * @module
 */

import { dialog, el, replace } from "../elements.js";
import { Fault } from "../keys/faults.js";
import { openWallet } from "../keys/wallet.js";
import { t } from "../texts.js";

const LARGEST_BYTES = 65_536;

/** What a person is told where a wallet did not open. */
export function walletProblem(error) {
  return error instanceof Fault ? t(error.key, error.values) : t("record.wallet_refused");
}

/** The two fields; `taken` empties the passphrase as it hands it over. */
export function walletFields() {
  const file = el("input", {
    id: "wallet-file",
    type: "file",
    accept: ".json,application/json",
    required: true,
  });
  const passphrase = el("input", {
    id: "wallet-passphrase",
    type: "password",
    autocomplete: "off",
    required: true,
  });
  const rows = [
    el("label", { for: "wallet-file" }, t("record.wallet_file")),
    file,
    el("label", { for: "wallet-passphrase" }, t("record.wallet_passphrase")),
    passphrase,
  ];
  const taken = () => {
    const secret = passphrase.value;
    passphrase.value = "";
    return { file: file.files[0], secret };
  };
  return { rows, taken };
}

/**
 * Asks for the wallet of one patient and does `work` with it.
 * @param {string} address the patient's, mqpat1…; another's wallet is refused
 * @param {string} why what is about to be signed, in words
 * @param {function(object): Promise<void>} work
 * @returns {Promise<boolean>} whether it was done
 */
export async function withWallet(address, why, work) {
  const fields = walletFields();
  const problem = el("p", { class: "problem", role: "alert" });
  const sign = el("button", { type: "submit", class: "primary" }, t("record.sign"));
  const close = () => box.close();
  const cancel = el("button", { type: "button", on: { click: close } }, t("shell.cancel"));
  let done = false;
  const submit = async (event) => {
    event.preventDefault();
    sign.disabled = true;
    replace(problem);
    const { file, secret } = fields.taken();
    try {
      await useWallet(file, secret, address, work);
      done = true;
      close();
    } catch (error) {
      replace(problem, error.advice ?? walletProblem(error));
    } finally {
      sign.disabled = false;
    }
  };
  const form = el(
    "form",
    { class: "card-form", on: { submit: (event) => void submit(event) } },
    fields.rows,
    problem,
    el("div", { class: "buttons" }, sign, cancel),
  );
  const box = dialog(t("record.wallet_open"), el("p", {}, why), form);
  await new Promise((resolve) => box.addEventListener("close", resolve));
  return done;
}

/**
 * Opens a chosen file.
 * @param {File|undefined} file @param {string} passphrase
 * @returns {Promise<{wallet: object, fileText: string}>}
 * @throws {Fault} for a wrong passphrase or another file
 */
export async function openedFile(file, passphrase) {
  if (file === undefined || file.size > LARGEST_BYTES) throw new Fault("", "record.wallet_refused");
  const fileText = await file.text();
  return { wallet: await openWallet(fileText, passphrase), fileText };
}

async function useWallet(file, passphrase, address, work) {
  const { wallet } = await openedFile(file, passphrase);
  try {
    if (wallet.address !== address) throw new Fault("R-CST2", "record.wallet_of_another");
    await work(wallet);
  } finally {
    wallet.close();
  }
}
