/**
 * The chain: newest blocks first, drawn with their global and per-patient links, live.
 * @module
 */

import { api } from "../api.js";
import { el, replace } from "../elements.js";
import { graph } from "../explorer/graph.js";
import { localTime, shortId } from "../format.js";
import { listen } from "../live.js";
import { typeName } from "../record/timeline.js";
import { session } from "../session.js";
import { t } from "../texts.js";

const PAGE = 50;
const DRAWN = 40;
const COLUMNS = ["block", "type", "patient", "issuer", "final", "votes", "hash"];

function patientCell({ n_pb }) {
  if (n_pb === 0) return t("explorer.governance");
  return el("a", { href: `#/patient/${n_pb}` }, t("record.patient", { n: n_pb }));
}

function row(block) {
  const rejected = block.outcome === "rejected";
  return el(
    "tr",
    { class: rejected ? "rejected" : null },
    el(
      "th",
      { scope: "row" },
      el("a", { href: `#/block/${block.n_bc}` }, t("record.block", { n: block.n_bc })),
    ),
    el(
      "td",
      {},
      typeName(block.proposal_type),
      rejected ? el("span", { class: "tag rejected" }, t("record.rejected")) : null,
      block.summary.map((line) => el("p", { class: "hint" }, line)),
    ),
    el("td", {}, patientCell(block)),
    el("td", {}, block.issuer_name),
    el("td", { class: "time" }, localTime(block.batch_time_ms)),
    el(
      "td",
      {},
      t("record.votes", { approvals: block.verdict.approvals, panel: block.verdict.panel }),
    ),
    el("td", {}, el("code", { title: block.hash }, shortId(block.hash))),
  );
}

function table(blocks) {
  const head = COLUMNS.map((name) => el("th", { scope: "col" }, t(`explorer.column_${name}`)));
  return el(
    "table",
    { class: "blocks" },
    el("thead", {}, el("tr", {}, head)),
    el("tbody", {}, blocks.map(row)),
  );
}

/** Blocks above a height, ascending; of one patient where one is named. */
async function above(after, limit, patient) {
  const narrowed = patient === null ? "" : `&patient=${patient}`;
  return (await api.get(`/v1/blocks?after=${after}&limit=${limit}${narrowed}`)).blocks;
}

async function everyBlockOf(patient) {
  const found = [];
  let page = [];
  do {
    page = await above(found.at(-1)?.n_bc ?? 0, 500, patient);
    found.push(...page);
  } while (page.length === 500);
  return found;
}

/** The newest blocks and how many were loaded: `older` loads a page more. */
class Loaded {
  blocks = [];

  constructor(patient) {
    this.patient = patient;
  }

  async begin() {
    if (this.patient !== null) {
      this.blocks = await everyBlockOf(this.patient);
      return;
    }
    const { n_bc } = await api.get("/v1/status");
    this.blocks = await above(Math.max(0, n_bc - PAGE), PAGE, null);
  }

  async newer() {
    this.blocks.push(...(await above(this.blocks.at(-1)?.n_bc ?? 0, 500, this.patient)));
  }

  get hasOlder() {
    return this.patient === null && (this.blocks[0]?.n_bc ?? 1) > 1;
  }

  async older() {
    const first = this.blocks[0].n_bc;
    const after = Math.max(0, first - 1 - PAGE);
    this.blocks.unshift(...(await above(after, first - 1 - after, null)));
  }
}

function content(loaded, render) {
  if (loaded.blocks.length === 0) return el("p", { class: "empty" }, t("explorer.none"));
  const older = async () => {
    await loaded.older();
    render();
  };
  return [
    graph(loaded.blocks.slice(-DRAWN)),
    table(loaded.blocks.toReversed()),
    loaded.hasOlder
      ? el("button", { type: "button", on: { click: () => void older() } }, t("explorer.older"))
      : null,
  ];
}

function narrowing(onChange) {
  if (session.role === "patient") return null;
  const input = el("input", {
    id: "of-patient",
    type: "number",
    min: 1,
    max: 9007199254740991,
    step: 1,
  });
  input.addEventListener("change", () => {
    const number = Number(input.value);
    onChange(Number.isSafeInteger(number) && number > 0 ? number : null);
  });
  return el(
    "div",
    { class: "toolbar" },
    el("label", { for: "of-patient" }, t("explorer.of_patient")),
    input,
  );
}

/** Shows the chain. */
export async function show(place) {
  const own = session.role === "patient" ? session.number : null;
  let loaded = new Loaded(own);
  const body = el("div", {});
  const render = () => replace(body, content(loaded, render));
  const choose = async (patient) => {
    loaded = new Loaded(patient);
    await loaded.begin();
    render();
  };
  replace(
    place,
    el("h1", {}, t("explorer.title")),
    narrowing((patient) => void choose(patient)),
    body,
  );
  await loaded.begin();
  render();
  return listen("block", async () => {
    await loaded.newer();
    render();
  });
}
