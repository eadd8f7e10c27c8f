/**
 * The buttons of a vote: grades, then decisions; what is chosen is pressed.
 * @module
 */

import { el } from "../elements.js";
import { t } from "../texts.js";
import { DECISIONS, GRADES, chosen, withGrade } from "./decision.js";
import { button } from "./sections.js";

function grades(choice, choose) {
  const grade = (number) =>
    button(
      [el("kbd", {}, number), " ", t(`case.grade_word_${number}`)],
      () => choose(withGrade(choice, number)),
      {
        class: "grade",
        title: t(`case.grade_${number}`),
        "aria-pressed": String(choice.grade === number),
      },
    );
  return el(
    "div",
    { class: "grades", role: "group", "aria-label": t("case.grade") },
    GRADES.map(grade),
  );
}

/**
 * @param {{decision: ?string, grade: ?number}} choice @param {boolean} graded whether it is graded
 * @param {function(object): void} choose takes the choice after a click
 */
export function choices(choice, graded, choose) {
  const decide = ([key, decision]) =>
    button(
      [el("kbd", {}, key.toUpperCase()), " ", t(`case.do_${decision}`)],
      () => choose(chosen(choice, decision)),
      { class: `decide ${decision}`, "aria-pressed": String(choice.decision === decision) },
    );
  return [
    graded ? grades(choice, choose) : null,
    el(
      "div",
      { class: "decisions", role: "group", "aria-label": t("case.decision") },
      Object.entries(DECISIONS).map(decide),
    ),
  ];
}
