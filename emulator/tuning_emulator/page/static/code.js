/** "Get code": how to do from a shell or a program what a screen shows. */

import { ANY_KEY } from "./api.js";
import { fill, h } from "./build.js";
import { t } from "./texts.js";

/**
 * What to type, by language, in the order in which they are offered: `{"Command line": "…", Python: "…", curl: "…"}`.
 *
 * @typedef {Record<string, string>} Snippets
 */

/** Which one the visitor has chosen last, on any screen. */
let chosen = "";
let serial = 0;

/**
 * A button, and below it the snippets once it is opened; they are made when they are looked at.
 *
 * @param {() => Snippets | Promise<Snippets>} makeSnippets
 * @returns {HTMLElement}
 */
export function getCode(makeSnippets) {
  const id = `code-${(serial += 1)}`;
  const panel = h("div", { class: "code", id, hidden: true });
  const button = h(
    "button",
    {
      type: "button",
      class: "secondary",
      "aria-expanded": "false",
      "aria-controls": id,
      onclick: async () => {
        panel.hidden = !panel.hidden;
        button.setAttribute("aria-expanded", String(!panel.hidden));
        if (!panel.hidden) fillPanel(panel, await makeSnippets());
      },
    },
    t("code.get"),
  );
  return h("div", { class: "get-code" }, button, panel);
}

/**
 * Snippets, of which one is shown.
 *
 * @param {HTMLElement} panel
 * @param {Snippets} snippets
 */
export function fillPanel(panel, snippets) {
  const names = Object.keys(snippets);
  const text = h("code");
  const copied = h("span", { class: "muted", role: "status" });
  const copy = h(
    "button",
    {
      type: "button",
      class: "secondary",
      onclick: async () => {
        const done = await copyText(text.textContent ?? "");
        fill(copied, t(done ? "code.copied" : "code.selected"));
        if (!done) getSelection()?.selectAllChildren(text);
      },
    },
    t("code.copy"),
  );
  const tabs = names.map((name) =>
    h("button", { type: "button", class: "tab", onclick: () => choose(name) }, name),
  );
  const choose = (/** @type {string} */ name) => {
    chosen = name;
    fill(text, snippets[name]);
    fill(copied);
    tabs.forEach((tab, at) => tab.setAttribute("aria-pressed", String(names[at] === name)));
  };
  fill(
    panel,
    h("div", { class: "bar" }, h("div", { class: "tabs", role: "group", "aria-label": t("code.language") }, tabs), copied, copy),
    h("pre", { tabindex: "0" }, text),
  );
  choose(names.includes(chosen) ? chosen : (names[0] ?? ""));
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} false where the browser does not allow it
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// --- parts of snippets

/** A word for a POSIX shell. @param {string} text */
export const quote = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** A Python literal of a JSON value. @param {unknown} value @param {string} [indent] @returns {string} */
export function asPython(value, indent = "") {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const list = Array.isArray(value);
  const deeper = `${indent}    `;
  const items = list
    ? value.map((one) => asPython(one, deeper))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${asPython(one, deeper)}`);
  const [open, close] = list ? "[]" : "{}";
  const flat = `${open}${items.join(", ")}${close}`;
  if (flat.length + indent.length <= 88 && !flat.includes("\n")) return flat;
  return `${open}\n${items.map((item) => `${deeper}${item},`).join("\n")}\n${indent}${close}`;
}

/**
 * A request as curl sends it, to this emulator.
 *
 * @param {string} method
 * @param {string} path with its query
 * @param {{body?: unknown, key?: boolean | string, token?: boolean}} [more] `key`: an API key (true: any), `token`: an
 *     access token go along
 * @returns {string}
 */
export function asCurl(method, path, { body, key, token } = {}) {
  const parts = [`curl ${method === "GET" ? "" : `-X ${method} `}${quote(location.origin + path)}`];
  if (key) parts.push(`-H ${quote(`x-goog-api-key: ${key === true ? ANY_KEY : key}`)}`);
  if (token) parts.push(`-H 'Authorization: Bearer ${ANY_KEY}'`);
  if (body !== undefined) parts.push("-H 'Content-Type: application/json'", `-d ${quote(JSON.stringify(body, null, 1))}`);
  else if (method === "POST") parts.push("-H 'X-Tuning-Emulator: 1'");
  return parts.join(" \\\n  ");
}

/** The beginning of a Python program that steers this emulator, or what one project has of it. */
export const pythonControl = (project = "") =>
  `from tuning_emulator.testing.client import Control\n\ncontrol = Control(${JSON.stringify(location.origin)}${project ? `, ${JSON.stringify(project)}` : ""})\n`;

/** A command of ours, led to this emulator. @param {string} rest */
export const asCommand = (rest) =>
  location.port === "8790" ? `tuning-emulator ${rest}` : `tuning-emulator ${rest} --url ${location.origin}`;
