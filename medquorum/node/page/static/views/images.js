/**
 * The images of one block, for a patient: no vote and no evidence stands beside them.
 * @module
 */

import { api } from "../api.js";
import { historyOf, imagesOf } from "../case/facts.js";
import { el, replace } from "../elements.js";
import { typeName } from "../record/timeline.js";
import { session } from "../session.js";
import { t } from "../texts.js";
import { sourceFor } from "../viewer/source.js";
import { createViewer } from "../viewer/viewer.js";

/** Shows the images of a block. @param {{n_bc: string}} parameters its number in the chain */
export async function show(place, { n_bc }) {
  const block = await api.get(`/v1/blocks/${Number(n_bc)}`);
  const { series } = imagesOf({ ...block, type: block.proposal_type }, await historyOf(block.n_pb));
  if (session.user === null || !place.isConnected) return undefined;
  const title = `${t("record.block", { n: block.n_bc })} · ${typeName(block.proposal_type)}`;
  const header = el(
    "header",
    { class: "images-head" },
    el("h1", {}, title),
    el("a", { class: "button", href: `#/patient/${block.n_pb}` }, t("record.back_to_record")),
  );
  const images = el("section", { class: "case-images", "aria-label": t("case.images") });
  place.classList.add("case-view");
  replace(place, el("div", { class: "images-frame" }, header, images));
  if (series.length === 0) {
    replace(images, el("p", { class: "empty" }, t("record.no_images")));
    return undefined;
  }
  const both = ["ct", "pet"].every((kind) => series.some((one) => one.kind === kind));
  const wanted = { series, source: sourceFor("request") };
  const viewer = createViewer(images, both ? { ...wanted, layout: "fused" } : wanted);
  return () => viewer.destroy();
}
