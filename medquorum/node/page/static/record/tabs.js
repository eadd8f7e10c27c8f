/**
 * Tabs by the pattern of the ARIA practices: arrows move, the chosen one is loaded when opened.
 * @module
 */

import { ApiError } from "../api.js";
import { el, replace } from "../elements.js";
import { t } from "../texts.js";

const MOVES = { ArrowRight: 1, ArrowLeft: -1 };

/**
 * @param {{id: string, text: string, content: function(): Promise<Array|Node>}[]} rooms
 * @param {string} name what screen readers call the row of tabs
 * @returns {{element: Node, shown: Promise<void>, refresh: function(string): Promise<void>}}
 *   `refresh` loads a tab anew where it is the one that is open
 */
export function tabs(rooms, name) {
  const panel = el("div", { id: "tab-panel", role: "tabpanel", tabindex: "0", class: "tab-panel" });
  let chosen = null;
  const buttons = rooms.map((room, place) =>
    el(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${room.id}`,
        "aria-controls": "tab-panel",
        on: { click: () => void choose(place), keydown: (event) => move(event, place) },
      },
      room.text,
    ),
  );

  function move(event, place) {
    const step = MOVES[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (place + step + rooms.length) % rooms.length;
    void choose(next);
    buttons[next].focus();
  }

  async function fill(place) {
    let content;
    try {
      content = await rooms[place].content();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      content = el("p", { class: "problem", role: "alert" }, error.advice);
    }
    if (chosen === place) replace(panel, content);
  }

  async function choose(place) {
    chosen = place;
    buttons.forEach((button, index) => {
      button.setAttribute("aria-selected", String(index === place));
      button.tabIndex = index === place ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", `tab-${rooms[place].id}`);
    replace(panel, el("p", { class: "hint" }, t("record.loading")));
    await fill(place);
  }

  const element = el(
    "div",
    {},
    el("div", { role: "tablist", class: "tabs", "aria-label": name }, buttons),
    panel,
  );
  const refresh = async (id) => {
    if (rooms[chosen].id === id) await fill(chosen);
  };
  return { element, shown: choose(0), refresh };
}
