/** Blocks, their cores and the patient's history in a proof (R-PRO, R-ORD1 to R-ORD5, R-VER1). */

import { equal, hex } from "../bytes.js";
import { decode, encode } from "../canonical.js";
import { verifyText } from "../curve.js";
import { merkleRoot, preimage, tagged, ZERO } from "../hashes.js";
import { ISSUERS } from "../ballot.js";
import { broken, Fields } from "./fields.js";

const HEADER = ["hpatient", "hprevious", "n_bc", "n_pa", "n_pb", "outcome", "proposal"];
const CORE = [
  "ai",
  "body_root",
  "doctor",
  "expires_at_ms",
  "issued_at_ms",
  "issuer",
  "network",
  "parts",
  "patient",
  "patient_key",
  "patient_name",
  "record",
  "references",
  "registration",
  "replaces",
  "seen_head",
  "type",
  "version",
];
const ACT_CORE = [
  "act",
  "expires_at_ms",
  "issued_at_ms",
  "issuer",
  "network",
  "record",
  "type",
  "version",
];
const ACT_ISSUERS = {
  amendment: ["hospital", "doctor", "laboratory", "radiologist", "ai_entity"],
  absence: ["doctor"],
  delegation: ["doctor"],
  opening: ["hospital", "doctor"],
  evidence: ["doctor"],
};
const LIFETIME_MS = 90 * 86_400_000;

async function readHeader(encoded, network) {
  const fields = Fields.of(encoded, HEADER);
  return {
    hpatient: fields.bytes("hpatient", 32),
    hprevious: fields.bytes("hprevious", 32),
    nBc: fields.integer("n_bc", 1),
    nPa: fields.integer("n_pa"),
    nPb: fields.integer("n_pb"),
    outcome: fields.choice("outcome", ["accepted", "rejected"]),
    proposal: fields.bytes("proposal", 32),
    hash: await tagged("block", network, encoded),
  };
}

function readCore(encoded) {
  const value = decode(encoded);
  const governance = value !== null && typeof value === "object" && "act" in value;
  const fields = new Fields(value, governance ? ACT_CORE : CORE);
  fields.integer("version", 1, 1);
  for (const name of ["network", "issuer", "record"]) fields.bytes(name, 32);
  for (const name of ["issued_at_ms", "expires_at_ms"]) fields.integer(name);
  const type = fields.choice("type", Object.keys(governance ? ACT_ISSUERS : ISSUERS));
  if (!governance) checkShape(fields);
  return { ...value, governance, type };
}

function checkShape(fields) {
  for (const name of ["body_root", "doctor", "patient_name", "seen_head"]) fields.bytes(name, 32);
  fields.bytes("patient_key", 33);
  fields.optionalInteger("patient", 1);
  fields.optionalBytes("replaces", 32);
  fields.bytesList("references", 32);
  fields.list("parts");
  if (fields.isNone("patient") === fields.isNone("registration")) throw broken("R-PRO4");
}

/**
 * @returns {Promise<{header: Object, core: Object, coreBytes: Uint8Array, signature: Uint8Array}>}
 */
export async function readBlock(encoded, network) {
  const fields = Fields.of(encoded, ["core", "header", "signature"]);
  const coreBytes = fields.bytes("core");
  const header = await readHeader(fields.bytes("header"), network);
  return { header, core: readCore(coreBytes), coreBytes, signature: fields.bytes("signature", 64) };
}

/** What was signed is what the header names, by a member who may issue it, in time, whole. */
export async function checkIssued(block, charter, timeMs) {
  const { core, coreBytes, header, signature } = block;
  await checkCore(core, coreBytes, header, charter);
  if (timeMs > core.expires_at_ms) throw broken("R-ORD4");
  const issuer = charter.active(core.issuer);
  const key = core.type === "evidence" ? issuer.consensus : issuer.clinical;
  const text = preimage("proposal", charter.network, coreBytes);
  if (!(await verifyText(key, text, signature))) throw broken("R-PRO2");
}

async function checkCore(core, coreBytes, header, charter) {
  if (!equal(core.network, charter.network)) throw broken("R-PRO1");
  if (!equal(header.proposal, await tagged("proposal", charter.network, coreBytes))) {
    throw broken("R-ORD1");
  }
  const lasting = core.expires_at_ms - core.issued_at_ms;
  if (lasting <= 0 || lasting > LIFETIME_MS) throw broken("R-PRO8");
  const roles = core.governance ? ACT_ISSUERS[core.type] : ISSUERS[core.type];
  const issuer = charter.active(core.issuer);
  if (!issuer || !roles.includes(issuer.role)) throw broken("R-BLK2");
  if (core.governance) return;
  if (charter.doctor(core.doctor) === null) throw broken("R-PRO6");
  if ((core.ai !== null) !== (issuer.role === "ai_entity")) throw broken("R-PRO9");
  const root = await merkleRoot(core.parts.map((part) => encode(part)));
  if (!equal(root, core.body_root)) throw broken("R-BOD2");
  if (core.registration !== null) await checkRegistration(core, charter.network);
}

async function checkRegistration(core, network) {
  const fields = new Fields(core.registration, ["encryption_key", "proof"]);
  const encryptionKey = fields.bytes("encryption_key", 33);
  const { issuer, patient_key: key } = core;
  const payload = encode({ encryption_key: encryptionKey, issuer, patient_key: key });
  const text = preimage("registration", network, payload);
  const fresh = core.type === "medical_form" && equal(core.seen_head, ZERO);
  if (!fresh || !(await verifyText(key, text, fields.bytes("proof", 64)))) throw broken("R-PRO4");
}

const newHistory = (core) => ({
  key: core.patient_key,
  name: core.patient_name,
  attending: core.doctor,
  number: 0,
  head: ZERO,
  hashes: new Set(),
  team: new Set(),
});

function append(history, core, hash) {
  if (core.type === "medical_form" || core.type === "attending") history.attending = core.doctor;
  history.head = hash;
  history.hashes.add(hex(hash));
  history.team.add(hex(core.doctor)).add(hex(core.issuer));
}

/**
 * The patient's chain from the registration on, every link checked; null where it is empty.
 * @param {function(number): Object} charterAt the charter in force at a block's N BC
 */
export async function readHistory(entries, charterAt, before) {
  let [history, last] = [null, 0];
  for (const entry of entries) {
    const fields = new Fields(entry, ["core", "header"]);
    const coreBytes = fields.bytes("core");
    const core = readCore(coreBytes);
    const header = await readHeader(fields.bytes("header"), charterAt(0).network);
    const linked = !core.governance && header.outcome === "accepted";
    if (!linked) throw broken("R-EXP3");
    if (header.nBc <= last || header.nBc >= before) throw broken("R-ORD2");
    last = header.nBc;
    const charter = charterAt(header.nBc);
    await checkCore(core, coreBytes, header, charter);
    if ((core.patient === null) !== (history === null)) throw broken("R-EXP3");
    if (history === null) history = { ...newHistory(core), number: header.nPb };
    else if (core.patient !== history.number) throw broken("R-EXP3");
    checkNumbers(header, history.number, history);
    checkPosition(core, history, charter);
    append(history, core, header.hash);
  }
  return history;
}

function checkNumbers(header, patient, history) {
  const next = history.hashes.size + 1;
  const placed = header.nPb === patient && patient >= 1 && header.nPa === next;
  if (!placed || !equal(header.hpatient, history.head)) throw broken("R-ORD3");
}

function checkPatient(core, history) {
  if (!equal(core.patient_key, history.key)) throw broken("R-ORD4");
  if (!equal(core.patient_name, history.name)) throw broken("R-PRO5");
}

function checkPosition(core, history, charter) {
  checkPatient(core, history);
  const seen = hex(core.seen_head);
  const strict = charter.policy(core.type).strict;
  const fits = strict ? seen === hex(history.head) : history.hashes.has(seen);
  if (!fits && core.registration === null) throw broken("R-PRO7");
  const named = [...core.references, ...(core.replaces === null ? [] : [core.replaces])];
  if (named.some((hash) => !history.hashes.has(hex(hash)))) throw broken("R-PRO8");
}

/** The block fits the history before it; that of a registration begins with it (R-ORD3, R-ORD5). */
export function placeInHistory({ core, header }, known, charter) {
  if (core.patient === null && known !== null) throw broken("R-EXP3");
  const history = core.patient === null ? newHistory(core) : known;
  if (header.outcome === "accepted") {
    const same = history !== null && (core.patient === null || history.number === core.patient);
    if (!same) throw broken("R-EXP3");
    checkNumbers(header, core.patient ?? header.nPb, history);
    checkPosition(core, history, charter);
    return history;
  }
  const nowhere = header.nPa === 0 && equal(header.hpatient, ZERO);
  if (!nowhere || header.nPb !== (core.patient ?? 0)) throw broken("R-ORD5");
  if (core.patient !== null && history !== null) {
    const seen = history.number === core.patient && equal(history.head, core.seen_head);
    if (!seen) throw broken("R-EXP3");
  }
  if (history !== null) checkPatient(core, history);
  return history;
}

/** Who decides on a block of a patient's chain (R-VER1, R-VOT4). */
export function questionOf({ core, header }, history, charter, registry, timeMs) {
  const attending = history && charter.responsible(history.attending);
  const standIns = registry.filter(
    (entry) =>
      attending !== null &&
      equal(entry.attending, attending) &&
      entry.fromMs <= timeMs &&
      timeMs <= entry.toMs &&
      (entry.patient === null || entry.patient === core.patient) &&
      (entry.proposal === null || equal(entry.proposal, header.proposal)) &&
      charter.doctor(entry.delegate) !== null,
  );
  const delegates = new Set(standIns.map((entry) => hex(entry.delegate)));
  let panel = charter.doctors.map((doctor) => hex(doctor.address));
  if (charter.policy(core.type).panel === "care_team") {
    const team = new Set([...(history?.team ?? []), ...(history ? delegates : [])]);
    if (attending !== null) team.add(hex(attending));
    panel = panel.filter((doctor) => team.has(doctor));
  }
  return {
    type: core.type,
    proposal: header.proposal,
    panel: new Set(panel),
    attending: attending === null ? null : hex(attending),
    delegates,
  };
}

/** Whose assent an act needs (R-GOV4). */
export function assentOf({ core, header }, charter) {
  const count = charter.doctors.length;
  const majority = Math.floor(count / 2) + 1;
  const { act, type } = core;
  let [needed, required] = [0, []];
  if (type === "amendment") {
    const mode = act.changes.some((change) => change.kind === "set_mode");
    needed = mode ? Math.floor((2 * count) / 3) + 1 : majority;
  } else if (type !== "evidence") {
    const own = type === "delegation" || (type === "absence" && equal(act.attending, core.issuer));
    needed = own ? 0 : majority;
    required = act.delegate === null ? [] : [hex(act.delegate)];
  }
  const panel = new Set(charter.doctors.map((doctor) => hex(doctor.address)));
  return { type: null, proposal: header.proposal, panel, needed, required };
}
