/** Short news at the edge of the page: what was done, or why it was not. */

import { h } from "./build.js";
import { explain } from "./frame.js";
import { t } from "./texts.js";

const LIFE_MS = 6000;

/** @type {HTMLElement | null} */
let place = null;

/**
 * Says something; a failure stays until it is dismissed.
 *
 * @param {string} text
 * @param {boolean} [failed]
 */
export function notify(text, failed = false) {
  if (place === null) {
    place = h("div", { class: "notices", role: "status", "aria-live": "polite" });
    document.body.append(place);
  }
  const close = h("button", { class: "quiet", "aria-label": t("notice.close"), onclick: () => notice.remove() }, "×");
  const notice = h("p", { class: failed ? "notice failed" : "notice" }, h("span", {}, text), close);
  place.append(notice);
  if (!failed) setTimeout(() => notice.remove(), LIFE_MS);
}

/**
 * Does something for a click, once at a time; what goes wrong is said. The button keeps the focus, so it is not disabled.
 *
 * @param {HTMLButtonElement | null} button
 * @param {() => Promise<void>} work
 */
export async function attempt(button, work) {
  if (button?.ariaBusy === "true") return;
  if (button) button.ariaBusy = "true";
  try {
    await work();
  } catch (error) {
    notify(explain(error), true);
  } finally {
    if (button) button.ariaBusy = null;
  }
}
