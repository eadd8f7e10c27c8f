/**
 * The page's beginning: texts, who is signed in, the rail, the views.
 * @module
 */

import { api, shutDesk } from "./api.js";
import { el, replace } from "./elements.js";
import { followKeys } from "./keyboard.js";
import { hand } from "./keys/hand.js";
import { resend, startOutbox } from "./keys/outbox.js";
import { forgetRemarks } from "./keys/remarks.js";
import { connect, disconnect, onConnection } from "./live.js";
import { watchIdleness } from "./lock.js";
import { firstAddress, showRail } from "./rail.js";
import { route, start } from "./router.js";
import { leave, loadSession, may, session } from "./session.js";
import { loadTexts, t } from "./texts.js";
import { showKeyStep, showSignIn } from "./views/signin.js";

const VIEWS = {
  "#/inbox": () => import("./views/inbox.js"),
  "#/case/{proposal}": () => import("./views/case.js"),
  "#/images/{n_bc}": () => import("./views/images.js"),
  "#/patients": () => import("./views/patients.js"),
  "#/patient/{n_pb}": () => import("./views/patient.js"),
  "#/register": () => import("./views/register.js"),
  "#/upload": () => import("./views/upload.js"),
  "#/explorer": () => import("./views/explorer.js"),
  "#/block/{n_bc}": () => import("./views/block.js"),
  "#/network": () => import("./views/network.js"),
  "#/account": () => import("./views/account.js"),
};

/** Says in one line that the node is away; votes and drafts are kept meanwhile. */
function showConnection() {
  const banner = el("p", { id: "away", role: "alert", hidden: true }, t("shell.node_away"));
  document.body.prepend(banner);
  const show = (away) => {
    banner.hidden = !away;
  };
  document.addEventListener("node-away", () => show(true));
  document.addEventListener("node-back", () => show(false));
  onConnection((answering) => {
    show(!answering);
    if (answering && session.user !== null) void resend();
  });
}

/** Shows the desk of whoever is signed in. */
async function enter() {
  await forgetRemarks(session.user).catch(() => {});
  if (location.hash === "") history.replaceState(null, "", firstAddress());
  if (may("event.read")) connect(session.user);
  showRail();
  if (session.role === "doctor") void startOutbox();
  watchIdleness();
  await start(firstAddress());
}

/** A session that is over: sign in again over the same desk; another user gets a new one. */
function askAgain() {
  if (session.user === null || session.expired) return;
  const before = session.user;
  session.expired = true;
  session.locked = true;
  hand.lock();
  disconnect();
  shutDesk(true);
  const onDone = async () => {
    if ((await api.get("/v1/session")).user !== before) {
      await leave();
      return;
    }
    shutDesk(false);
    await loadSession();
    session.expired = false;
    await showKeyStep(() => {
      session.locked = false;
      document.dispatchEvent(new CustomEvent("session-back"));
      if (may("event.read")) connect(session.user);
      if (session.role === "doctor") void resend();
    });
  };
  showSignIn({ expired: true, onDone });
}

function firstSignIn() {
  const onDone = async () => {
    await loadSession();
    await showKeyStep(() => void enter());
  };
  showSignIn({ onDone });
}

async function begin() {
  await loadTexts();
  document.title = t("shell.title");
  replace(document.getElementById("skip"), t("shell.skip"));
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("content").focus();
  });
  for (const [pattern, module] of Object.entries(VIEWS)) route(pattern, module);
  document.addEventListener("session-over", askAgain);
  followKeys();
  showConnection();
  if (await loadSession()) await enter();
  else firstSignIn();
}

void begin();
