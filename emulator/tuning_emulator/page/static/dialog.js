/** Questions before something is done: the browser's own dialog, closed by Escape. */

import { h } from "./build.js";
import { explain } from "./frame.js";
import { t } from "./texts.js";

let serial = 0;

/**
 * Shows a form, and does what it asks for; the dialog stays open, and says why, where that fails.
 *
 * @param {object} asked
 * @param {string} asked.title
 * @param {readonly import("./build.js").Children[]} asked.content the fields
 * @param {string} asked.action word on the button that does it
 * @param {(leaving: AbortSignal) => Promise<void>} asked.run its signal is aborted when the dialog is closed meanwhile
 * @param {boolean} [asked.dangerous] whether it cannot be taken back
 */
export function openDialog({ title, content, action, run, dangerous = false }) {
  const id = `dialog-${(serial += 1)}`;
  const leaving = new AbortController();
  const said = h("p", { class: "refusal", role: "alert", hidden: true });
  const submit = h("button", { class: dangerous ? "danger" : "primary" }, action);
  const cancel = h("button", { type: "button", class: "secondary", onclick: () => dialog.close() }, t("dialog.cancel"));
  const form = h(
    "form",
    { class: "stack" },
    h("h2", { id }, title),
    ...content,
    said,
    h("div", { class: "actions" }, cancel, submit),
  );
  const dialog = h("dialog", { "aria-labelledby": id }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    said.hidden = true;
    try {
      await run(leaving.signal);
      dialog.close();
    } catch (error) {
      if (leaving.signal.aborted) return;
      said.textContent = explain(error);
      said.hidden = false;
    } finally {
      submit.disabled = false;
    }
  });
  dialog.addEventListener("close", () => {
    leaving.abort();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * A field with its label, and what is to be known of it.
 *
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @param {string} [hint]
 */
export function field(label, input, hint = "") {
  input.id ||= `field-${(serial += 1)}`;
  const told = hint ? h("small", { class: "muted", id: `${input.id}-hint` }, hint) : null;
  if (told) input.setAttribute("aria-describedby", told.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, told);
}

/**
 * A choice.
 *
 * @param {readonly (readonly [string, string])[]} options value and word
 * @param {string} [value]
 * @param {import("./build.js").Properties} [properties]
 */
export function choice(options, value = "", properties = {}) {
  const select = h("select", properties, ...options.map(([one, word]) => h("option", { value: one }, word)));
  select.value = value;
  return select;
}
