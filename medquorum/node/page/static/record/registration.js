/**
 * Registering a patient: the institution's node seals the form, or the doctor does it herself.
 * @module
 */

import { api } from "../api.js";
import { parseAddress } from "../keys/address.js";
import { fromHex, hex, randomBytes } from "../keys/bytes.js";
import { hand } from "../keys/hand.js";
import { ownNetwork } from "../keys/members.js";
import { sealAndPropose } from "../keys/seal.js";
import { registrationFor } from "../keys/wallet.js";
import { session } from "../session.js";

/** How this node registers: `node` (an institution's key), `hand` (the doctor's), or not at all. */
export function wayOf(role) {
  if (role === "hospital") return "node";
  return role === "doctor" ? "hand" : null;
}

function issuer(way) {
  return way === "hand" ? hand.address : parseAddress(session.node.address).address;
}

async function byNode({ registration, doctor, vitalSigns, key }) {
  const form = new FormData();
  form.set("type", "medical_form");
  form.set("doctor", doctor);
  form.set("registration", JSON.stringify(registration));
  form.set("V_IND", JSON.stringify(vitalSigns));
  return api.post("/v1/submissions", form, { key });
}

async function byHand({ registration, doctor, vitalSigns }) {
  return sealAndPropose({
    type: "medical_form",
    patient: null,
    registration,
    doctor,
    contents: {
      PAT_NAME: { name: registration.name, salt: fromHex(registration.name_salt) },
      V_IND: vitalSigns,
    },
  });
}

/**
 * What is sent again unchanged when the node did not answer the first time.
 * @param {{wallet: object, name: string, doctor: string, vitalSigns: object, way: string}} wish
 */
export async function orderOf({ wallet, name, doctor, vitalSigns, way }) {
  const asked = { wallet, network: ownNetwork(), issuer: issuer(way), name };
  return {
    registration: await registrationFor(asked),
    doctor,
    vitalSigns,
    way,
    key: hex(randomBytes(16)),
  };
}

/** Proposes the registration. @returns {Promise<{proposal: string}>} the node's receipt */
export async function propose(order) {
  return order.way === "hand" ? byHand(order) : byNode(order);
}
