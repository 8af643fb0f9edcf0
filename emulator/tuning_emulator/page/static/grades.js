/** How well a fact of the services is known. */

import { h } from "./build.js";
import { t } from "./texts.js";

/** @param {string} grade `recorded`, `documented` or `assumed` */
export const gradeTag = (grade) => h("span", { class: `tag grade-${grade}` }, t(`grade.${grade}`));
