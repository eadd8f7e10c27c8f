/**
 * A block's header by the names of the published system, and what stands around it.
 * @module
 */

import { api } from "../api.js";
import { el } from "../elements.js";
import { estimate, localTime } from "../format.js";
import { typeName } from "../record/timeline.js";
import { known, t } from "../texts.js";

const ZERO = "0".repeat(64);

function code(text) {
  return text === "" || text === ZERO ? t("explorer.nothing") : el("code", {}, text);
}

/** A hash that leads to its block where this user may see it. */
async function hashLink(hash) {
  if (hash === ZERO || hash === "") return t("explorer.nothing");
  try {
    const { n_bc } = await api.get(`/v1/blocks/hash/${hash}`);
    return [el("a", { href: `#/block/${n_bc}` }, t("record.block", { n: n_bc })), " ", code(hash)];
  } catch {
    return code(hash);
  }
}

function rows(pairs) {
  return el(
    "table",
    { class: "header-fields" },
    el(
      "tbody",
      {},
      pairs.map(([name, meaning, value]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, name, el("span", { class: "hint" }, meaning)),
          el("td", {}, value),
        ),
      ),
    ),
  );
}

function patient(block) {
  if (block.n_pb === 0) return t("explorer.governance");
  return el("a", { href: `#/patient/${block.n_pb}` }, String(block.n_pb));
}

/** Every header field under its published name. */
export async function headerFields(block) {
  const named = (name, value) => [name, t(`explorer.field_${name.replace(" ", "_")}`), value];
  return rows([
    named("N BC", String(block.n_bc)),
    named("N PA", block.n_pb === 0 ? t("explorer.nothing") : String(block.n_pa)),
    named("N PB", patient(block)),
    named("Kp", code(block.patient_key)),
    named("Hprevious", await hashLink(block.hprevious)),
    named("Hpresent", code(block.body_root)),
    named("Hpatient", await hashLink(block.hpatient)),
    named("Tbloc", typeName(block.proposal_type)),
    named("PAT NAME", code(block.patient_name)),
    named("DR NAME", [block.doctor_name, " ", code(block.doctor)]),
    named("Sigt", code(block.signature)),
  ]);
}

function machine(ai) {
  if (ai === null) return [];
  return [
    ["explorer.model", `${ai.model_name} ${ai.model_version}`],
    ["explorer.model_digest", code(ai.model_digest)],
    ["explorer.confidence", estimate(ai.confidence_ppm)],
  ];
}

/** What else is known of the block. */
export async function circumstances(block) {
  const references = await Promise.all(block.references.map(hashLink));
  const pairs = [
    ["explorer.hash", code(block.hash)],
    [
      "explorer.issued_by",
      `${block.issuer_name}, ${known(`record.member_${block.issuer_role}`, block.issuer_role)}`,
    ],
    ["explorer.issued_at", localTime(block.issued_at_ms)],
    [
      "explorer.batch",
      t("explorer.batch_value", {
        time: localTime(block.batch_time_ms),
        epoch: block.epoch,
        slot: block.slot,
      }),
    ],
    ["explorer.final_here", localTime(block.finalised_at_us / 1_000)],
    ["explorer.parts", block.parts.map((part) => known(`record.part_${part}`, part)).join(", ")],
    ["explorer.rests_on", references.map((reference) => el("p", {}, reference))],
    ["explorer.corrects", block.replaces ? await hashLink(block.replaces) : ""],
    ["explorer.proposal", code(block.proposal)],
    ...machine(block.ai),
    ...block.summary.map((line) => ["explorer.does", line]),
  ];
  return el(
    "dl",
    { class: "facts" },
    pairs
      .filter(([, value]) => value !== "" && value.length !== 0)
      .map(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value)]),
  );
}
