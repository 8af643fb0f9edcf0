/**
 * The dataset in the visitor's hands, from the screen where it is looked at to the one where it is tuned on; and how
 * rows look as a chat.
 *
 * @typedef {{kind: "file", name: string, blob: Blob} | {kind: "object", uri: string} | {kind: "job", name: string}} Dataset
 * @typedef {{role: string, text: string}} Turn
 * @typedef {{turns: Turn[], more: {name: string, turns: Turn[]}[]} | null} Chat
 */

import { ask, control, send } from "./api.js";
import { shortName } from "./figures.js";

/** Where files go that are dropped on the page for Vertex AI, which reads objects alone. */
export const BUCKET = "tuning-emulator-page";

const WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen".split(" ");

/**
 * Examples for who has none at hand, the next number, as a service reads them.
 *
 * @param {string} api
 * @returns {Dataset}
 */
export function makeSample(api) {
  const numbers = Array.from({ length: 30 }, (_, at) => [String(7 * at + 1), String(7 * at + 2)]);
  const words = WORDS.slice(0, -1).map((word, at) => [word, WORDS[at + 1] ?? ""]);
  const rows = [...numbers, ...words].map(([given = "", wanted = ""]) => (api === "gemini" ? { text_input: given, output: wanted } : { contents: [says("user", given), says("model", wanted)] }));
  return { kind: "file", name: "next-number.jsonl", blob: new Blob([rows.map((row) => `${JSON.stringify(row)}\n`).join("")], { type: "application/jsonl" }) };
}

/** @param {string} role @param {string} text */
const says = (role, text) => ({ role, parts: [{ text }] });

/** @type {Dataset | null} */
let held = null;

/** @param {Dataset | null} dataset */
export function holdDataset(dataset) {
  held = dataset;
}

export const heldDataset = () => held;

/** @param {Dataset} dataset */
export function nameOf(dataset) {
  return dataset.kind === "object" ? dataset.uri : dataset.kind === "file" ? dataset.name : shortName(dataset.name);
}

/**
 * Puts a file into a bucket, which is made where it is not there.
 *
 * @param {string} bucket
 * @param {string} name
 * @param {Blob} blob
 * @param {string} project
 * @returns {Promise<string>} its URI
 */
export async function upload(bucket, name, blob, project) {
  const { buckets } = await control("GET", "buckets");
  if (!buckets.some((/** @type {{name: string}} */ one) => one.name === bucket)) {
    await ask("POST", "/storage/v1/b", { query: { project }, body: { name: bucket } });
  }
  await send("POST", `/upload/storage/v1/b/${encodeURIComponent(bucket)}/o`, { query: { uploadType: "media", name }, body: blob, headers: { "content-type": "application/jsonl" } });
  return `gs://${bucket}/${name}`;
}

/**
 * What a file is as a dataset of a service: itself, or its rows in the service's form.
 *
 * @param {Blob} blob
 * @param {string} name
 * @param {"gemini" | "vertex"} api
 * @param {{prompt?: string, answer?: string}} [columns]
 */
export function convert(blob, name, api, columns = {}) {
  return control("POST", "datasets:convert", { query: { to: api, name, ...columns }, body: blob, headers: { "content-type": "application/octet-stream" } });
}

/**
 * A row as what is said in it, whichever of the services' or the trainer's forms it has; null: it is none of these.
 *
 * @param {string} text a JSON object
 * @returns {Chat}
 */
export function readChat(text) {
  let row;
  try {
    row = JSON.parse(text);
  } catch {
    return null;
  }
  if (row === null || typeof row !== "object") return null;
  if (typeof row.text_input === "string" || typeof row.textInput === "string") {
    return { turns: [turn("user", row.text_input ?? row.textInput), turn("model", row.output)], more: [] };
  }
  const system = row.systemInstruction ?? row.system_instruction ?? row.system;
  const first = system ? [turn("system", system)] : [];
  const listed = row.contents ?? row.turns ?? row.messages;
  if (!Array.isArray(listed)) return null;
  const turns = [...first, ...listed.map((one) => turn(one?.role ?? "user", one?.parts ? one : (one?.text ?? one?.content ?? one)))];
  const completions = Array.isArray(row.completions) ? row.completions : [];
  return { turns, more: completions.map((/** @type {any} */ one) => ({ name: String(one?.score ?? ""), turns: [turn("model", one?.completion ?? one)] })) };
}

/**
 * @param {string} role
 * @param {any} said a text, a content with parts, or anything else
 * @returns {Turn}
 */
function turn(role, said) {
  if (typeof said === "string") return { role, text: said };
  const parts = Array.isArray(said?.parts) ? said.parts : null;
  const text = parts ? parts.map((/** @type {any} */ part) => (typeof part?.text === "string" ? part.text : JSON.stringify(part))).join("\n") : JSON.stringify(said ?? "");
  return { role: said?.role ?? role, text };
}
