/** Batches in a proof: headers, their links, the certificate that made them final (R-ORD). */

import { compare, equal, toBigInt } from "../bytes.js";
import { encode, RECORD } from "../canonical.js";
import { verifyText } from "../curve.js";
import { preimage, tagged, verifyPath } from "../hashes.js";
import { broken, Fields } from "./fields.js";

const HEADER = [
  "blocks_root", "charter_version", "count", "epoch", "first_nbc", "justification_root",
  "last_block_hash", "leader", "network", "parent_hash", "parent_slot", "registry_hash",
  "seal_nonce", "slot", "time_ms", "witness_root",
];
const CERTIFICATE = ["epoch", "hash", "kind", "slot", "votes"];
const ENTRY = ["attending", "delegate", "from_ms", "patient", "proposal", "to_ms"];
const MOST_ENTRIES = 512;

/** The tip before any batch (R-ORD9): the network id. */
export const firstTip = (charter) => ({
  slot: 0, hash: charter.network, timeMs: 0, nextNbc: 1, lastBlock: charter.network,
});

/** The tip that a batch leaves. */
export const tipAfter = (header) => ({
  slot: header.slot,
  hash: header.hash,
  timeMs: header.timeMs,
  nextNbc: header.firstNbc + header.count,
  lastBlock: header.lastBlock,
});

async function readHeader(encoded, network) {
  const fields = Fields.of(encoded, HEADER);
  for (const root of ["justification_root", "registry_hash"]) fields.bytes(root, 32);
  return {
    blocksRoot: fields.bytes("blocks_root", 32),
    witnessRoot: fields.bytes("witness_root", 32),
    registryHash: fields.bytes("registry_hash", 32),
    version: fields.integer("charter_version"),
    count: fields.integer("count"),
    epoch: fields.integer("epoch"),
    firstNbc: fields.integer("first_nbc", 1),
    lastBlock: fields.bytes("last_block_hash", 32),
    leader: fields.integer("leader"),
    network: fields.bytes("network", 32),
    parentHash: fields.bytes("parent_hash", 32),
    parentSlot: fields.integer("parent_slot"),
    nonce: fields.value("seal_nonce"),
    slot: fields.integer("slot", 1),
    timeMs: fields.integer("time_ms"),
    hash: await tagged("batch", network, encoded),
  };
}

/** @returns {Promise<Object[]>} the headers, each the child of the one before */
export async function linkedHeaders(encoded, charter, tip) {
  const headers = await Promise.all(encoded.map((one) => readHeader(one, charter.network)));
  if (!headers.length) throw broken("R-EXP3");
  const [first] = headers;
  if (first.firstNbc < tip.nextNbc || first.timeMs <= tip.timeMs) throw broken("R-EXP3");
  let before = first.parentSlot === 0 ? tip : null;
  for (const header of headers) {
    checkAlone(header, charter);
    if (before !== null) checkAfter(header, before);
    before = tipAfter(header);
  }
  return headers;
}

function checkAlone(header, charter) {
  if (!equal(header.network, charter.network)) throw broken("R-ORD7");
  const ofEpoch = header.version === charter.version && header.epoch === charter.version;
  if (!ofEpoch || header.slot <= header.parentSlot) throw broken("R-ORD9");
  if (header.count > charter.batchBlocks) throw broken("R-ORD8");
  if (header.leader !== (header.epoch + header.slot) % charter.doctors.length) {
    throw broken("R-ORD9");
  }
  const bits = BigInt(256 - charter.sealBits);
  const sealed = toBigInt(header.hash) >> bits === 0n;
  if (!sealed || (charter.sealBits === 0 && header.nonce !== 0)) throw broken("R-ORD16");
}

function checkAfter(header, tip) {
  const child = header.parentSlot === tip.slot && equal(header.parentHash, tip.hash);
  if (!child || header.firstNbc !== tip.nextNbc) throw broken("R-ORD7");
  if (header.timeMs <= tip.timeMs) throw broken("R-ORD13");
  if (header.count === 0 && !equal(header.lastBlock, tip.lastBlock)) throw broken("R-ORD7");
}

/** Block and witness stand at their index under the batch's roots (R-MRK2, R-ORD2). */
export async function checkPlace(place, batch, header, network) {
  const index = place.integer("index");
  if (index >= batch.count) throw broken("R-EXP3");
  for (const [leaf, path, root] of [
    ["block", "block_path", batch.blocksRoot],
    ["witness", "witness_path", batch.witnessRoot],
  ]) {
    const siblings = place.bytesList(path, 32);
    if (!(await verifyPath(place.bytes(leaf), index, batch.count, siblings, root))) {
      throw broken("R-MRK2");
    }
  }
  if (header.nBc !== batch.firstNbc + index) throw broken("R-ORD2");
  const last = index === batch.count - 1;
  if (last && !equal(header.hash, batch.lastBlock)) throw broken("R-ORD7");
  if (header.nBc === 1 && !equal(header.hprevious, network)) throw broken("R-ORD2");
}

/** A quorum of the epoch's doctors, each once, made the last header final (R-ORD11, R-ORD17). */
export async function checkFinal(encoded, last, charter) {
  const fields = Fields.of(encoded, CERTIFICATE);
  const [slot, epoch] = [fields.integer("slot", 1), fields.integer("epoch")];
  const named = fields.optionalBytes("hash", 32);
  const final = fields.choice("kind", ["notar", "skip", "final"]) === "final";
  if (!final || slot !== last.slot || named === null || !equal(named, last.hash)) {
    throw broken("R-ORD17");
  }
  if (epoch !== charter.version) throw broken("R-ORD9");
  const votes = fields.list("votes");
  const signers = votes.map(([signer]) => signer);
  const ascending = signers.every((signer, at) => at === 0 || signers[at - 1] < signer);
  if (!ascending || votes.length < charter.quorum) throw broken("R-ORD11");
  const text = preimage(
    "ordering-vote", charter.network, encode({ epoch, hash: named, kind: "final", slot }),
  );
  for (const vote of votes) await checkOrderingVote(vote, text, charter);
  return votes.length;
}

async function checkOrderingVote(vote, text, charter) {
  const [signer, signature] = vote;
  const doctor = Number.isInteger(signer) ? charter.doctors[signer] : undefined;
  const shaped = vote.length === 2 && signature instanceof Uint8Array && doctor;
  if (!shaped || !(await verifyText(doctor.consensus, text, signature))) throw broken("R-ORD11");
}

/** The registry of stand-ins that the batch names (R-ORD15). */
export async function checkRegistry(entries, batch, network) {
  const encoded = entries.map((entry) => encode(entry));
  const ascending = encoded.every((one, at) => at === 0 || compare(encoded[at - 1], one) < 0);
  if (entries.length > MOST_ENTRIES || !ascending) throw broken("R-ORD15");
  const named = await tagged("registry", network, encode({ absences: entries }, RECORD));
  if (!equal(named, batch.registryHash)) throw broken("R-ORD15");
  return entries.map((entry) => readEntry(new Fields(entry, ENTRY)));
}

function readEntry(fields) {
  return {
    attending: fields.bytes("attending", 32),
    delegate: fields.bytes("delegate", 32),
    fromMs: fields.integer("from_ms"),
    patient: fields.optionalInteger("patient"),
    proposal: fields.optionalBytes("proposal", 32),
    toMs: fields.integer("to_ms"),
  };
}
