/**
 * The receipt of a vote: what was signed and on what, to be kept and checked by anybody (R-EXP4).
 * @module
 */

import { el } from "../elements.js";
import { localTime, shortId } from "../format.js";
import { hex } from "../keys/bytes.js";
import { decode, encode } from "../keys/canonical.js";
import { randomBytes } from "../keys/bytes.js";
import { ownNetwork } from "../keys/members.js";
import { digestOf, dropRemark, remarkFor } from "../keys/remarks.js";
import { session } from "../session.js";
import { known, t } from "../texts.js";
import { button, facts } from "./sections.js";

const FORMAT = "medquorum/receipt/1";

/** A remark with a fresh salt, and the digest that stands in the vote. @param {string} text */
export async function remarkOf(text) {
  const words = text.normalize("NFC").trim();
  if (words === "") return { comment: null, digest: null };
  const comment = { salt: randomBytes(32), text: words };
  return { comment, digest: await digestOf(comment) };
}

/** The remark of a vote that was cast before this page was loaded; null where it is not kept. */
export async function keptRemark(letter) {
  return remarkFor(session.user, letter.id, decode(letter.vote).comment);
}

/**
 * The receipt's canonical bytes.
 * @param {{vote: Uint8Array, receipt: {accepted_at_us: number}}} letter of the outbox
 * @param {Uint8Array} proposal its canonical bytes @param {?object} comment of `remarkOf`
 */
export function receiptBytes(letter, proposal, comment) {
  return encode({
    accepted_at_us: letter.receipt.accepted_at_us,
    comment,
    format: FORMAT,
    network: ownNetwork(),
    proposal,
    vote: letter.vote,
  });
}

function save(letter, proposal, comment) {
  const address = URL.createObjectURL(
    new Blob([receiptBytes(letter, proposal, comment)], { type: "application/octet-stream" }),
  );
  const link = el("a", { href: address, download: `receipt-${shortId(letter.id)}.mqreceipt` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  void dropRemark(letter.id);
}

/** What the receipt says, in words. */
export function receiptFacts(letter) {
  const vote = decode(letter.vote);
  const role = known(`case.role_${vote.role}`, vote.role);
  const graded =
    vote.grade === null ? "" : ` \u00b7 ${t("case.grade_short", { grade: vote.grade })}`;
  return facts([
    [
      t("case.receipt_decision"),
      `${known(`case.said_${vote.decision}`, vote.decision)}${graded} \u00b7 ${role}`,
    ],
    [t("case.receipt_vote"), el("code", { title: letter.id }, shortId(letter.id))],
    [t("case.receipt_proposal"), el("code", { title: letter.proposal }, shortId(letter.proposal))],
    [t("case.receipt_time"), localTime(letter.receipt.accepted_at_us / 1000)],
    [
      t("case.receipt_signature"),
      el("code", { title: hex(vote.signature) }, shortId(hex(vote.signature))),
    ],
  ]);
}

/**
 * The button that saves the receipt as a file; closed where the words of a remark are not at hand,
 * since a receipt without them proves nothing.
 */
export function saveButton(letter, proposal, comment) {
  const lost = comment === null && decode(letter.vote).comment !== null;
  return button(t("case.receipt_save"), () => save(letter, proposal, comment), {
    title: t(lost ? "case.receipt_remark_gone" : "case.receipt_check"),
    disabled: lost,
  });
}
