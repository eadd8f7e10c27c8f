/**
 * The signed-in user's own page.
 * @module
 */

import { el, replace } from "../elements.js";
import { session } from "../session.js";

export async function show(place) {
  replace(place, el("h1", {}, session.user), el("p", {}, session.role));
}
