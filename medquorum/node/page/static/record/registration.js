/**
 * Registering a patient: the institution's node seals the form, or the doctor does it herself.
 * @module
 */

import { dropSent, sentOf } from "../case/drafts.js";
import { issue } from "../case/issue.js";
import { parseAddress } from "../keys/address.js";
import { fromHex } from "../keys/bytes.js";
import { ownNetwork } from "../keys/members.js";
import { registrationFor } from "../keys/wallet.js";
import { session } from "../session.js";
import { dropBegun, keepBegun } from "./begun.js";

/** How this node registers: `node` (an institution's key), `hand` (the doctor's), or not at all. */
export function wayOf(role) {
  if (role === "hospital") return "node";
  return role === "doctor" ? "hand" : null;
}

/** What stands in the first record: an institution's node seals the name by itself. */
function contentsOf({ registration, vitalSigns, way }) {
  if (way === "node") return { V_IND: vitalSigns };
  const name = { name: registration.name, salt: fromHex(registration.name_salt) };
  return { PAT_NAME: name, V_IND: vitalSigns };
}

/** The draft of `issue` that stands for the registration of an address (mqpat1…). */
export function draftOfKeys(address) {
  return { kind: "registration", patient: address };
}

function orderOf({ registration, doctor, vitalSigns }, way) {
  return {
    type: "medical_form",
    patient: null,
    registration,
    doctor,
    contents: contentsOf({ registration, vitalSigns, way }),
    references: [],
    replaces: null,
  };
}

/** Issues what `make` gives; nothing is kept of it once there is nothing to wait for. */
async function issued(make, { address }) {
  const draft = draftOfKeys(address);
  const outcome = await issue(make, draft);
  if (outcome.receipt !== null) dropSent(draft);
  if (sentOf(draft) === null) dropBegun();
  return outcome;
}

/**
 * Registers the owner of a wallet, however often it has to be sent: once.
 * @param {{wallet: object, fileText: string}} keys of `newWallet`, the wallet still open
 * @param {"node"|"hand"} way
 * @returns {function({name: string, doctor: string, vitalSigns: object}):
 *   Promise<{receipt: ?object, problem: ?string}>} sends what the form holds; as `issue`
 */
export function registrar(keys, way) {
  const { wallet } = keys;
  const proofs = new Map();
  let sent = null;
  // A new proof is another text: for one name there is one, so that trying again is the same.
  const proofFor = async (name) => {
    // Also where a doctor signs herself: only the key of this node's doctor opens here.
    const issuer = parseAddress(session.node.address).address;
    const asked = { wallet, network: ownNetwork(), issuer, name };
    if (!proofs.has(name)) proofs.set(name, await registrationFor(asked));
    return proofs.get(name);
  };
  return ({ name, doctor, vitalSigns }) =>
    issued(async () => {
      const written = { registration: await proofFor(name), doctor, vitalSigns };
      const text = JSON.stringify(written);
      if (sentOf(draftOfKeys(wallet.address)) === null) sent = text;
      await keepBegun(keys, written, text !== sent);
      return orderOf(written, way);
    }, wallet);
}

/** Sends again what was sent before the page was loaded anew: the very same. As `issue`. */
export function sendAgain({ keys, written }, way) {
  return issued(() => orderOf(written, way), keys.wallet);
}
