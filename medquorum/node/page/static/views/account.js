/**
 * The signed-in user's own page: her session, her key file, what page she is served.
 * @module
 */

import { api } from "../api.js";
import { authenticatorPart } from "../authenticator.js";
import { el, replace } from "../elements.js";
import { forgetKeyFile, isRemembered } from "../key_file.js";
import { ensureHand } from "../key_form.js";
import { hand } from "../keys/hand.js";
import { session, signOut } from "../session.js";
import { t } from "../texts.js";

function facts(rows) {
  return el(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => [el("dt", {}, t(name)), el("dd", {}, value)]),
  );
}

async function keyPart(again) {
  if (session.role !== "doctor") return null;
  const remembered = await isRemembered(session.user);
  const forget = async () => {
    await forgetKeyFile(session.user);
    await again();
  };
  const button = hand.isOpen
    ? el("button", { type: "button", on: { click: () => hand.lock() } }, t("shell.key_close"))
    : el("button", { type: "button", on: { click: () => void ensureHand() } }, t("shell.key_open"));
  return el(
    "section",
    {},
    el("h2", {}, t("shell.key_section")),
    el(
      "p",
      {},
      hand.isOpen
        ? t("shell.key_open_as", { address: hand.member.address })
        : t("shell.key_closed"),
    ),
    el(
      "p",
      { class: "hint" },
      remembered ? t("shell.key_remembered") : t("shell.key_not_remembered"),
    ),
    el(
      "div",
      { class: "buttons" },
      button,
      remembered
        ? el(
            "button",
            { type: "button", on: { click: () => void forget() } },
            t("shell.key_forget"),
          )
        : null,
    ),
  );
}

function sessionPart() {
  const problem = el("p", { class: "problem", role: "alert" });
  const out = (everywhere) => async () => {
    try {
      await signOut({ everywhere });
    } catch (error) {
      replace(problem, error.advice);
    }
  };
  return el(
    "section",
    {},
    el("h2", {}, t("shell.session_section")),
    el(
      "p",
      { class: "hint" },
      t("shell.idle_hint", { minutes: Math.round(session.idleLockMs / 60_000) }),
    ),
    problem,
    el(
      "div",
      { class: "buttons" },
      el("button", { type: "button", on: { click: () => void out(false)() } }, t("shell.sign_out")),
      el(
        "button",
        { type: "button", on: { click: () => void out(true)() } },
        t("shell.sign_out_everywhere"),
      ),
    ),
  );
}

/** Shows the account. */
export async function show(place) {
  const { bundle } = await api.get("/page/version");
  const render = async () => {
    const key = await keyPart(render);
    replace(
      place,
      el("h1", {}, session.user),
      facts([
        ["shell.role", t(`shell.role_${session.role}`)],
        ["shell.node", session.node.name],
        ["shell.network", session.node.network_name],
        ["shell.page_hash", el("code", {}, bundle)],
      ]),
      key,
      authenticatorPart(),
      sessionPart(),
    );
  };
  await render();
  return hand.onChange(() => void render());
}
