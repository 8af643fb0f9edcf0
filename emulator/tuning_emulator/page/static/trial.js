/** Runs a validation set through the models of the playground, and marks what was right. */

import { asPath, control, send } from "./api.js";
import { fill, h } from "./build.js";
import { field } from "./dialog.js";
import { explain } from "./frame.js";
import { generate } from "./models.js";
import { attempt } from "./notices.js";
import { t } from "./texts.js";

/**
 * @typedef {object} Example
 * @property {any[]} contents what is asked
 * @property {any} [systemInstruction]
 * @property {string} shown its last words, for people
 * @property {string} expected
 *
 * @typedef {import("./screens/playground.js").Column} Column
 * @typedef {{config: () => Record<string, unknown>}} Settings
 */

const ROWS = 25;
const MOST_ROWS = 1000;
const AT_ONCE = 2;

/**
 * @param {{columns: readonly Column[], settings: Settings, signal: AbortSignal, wanted: string}} parts
 *     `wanted`: name of a job, whose own data sets are offered
 * @returns {HTMLElement}
 */
export function buildTrial({ columns, settings, signal, wanted }) {
  const known = h("datalist", { id: "trial-known" });
  const uri = h("input", { type: "text", placeholder: "gs://bucket/validation.jsonl", list: known.id, autocomplete: "off" });
  const file = h("input", { type: "file", accept: ".jsonl,.json,.ndjson" });
  const rows = h("input", { type: "number", min: 1, max: MOST_ROWS, value: ROWS });
  const start = h("button", { class: "primary" }, t("trial.run"));
  const stop = h("button", { type: "button", class: "secondary", hidden: true }, t("playground.stop"));
  const said = h("p", { class: "refusal", role: "alert", hidden: true });
  const result = h("div", { class: "scroll" });
  const form = h(
    "form",
    { class: "stack" },
    h("p", { class: "muted" }, t("trial.lead")),
    h("div", { class: "fields wide" }, field(t("trial.uri"), uri), known, field(t("trial.file"), file), field(t("trial.rows"), rows)),
    h("div", { class: "actions" }, start, stop),
    said,
  );
  const section = h("section", { class: "panel stack" }, h("h2", {}, t("trial.title")), form, result);
  /** @type {AbortController | null} */
  let running = null;
  signal.addEventListener("abort", () => running?.abort());
  stop.addEventListener("click", () => running?.abort());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(start, async () => {
      const ending = (running = new AbortController());
      said.hidden = true;
      stop.hidden = false;
      try {
        const examples = readExamples(await readText(uri.value.trim(), file.files?.[0], ending.signal)).slice(0, Number(rows.value) || ROWS);
        await runTrial(result, examples, columns, settings, ending.signal);
      } catch (error) {
        if (ending.signal.aborted) return;
        said.textContent = explain(error);
        said.hidden = false;
      } finally {
        stop.hidden = true;
      }
    });
  });
  if (wanted) void offerOwn(wanted, known, uri, signal);
  return section;
}

/** @param {string} name @param {HTMLElement} known @param {HTMLInputElement} uri @param {AbortSignal} signal */
async function offerOwn(name, known, uri, signal) {
  const job = await control("GET", `jobs/${asPath(name)}`, { signal }).catch(() => null);
  const found = [job?.validation_uri, job?.training_uri].filter(Boolean);
  fill(known, ...found.map((one) => h("option", { value: one })));
  if (found[0] && !uri.value) uri.value = found[0];
}

/** @param {string} uri @param {File | undefined} file @param {AbortSignal} signal */
async function readText(uri, file, signal) {
  if (file) return file.text();
  const found = /^gs:\/\/([^/]+)\/(.+)$/.exec(uri);
  if (!found) throw new Error(t("trial.wanted"));
  const path = `/storage/v1/b/${encodeURIComponent(found[1] ?? "")}/o/${encodeURIComponent(found[2] ?? "")}`;
  return (await send("GET", path, { query: { alt: "media" }, signal })).text();
}

/**
 * The examples of a data set of either service, or of a chat.
 *
 * @param {string} text
 * @returns {Example[]}
 */
export function readExamples(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  const examples = lines.map(readLine).filter((one) => one !== null);
  if (!examples.length) throw new Error(t("trial.empty"));
  return examples;
}

/** @param {string} line @returns {Example | null} null: it is none */
function readLine(line) {
  let row;
  try {
    row = JSON.parse(line);
  } catch {
    return null;
  }
  const input = row.text_input ?? row.textInput;
  if (typeof input === "string") return make([turn("user", input)], String(row.output ?? ""));
  if (Array.isArray(row.messages)) {
    const turns = row.messages.filter((/** @type {any} */ one) => one.role !== "system");
    const system = row.messages.find((/** @type {any} */ one) => one.role === "system");
    const contents = turns.map((/** @type {any} */ one) => turn(one.role === "assistant" ? "model" : "user", String(one.content)));
    return split(contents, system ? { parts: [{ text: String(system.content) }] } : undefined);
  }
  return Array.isArray(row.contents) ? split(row.contents, row.systemInstruction ?? row.system_instruction) : null;
}

/** @param {string} role @param {string} text */
const turn = (role, text) => ({ role, parts: [{ text }] });

/** The last answer of a model is what is expected. @param {any[]} contents @param {any} system */
function split(contents, system) {
  const at = contents.findLastIndex((one) => one?.role === "model" || one?.role === "assistant");
  return at > 0 ? make(contents.slice(0, at), readTurn(contents[at]), system) : null;
}

/** @param {any[]} contents @param {string} expected @param {any} [systemInstruction] @returns {Example} */
function make(contents, expected, systemInstruction) {
  return { contents, expected, shown: readTurn(contents.at(-1)), ...(systemInstruction ? { systemInstruction } : {}) };
}

/** @param {any} content */
const readTurn = (content) => (content?.parts ?? []).map((/** @type {any} */ part) => part.text ?? "").join("");

/**
 * @param {HTMLElement} place
 * @param {readonly Example[]} examples
 * @param {readonly Column[]} columns
 * @param {Settings} settings
 * @param {AbortSignal} signal
 */
async function runTrial(place, examples, columns, settings, signal) {
  const asked = await Promise.all(columns.map(async (column) => ({ title: column.title(), target: await column.target(), score: h("strong", {}), right: 0, done: 0 })));
  const body = h("tbody");
  fill(
    place,
    h(
      "table",
      { class: "trial" },
      h("thead", {}, h("tr", {}, h("th", {}, "#"), h("th", {}, t("trial.prompt")), h("th", {}, t("trial.expected")), asked.map((one) => h("th", {}, one.title, " ", one.score)))),
      body,
    ),
  );
  const config = settings.config();
  const tasks = examples.flatMap((example, at) => {
    const cells = asked.map(() => h("td", {}, h("span", { class: "muted" }, "…")));
    body.append(h("tr", {}, h("td", { class: "muted" }, String(at + 1)), h("td", {}, example.shown), h("td", {}, example.expected), cells));
    return asked.map((one, column) => async () => {
      const request = {
        contents: example.contents,
        ...(example.systemInstruction ? { systemInstruction: example.systemInstruction } : {}),
        generationConfig: { temperature: 0, ...config },
      };
      let text = "";
      for await (const piece of generate(one.target, request, false, signal)) text += piece.text;
      one.done += 1;
      fill(/** @type {HTMLElement} */ (cells[column]), buildMark(text, text.trim() === example.expected.trim(), one));
    });
  });
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = tasks.shift(); next && !signal.aborted; next = tasks.shift()) await next();
  }));
}

/**
 * An answer with its mark, which the visitor may correct.
 *
 * @param {string} text
 * @param {boolean} right
 * @param {{score: HTMLElement, right: number, done: number}} column
 */
function buildMark(text, right, column) {
  const button = h("button", { type: "button", class: "mark-button" });
  const show = () => {
    button.className = right ? "mark-button right" : "mark-button wrong";
    fill(button, right ? "✓" : "✗");
    button.setAttribute("aria-label", t(right ? "trial.right" : "trial.wrong"));
    button.title = t("trial.change");
    fill(column.score, t("trial.score", { right: column.right, n: column.done }));
  };
  column.right += right ? 1 : 0;
  button.addEventListener("click", () => {
    right = !right;
    column.right += right ? 1 : -1;
    show();
  });
  show();
  return h("div", { class: "marked" }, button, h("span", {}, text));
}
