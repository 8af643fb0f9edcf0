/**
 * Models that can be asked, as any client asks them: base models, tuned models and their checkpoints.
 *
 * @typedef {object} Model
 * @property {"gemini" | "vertex"} api
 * @property {"base" | "tuned"} kind
 * @property {string} name of a base model its id, of a tuned model the name of its job
 * @property {string} label
 * @property {string} key that the Gemini API knows its owner by
 * @property {string} [place] of Vertex AI: `projects/p/locations/l`
 * @property {Model} [base] of a tuned model: what it was tuned from
 *
 * @typedef {{name: string, label: string}} Checkpoint `name`: its endpoint
 * @typedef {{api: "gemini" | "vertex", resource: string, key: string}} Target what a request names, and whose it is
 * @typedef {{text: string, tokens: Record<string, number>, reason: string}} Piece
 */

import { ANY_KEY, ask, asPath, control, send } from "./api.js";
import { shortName } from "./figures.js";
import { ownerHeaders } from "./jobs.js";
import { t } from "./texts.js";

const MOST_JOBS = 200;

/**
 * The models there are: tuned ones newest first, what they were tuned from, and the base models of the Gemini API.
 * The control API says it all: nothing of this is a request that the journal keeps, or a read that moves a job on.
 *
 * @param {string} wanted name of a job that is to be among them, however old it is
 * @param {AbortSignal} signal
 * @returns {Promise<Model[]>}
 */
export async function listModels(wanted, signal) {
  const [page, models] = await Promise.all([
    control("GET", "jobs", { query: { state: "SUCCEEDED", limit: MOST_JOBS }, signal }),
    control("GET", "rules", { query: { table: "gemini base models", limit: MOST_JOBS }, signal }),
  ]);
  /** @type {any[]} */
  const jobs = page.jobs;
  if (wanted && !jobs.some((job) => job.name === wanted)) {
    jobs.push(await control("GET", `jobs/${asPath(wanted)}`, { signal }));
  }
  const done = jobs.filter((job) => job.state === "SUCCEEDED" && (job.api === "gemini" || job.api === "vertex"));
  /** @type {Map<string, Model>} */
  const bases = new Map();
  for (const job of done) addBase(bases, findBase(job));
  for (const { name } of models.rules) addBase(bases, { api: "gemini", kind: "base", name, label: name, key: ANY_KEY });
  return [
    ...done.map((job) => ({
      api: job.api,
      kind: /** @type {const} */ ("tuned"),
      name: job.name,
      label: job.display_name || shortName(job.name),
      key: findKey(job),
      place: findPlace(job.name),
      base: findBase(job),
    })),
    ...bases.values(),
  ];
}

/**
 * What a job has tuned.
 *
 * @param {any} job
 * @returns {Model}
 */
function findBase(job) {
  const name = job.base_model.replace(/^(publishers\/google\/)?models\//, "");
  return { api: job.api, kind: "base", name, label: name, key: findKey(job), place: findPlace(job.name) };
}

/** @param {Model} model what tells it from all others, for a choice */
export const keyOf = (model) => `${model.api} ${model.kind} ${model.place ?? ""} ${model.name}`;

/**
 * Its checkpoints, first to last; those of Vertex AI have an endpoint each.
 *
 * @param {Model} model
 * @param {AbortSignal} signal
 * @returns {Promise<Checkpoint[]>}
 */
export async function listCheckpoints(model, signal) {
  if (model.kind !== "tuned" || model.api !== "vertex") return [];
  const { checkpoints } = await control("GET", `jobs/${asPath(model.name)}`, { signal });
  return checkpoints
    .filter((/** @type {any} */ one) => one.endpoint)
    .map((/** @type {any} */ { id, epoch, step, endpoint }) => ({ name: endpoint, label: t("playground.checkpoint", { id, epoch, step }) }));
}

/**
 * What requests to a model name.
 *
 * @param {Model} model
 * @param {string} checkpoint its endpoint; "": the model's own
 * @param {AbortSignal} signal
 * @returns {Promise<Target>}
 */
export async function findTarget(model, checkpoint, signal) {
  const { api, name, key } = model;
  if (api === "gemini") return { api, key, resource: model.kind === "base" ? `models/${name}` : name };
  if (model.kind === "tuned") {
    return { api, key, resource: checkpoint || (await control("GET", `jobs/${asPath(name)}`, { signal })).endpoint };
  }
  const [publisher, id] = name.includes("/") ? name.split(/\/(.*)/s, 2) : ["google", name];
  return { api, key, resource: `${model.place}/publishers/${publisher}/models/${id}` };
}

/** @param {Target} target @param {string} method @returns {string} */
export const pathOf = ({ api, resource }, method) => `/${api === "gemini" ? "v1beta" : "v1"}/${asPath(resource)}:${method}`;

/**
 * Asks, and hands on what comes as it comes.
 *
 * @param {Target} target
 * @param {unknown} body
 * @param {boolean} streamed
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Piece>}
 */
export async function* generate(target, body, streamed, signal) {
  /** @type {Record<string, string>} */
  const headers = target.api === "gemini" ? { "x-goog-api-key": target.key } : {};
  if (!streamed) {
    yield readPiece(await ask("POST", pathOf(target, "generateContent"), { body, headers, signal }));
    return;
  }
  const response = await send("POST", pathOf(target, "streamGenerateContent"), { body, query: { alt: "sse" }, headers, signal });
  const reader = /** @type {ReadableStream<any>} */ (response.body).pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ; ) {
    const { done, value } = await reader.read();
    text += value ?? "";
    const lines = text.split(/\r?\n/);
    text = done ? "" : (lines.pop() ?? "");
    for (const line of lines) if (line.startsWith("data: ")) yield readPiece(JSON.parse(line.slice(6)));
    if (done) return;
  }
}

/** @param {any} answer @returns {Piece} */
function readPiece(answer) {
  const candidate = answer.candidates?.[0];
  const parts = candidate?.content?.parts ?? [];
  return {
    text: parts.map((/** @type {any} */ part) => part.text ?? JSON.stringify(part, null, 1)).join(""),
    tokens: answer.usageMetadata ?? {},
    reason: candidate?.finishReason ?? answer.promptFeedback?.blockReason ?? "",
  };
}

/** @param {any} job */
const findKey = (job) => ownerHeaders(job)["x-goog-api-key"] ?? ANY_KEY;

/** @param {string} name of a job of Vertex AI */
function findPlace(name) {
  return /^projects\/[^/]+\/locations\/[^/]+/.exec(name)?.[0];
}

/** @param {Map<string, Model>} bases @param {Model} base */
function addBase(bases, base) {
  if (base.name && !bases.has(keyOf(base))) bases.set(keyOf(base), base);
}
