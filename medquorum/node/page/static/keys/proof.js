/**
 * One block's proof checked in the page, with nothing but the charter (R-EXP3).
 *
 * The steps are those of `scripts/audit --proof`; each says what was checked, and the last says
 * what no single proof shows. A page that a node serves can be another page: whoever must rely on
 * a block runs the audit on her own machine.
 */

import { t } from "../texts.js";
import { FRAME } from "./canonical.js";
import { Fault } from "./faults.js";
import {
  checkFinal, checkPlace, checkRegistry, firstTip, linkedHeaders, tipAfter,
} from "./proof/batches.js";
import {
  assentOf, checkIssued, placeInHistory, questionOf, readBlock, readHistory,
} from "./proof/blocks.js";
import { amended, readCharter } from "./proof/charter.js";
import { broken, Fields } from "./proof/fields.js";
import { checkVerdict, checkVotes, readWitness } from "./proof/votes.js";
import { equal, hex } from "./bytes.js";
import { ZERO } from "./hashes.js";

const PLACE = ["block", "block_path", "certificate", "headers", "index", "witness", "witness_path"];
const PROOF = [...PLACE, "epochs", "format", "patient_chain", "registry"];

/**
 * @param {Uint8Array} proofBytes of `GET /v1/proofs/{n_bc}`
 * @param {Uint8Array} charterBytes the founding charter's file
 * @returns {Promise<{valid: boolean, block: ?{nBc: number, hash: string, outcome: string},
 *   steps: {rule: string, ok: ?boolean, text: string}[]}>} `ok` is null for what is not checked
 */
export async function checkProof(proofBytes, charterBytes) {
  const check = new Check();
  try {
    await check.run(proofBytes, charterBytes);
  } catch (error) {
    // What stumbles over a shape nobody foresaw has not been shown to hold either.
    check.fail(error instanceof Fault ? error.rule : "R-CAN5");
  }
  const valid = check.steps.every((step) => step.ok !== false);
  return { valid, block: check.told, steps: check.steps };
}

class Check {
  steps = [];
  told = null;
  current = ["R-EXP3", "keys.proof_form"];

  /** Do one step; a fault within it is that step's. */
  async step(rule, name, work) {
    this.current = [rule, `keys.proof_${name}`];
    const result = await work();
    this.steps.push({ rule, ok: true, text: t(this.current[1]) });
    return result;
  }

  fail(rule) {
    const text = t("keys.proof_fails", { step: t(this.current[1]), rule });
    this.steps.push({ rule, ok: false, text });
  }

  skip(rule, name) {
    this.steps.push({ rule, ok: null, text: t(`keys.proof_${name}`) });
  }

  async run(proofBytes, charterBytes) {
    const founding = await this.step("R-CHA6", "charter", () => readCharter(charterBytes));
    this.versions = [founding];
    this.ends = [];
    this.tip = firstTip(founding);
    const proof = await this.step("R-EXP3", "form", () => this.open(proofBytes));
    for (const epoch of proof.list("epochs")) {
      await this.step("R-GOV6", "epoch", () => this.takeEpoch(new Fields(epoch, PLACE)));
    }
    await this.judge(proof);
    if (this.ends.length) this.skip("R-GOV7", "amendments");
    this.skip("R-EXP3", "alone");
  }

  get charter() {
    return this.versions.at(-1);
  }

  open(proofBytes) {
    const proof = Fields.of(proofBytes, PROOF, FRAME);
    if (proof.text("format") !== "medquorum/proof/1") throw broken("R-EXP3");
    return proof;
  }

  charterAt(nBc) {
    const epoch = this.ends.findIndex((end) => nBc <= end);
    return epoch < 0 ? this.charter : this.versions[epoch];
  }

  /** The amendment that ended an epoch: placed, approved, final; then its charter is in force. */
  async takeEpoch(place) {
    const block = await readBlock(place.bytes("block"), this.charter.network);
    const headers = await linkedHeaders(place.bytesList("headers"), this.charter, this.tip);
    const [batch] = headers;
    await checkPlace(place, batch, block.header, this.charter.network);
    const ends = block.core.type === "amendment" && block.header.outcome === "accepted";
    const last = place.integer("index") === batch.count - 1;
    if (!ends) throw broken("R-EXP3");
    if (!last || headers.slice(1).some((tail) => tail.count)) throw broken("R-GOV5");
    await this.checkAct(block, batch, readWitness(place.bytes("witness")));
    await checkFinal(place.bytes("certificate"), headers.at(-1), this.charter);
    this.ends.push(block.header.nBc);
    this.versions.push(amended(this.charter, block.core.act));
    this.tip = { ...tipAfter(batch), slot: 0 };
  }

  async checkAct(block, batch, votes) {
    const { nPa, nPb, hpatient } = block.header;
    if (nPa !== 0 || nPb !== 0 || !equal(hpatient, ZERO)) throw broken("R-GOV1");
    await checkIssued(block, this.charter, batch.timeMs);
    const assent = assentOf(block, this.charter);
    await checkVotes(votes, assent, this.charter);
    checkVerdict(votes, assent, block.header.outcome);
  }

  async judge(proof) {
    const { network } = this.charter;
    const block = await this.step("R-ORD1", "block", async () => {
      const read = await readBlock(proof.bytes("block"), network);
      const { nBc, hash, outcome } = read.header;
      this.told = { nBc, hash: hex(hash), outcome };
      return read;
    });
    const headers = await this.step("R-ORD7", "links", () =>
      linkedHeaders(proof.bytesList("headers"), this.charter, this.tip));
    const [batch] = headers;
    await this.step("R-MRK2", "place", () => checkPlace(proof, batch, block.header, network));
    await this.step("R-ORD17", "certificate", () =>
      checkFinal(proof.bytes("certificate"), headers.at(-1), this.charter));
    const registry = await this.step("R-ORD15", "registry", () =>
      checkRegistry(proof.list("registry"), batch, network));
    await this.step("R-PRO2", "issuer", () => checkIssued(block, this.charter, batch.timeMs));
    const question = await this.step("R-ORD3", "history", () =>
      this.history(proof, block, batch, registry));
    await this.judgeVotes(proof, block, question);
  }

  async judgeVotes(proof, block, question) {
    const votes = await this.step("R-VOT1", "votes", async () => {
      const read = readWitness(proof.bytes("witness"));
      await checkVotes(read, question, this.charter);
      return read;
    });
    const rule = question.type === null ? "R-GOV4" : "R-VER2";
    await this.step(rule, "verdict", () => checkVerdict(votes, question, block.header.outcome));
    if (block.core.governance && block.header.outcome === "accepted") this.skip("R-GOV5", "act");
  }

  async history(proof, block, batch, registry) {
    const entries = proof.list("patient_chain");
    const { nPa, nPb, hpatient, nBc } = block.header;
    if (block.core.governance) {
      if (entries.length) throw broken("R-EXP3");
      if (nPa !== 0 || nPb !== 0 || !equal(hpatient, ZERO)) throw broken("R-GOV1");
      return assentOf(block, this.charter);
    }
    const known = await readHistory(entries, (at) => this.charterAt(at), nBc);
    const history = placeInHistory(block, known, this.charter);
    return questionOf(block, history, this.charter, registry, batch.timeMs);
  }
}
