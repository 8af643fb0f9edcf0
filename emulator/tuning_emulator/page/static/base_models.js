/** Base models that can be tuned, to choose from; any other name may be typed. */

import { ask, control } from "./api.js";
import { fill, h } from "./build.js";

/** @type {Record<string, string>} */
export const DEFAULT_MODELS = { vertex: "gemini-2.5-flash", gemini: "gemini-1.5-flash-001-tuning" };

const MOST = 1000;

/**
 * Fills the list that a field suggests from.
 *
 * @param {HTMLDataListElement} list
 * @param {string} api
 */
export async function listModels(list, api) {
  /** @type {string[]} */
  const names = api === "gemini" ? await listOfGemini() : await listOfVertex();
  fill(list, names.map((name) => h("option", { value: name })));
}

async function listOfGemini() {
  const { models } = await ask("GET", "/v1beta/models", { query: { pageSize: MOST } });
  return models
    .filter((/** @type {any} */ one) => one.supportedGenerationMethods?.includes("createTunedModel"))
    .map((/** @type {any} */ one) => one.name.replace("models/", ""));
}

async function listOfVertex() {
  const { rules } = await control("GET", "rules", { query: { table: "vertex base models", limit: MOST } });
  return rules.map((/** @type {any} */ one) => one.name);
}
