/**
 * From a block to its case; for who sees no cases, to the images of her own block.
 * @module
 */

import { el } from "../elements.js";
import { may } from "../session.js";
import { t } from "../texts.js";

const IMAGES = new Set(["ct", "pet", "xray"]);

/**
 * The link of a block: "Images" where it holds some that this user may see, else "Case".
 * @param {object} block  of `GET /v1/blocks/{n}` or of a history
 * @returns {?HTMLElement} null where there is nothing to be seen
 */
export function caseLink({ n_bc, proposal, proposal_type }) {
  const images = IMAGES.has(proposal_type) && may("record.read");
  const open = may("proposal.read");
  if (!open && !images) return null;
  const href = open ? `#/case/${proposal}` : `#/images/${n_bc}`;
  const text = t(images ? "record.to_images" : "record.to_case");
  return el("a", { class: "to-case", href }, text);
}
