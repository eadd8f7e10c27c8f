/**
 * Tabs by the pattern of the ARIA practices: arrows move, the chosen one is loaded when opened.
 * @module
 */

import { ApiError } from "../api.js";
import { el, replace } from "../elements.js";
import { t } from "../texts.js";

const MOVES = { ArrowRight: 1, ArrowLeft: -1 };

class Tabs {
  chosen = null;
  panel = el("div", {
    id: "tab-panel",
    role: "tabpanel",
    tabindex: "0",
    class: "tab-panel",
  });

  constructor(rooms) {
    this.rooms = rooms;
    this.buttons = rooms.map((room, place) => this.button(room, place));
  }

  button({ id, text }, place) {
    const on = {
      click: () => void this.choose(place),
      keydown: (event) => this.move(event, place),
    };
    const name = { id: `tab-${id}`, "aria-controls": "tab-panel" };
    return el("button", { type: "button", role: "tab", ...name, on }, text);
  }

  move(event, place) {
    const step = MOVES[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (place + step + this.rooms.length) % this.rooms.length;
    void this.choose(next);
    this.buttons[next].focus();
  }

  async choose(place) {
    this.chosen = place;
    this.buttons.forEach((button, index) => {
      button.setAttribute("aria-selected", String(index === place));
      button.tabIndex = index === place ? 0 : -1;
    });
    this.panel.setAttribute("aria-labelledby", `tab-${this.rooms[place].id}`);
    replace(this.panel, el("p", { class: "hint" }, t("record.loading")));
    await this.fill();
  }

  /** Loads the tab that is open; a slower one that was left meanwhile shows nothing. */
  async fill() {
    const place = this.chosen;
    let content;
    try {
      content = await this.rooms[place].content();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      content = el("p", { class: "problem", role: "alert" }, error.advice);
    }
    if (this.chosen === place) replace(this.panel, content);
  }
}

/**
 * @param {{id: string, text: string, content: function(): Promise<Array|Node>}[]} rooms
 * @param {string} name what screen readers call the row of tabs
 * @returns {{element: Node, shown: Promise<void>, refresh: function(string): Promise<void>}}
 *   `refresh` loads a tab anew where it is the one that is open
 */
export function tabs(rooms, name) {
  const made = new Tabs(rooms);
  const row = el("div", { role: "tablist", class: "tabs", "aria-label": name }, made.buttons);
  const refresh = async (id) => {
    if (rooms[made.chosen].id === id) await made.fill();
  };
  return { element: el("div", {}, row, made.panel), shown: made.choose(0), refresh };
}
