/**
 * The cases that wait for this doctor.
 * @module
 */

import { api } from "../api.js";
import { el, replace } from "../elements.js";
import { shortId } from "../format.js";
import { listen } from "../live.js";

export async function show(place) {
  const render = async () => {
    const { proposals } = await api.get("/v1/inbox");
    replace(place, el("ul", {}, proposals.map((each) =>
      el("li", {}, el("a", { href: `#/case/${each.id}` }, `${each.type} ${shortId(each.id)}`)))));
  };
  await render();
  return listen("*", () => void render());
}
