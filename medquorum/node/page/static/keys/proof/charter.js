/**
 * The charter a proof rests on, and its later versions (R-CHA1 to R-CHA8, R-GOV6, R-GOV9).
 *
 * Of the founding charter everything a block's proof needs is read, and every member's signature
 * is verified. An amendment's changes are taken as a quorum made them final; whether they were
 * admissible (R-GOV7) is not judged again here, and `checkProof` says so.
 */

import { compare, equal, hex } from "../bytes.js";
import { CHARTER } from "../canonical.js";
import { verifyText } from "../curve.js";
import { addressOf, preimage, sha256 } from "../hashes.js";
import { broken, Fields } from "./fields.js";

const FILE = ["charter", "signatures"];
const FIELDS = [
  "created_at_ms",
  "format",
  "ordering",
  "members",
  "name",
  "policies",
  "retention_days",
  "absence",
  "maturity",
  "seal_difficulty_bits",
  "version",
];
const MEMBER = ["address", "endpoint", "keys", "name", "proofs", "role", "tls_certificate"];
const ADDED = ["models", "webauthn"];
const KEYS = ["clinical", "consensus", "encryption", "policy"];
const ROLES = ["ai_entity", "doctor", "hospital", "laboratory", "radiologist"];
const ORDERING = [
  "mode",
  "slot_timeout_ms",
  "slot_timeout_max_ms",
  "idle_status_ms",
  "retransmit_ms",
  "batch_blocks",
];
const NOTHING = new Uint8Array(0);
const MOST_DOCTORS = 128;

/** A member as far as a proof needs it. */
function readMember(value) {
  const added = ADDED.filter(
    (name) => value !== null && typeof value === "object" && name in value,
  );
  const fields = new Fields(value, [...MEMBER, ...added]);
  const keys = new Fields(fields.value("keys"), KEYS);
  return {
    address: fields.bytes("address", 32),
    role: fields.choice("role", ROLES),
    name: fields.text("name", 200),
    clinical: keys.bytes("clinical", 33),
    consensus: keys.bytes("consensus", 33),
    encryption: keys.bytes("encryption", 33),
    policy: keys.optionalBytes("policy", 33),
    webauthn: value.webauthn ?? null,
  };
}

/** One version of the charter; made anew for each change. */
export class Charter {
  constructor(values) {
    Object.assign(this, values);
    const active = [...this.members.values()].filter(
      (one) => !this.suspended.has(hex(one.address)),
    );
    /** Active doctors in order of address (R-CHA8). */
    this.doctors = active
      .filter((one) => one.role === "doctor")
      .sort((one, other) => compare(one.address, other.address));
  }

  with(changes) {
    return new Charter({ ...this, ...changes });
  }

  get quorum() {
    const count = this.doctors.length;
    return this.mode === "majority" ? Math.floor(count / 2) + 1 : Math.floor((2 * count) / 3) + 1;
  }

  active(address) {
    return this.suspended.has(hex(address)) ? null : (this.members.get(hex(address)) ?? null);
  }

  doctor(address) {
    return this.doctors.find((one) => equal(one.address, address)) ?? null;
  }

  /** The active doctor who now has the patients of `doctor`, or null (R-GOV9). */
  responsible(doctor) {
    let heir = doctor;
    for (let step = 0; step <= this.suspended.size + this.successors.size; step += 1) {
      if (heir === null || this.doctor(heir)) return heir;
      heir = this.suspended.get(hex(heir)) ?? this.successors.get(hex(heir)) ?? null;
    }
    return null;
  }

  policy(type) {
    if (type === "attending") return { auto_policies: [], panel: "all_doctors", strict: true };
    return this.policies[type];
  }
}

/**
 * @param {Uint8Array} file bytes of the charter file
 * @returns {Promise<Charter>} complete, signed
 */
export async function readCharter(file) {
  const outer = Fields.of(file, FILE, CHARTER);
  const encoded = outer.bytes("charter");
  const fields = Fields.of(encoded, FIELDS, CHARTER);
  if (fields.text("format") !== "medquorum/charter/1") throw broken("R-CHA1");
  fields.integer("version", 0, 0);
  const ordering = new Fields(fields.value("ordering"), ORDERING);
  const listed = fields.list("members").map(readMember);
  await checkMembers(listed);
  const charter = new Charter({
    network: await sha256(preimage("charter", NOTHING, encoded)),
    name: fields.text("name", 200),
    version: 0,
    mode: ordering.choice("mode", ["majority", "byzantine"]),
    batchBlocks: ordering.integer("batch_blocks", 1, 256),
    sealBits: fields.integer("seal_difficulty_bits", 0, 32),
    policies: fields.value("policies"),
    members: new Map(listed.map((member) => [hex(member.address), member])),
    suspended: new Map(),
    successors: new Map(),
  });
  if (!charter.doctors.length || charter.doctors.length > MOST_DOCTORS) throw broken("R-CHA4");
  await checkSignatures(outer.list("signatures"), listed, charter.network, encoded);
  return charter;
}

async function checkMembers(members) {
  for (const [at, member] of members.entries()) {
    if (at && compare(members[at - 1].address, member.address) >= 0) throw broken("R-CHA4");
    if (!equal(await addressOf(member.clinical), member.address)) throw broken("R-KEY2");
  }
}

async function checkSignatures(entries, members, network, encoded) {
  if (entries.length !== members.length) throw broken("R-CHA6");
  const text = preimage("charter-signature", network, encoded);
  for (const [at, entry] of entries.entries()) {
    const fields = new Fields(entry, ["address", "signature"]);
    if (!equal(fields.bytes("address", 32), members[at].address)) throw broken("R-CHA6");
    const held = await verifyText(members[at].clinical, text, fields.bytes("signature", 64));
    if (!held) throw broken("R-CHA6");
  }
}

/** The charter an amendment makes (R-GOV6), its changes taken in order. */
export function amended(charter, act) {
  const fields = new Fields(act, ["base_version", "changes"]);
  if (fields.integer("base_version") !== charter.version) throw broken("R-GOV5");
  const made = fields.list("changes").reduce(changed, charter);
  if (!made.doctors.length) throw broken("R-GOV6");
  return made.with({ version: charter.version + 1 });
}

function changed(charter, change) {
  const apply = CHANGES[change?.kind];
  if (!apply) throw broken("R-GOV6");
  return apply(charter, change);
}

function withMember(charter, value) {
  const member = readMember(value);
  const members = new Map(charter.members).set(hex(member.address), member);
  return charter.with({ members });
}

/** A copy of a map of addresses with one entry set, or gone where `value` is undefined. */
function edited(map, address, value) {
  const copy = new Map(map);
  if (value === undefined) copy.delete(hex(address));
  else copy.set(hex(address), value);
  return copy;
}

const CHANGES = {
  admit: (charter, { member }) => withMember(charter, member),
  rotate_key: (charter, { member }) => withMember(charter, member),
  revoke: (charter, { member, successor }) =>
    charter.with({
      members: edited(charter.members, member),
      suspended: edited(charter.suspended, member),
      successors: successor ? edited(charter.successors, member, successor) : charter.successors,
    }),
  suspend: (charter, { member, stand_in: standIn }) =>
    charter.with({ suspended: edited(charter.suspended, member, standIn) }),
  reinstate: (charter, { member }) =>
    charter.with({ suspended: edited(charter.suspended, member) }),
  set_mode: (charter, { mode }) => charter.with({ mode }),
  set_policy: (charter, { policy, type }) =>
    charter.with({ policies: { ...charter.policies, [type]: policy } }),
  set_absence_rule: (charter) => charter,
  approve_model: (charter) => charter,
  withdraw_model: (charter) => charter,
};
