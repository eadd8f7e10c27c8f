/**
 * The page's beginning: texts, session, rail, views.
 * @module
 */

import { loadSession, session } from "./session.js";
import { route, start } from "./router.js";
import { loadTexts, t } from "./texts.js";
import { connect } from "./live.js";

const VIEWS = {
  "#/inbox": () => import("./views/inbox.js"),
  "#/case/{proposal}": () => import("./views/case.js"),
  "#/patients": () => import("./views/patients.js"),
  "#/patient/{n_pb}": () => import("./views/patient.js"),
  "#/register": () => import("./views/register.js"),
  "#/upload": () => import("./views/upload.js"),
  "#/explorer": () => import("./views/explorer.js"),
  "#/block/{n_bc}": () => import("./views/block.js"),
  "#/network": () => import("./views/network.js"),
  "#/account": () => import("./views/account.js"),
};

async function begin() {
  await loadTexts();
  document.title = t("shell.title");
  document.getElementById("skip").textContent = t("shell.skip");
  for (const [pattern, module] of Object.entries(VIEWS)) route(pattern, module);
  if (!(await loadSession())) {
    const signin = await import("./views/signin.js");
    await signin.show(document.getElementById("content"), {});
    return;
  }
  connect();
  if (location.hash === "") location.hash = "#/inbox";
  await start();
}

void begin();
