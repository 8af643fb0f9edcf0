/**
 * A tuning job as each API wants it asked for.
 *
 * @typedef {object} Form
 * @property {"gemini" | "vertex"} api
 * @property {string} model
 * @property {string} name
 * @property {string} project
 * @property {string} location
 * @property {string} epochs
 * @property {string} batchSize
 * @property {string} multiplier
 * @property {string} adapterSize
 * @property {string} validation
 * @property {string} method
 * @property {string} pace
 * @property {string} from the tuned model that is tuned further, "" for none
 * @property {string} checkpoint
 */

import { ANY_KEY } from "./api.js";
import { asCommand, asCurl, asPython, quote } from "./code.js";
import { BUCKET, convert, upload } from "./datasets.js";
import { t } from "./texts.js";

/** @typedef {import("./datasets.js").Dataset} Dataset */

const SHOWN_EXAMPLES = 3;

/**
 * Path and body of the request.
 *
 * @param {Form} form
 * @param {{uri?: string, examples?: unknown[]}} data
 * @returns {{path: string, body: Record<string, unknown>}}
 */
export function makeRequest(form, data) {
  return form.api === "gemini" ? makeGemini(form, data.examples ?? []) : makeVertex(form, data.uri ?? "");
}

/**
 * @param {Form} form
 * @param {unknown[]} examples
 */
function makeGemini(form, examples) {
  const pairs = examples.filter((one) => !isConversation(one));
  const multiturn = examples.filter(isConversation);
  const name = form.pace ? `${form.name} [pace=${form.pace}]` : form.name;
  return {
    path: "/v1beta/tunedModels",
    body: {
      displayName: name,
      ...(form.from ? { tunedModelSource: { tunedModel: form.from } } : { baseModel: `models/${form.model}` }),
      tuningTask: {
        hyperparameters: numbers({ epochCount: form.epochs, batchSize: form.batchSize, learningRateMultiplier: form.multiplier }),
        trainingData: { examples: { ...(pairs.length ? { examples: pairs } : {}), ...(multiturn.length ? { multiturnExamples: multiturn } : {}) } },
      },
    },
  };
}

/** @param {unknown} example */
const isConversation = (example) => typeof example === "object" && example !== null && "contents" in example;

/**
 * @param {Form} form
 * @param {string} uri
 */
function makeVertex(form, uri) {
  const sizes = /** @type {Record<string, string>} */ ({ 1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN", 32: "THIRTY_TWO" });
  const adapterSize = sizes[form.adapterSize];
  const preference = form.method === "preference";
  const spec = {
    trainingDatasetUri: uri,
    ...(form.validation ? { validationDatasetUri: form.validation } : {}),
    hyperParameters: { ...numbers({ epochCount: form.epochs, learningRateMultiplier: form.multiplier }), ...(adapterSize ? { adapterSize: `ADAPTER_SIZE_${adapterSize}` } : {}) },
    ...(form.method === "full" ? { tuningMode: "TUNING_MODE_FULL" } : {}),
  };
  return {
    path: `/v1/projects/${encodeURIComponent(form.project)}/locations/${encodeURIComponent(form.location)}/tuningJobs`,
    body: {
      ...(form.from ? { preTunedModel: { tunedModelName: form.from, ...(form.checkpoint ? { checkpointId: form.checkpoint } : {}) } } : { baseModel: form.model }),
      tunedModelDisplayName: form.name,
      [preference ? "preferenceOptimizationSpec" : "supervisedTuningSpec"]: spec,
      ...(form.pace ? { labels: { "tuning-emulator-pace": form.pace.replace(":", "-") } } : {}),
    },
  };
}

/**
 * The fields that were given, as numbers.
 *
 * @param {Record<string, string>} given
 */
function numbers(given) {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== "").map(([name, value]) => [name, Number(value)]));
}

/**
 * Brings a dataset to where the API reads it: into the request, or into a bucket. Files in other forms are converted.
 *
 * @param {Dataset} dataset
 * @param {Form} form
 * @returns {Promise<{uri?: string, examples?: unknown[]}>}
 */
export async function deliver(dataset, form) {
  if (dataset.kind === "job") throw new Error(t("new.not_a_job"));
  if (form.api === "gemini") {
    if (dataset.kind === "object") throw new Error(t("new.not_an_object"));
    const { lines } = await convert(dataset.blob, dataset.name, "gemini");
    return { examples: parseLines(lines) };
  }
  if (dataset.kind === "object") return { uri: dataset.uri };
  const plain = /\.jsonl$/i.test(dataset.name) && (await isVertexForm(dataset.blob));
  const blob = plain ? dataset.blob : new Blob([(await convert(dataset.blob, dataset.name, "vertex")).lines]);
  return { uri: await upload(BUCKET, dataset.name.replace(/\.\w+$/, "") + ".jsonl", blob, form.project) };
}

/** @param {Blob} blob */
async function isVertexForm(blob) {
  const [first = ""] = (await blob.slice(0, 1 << 16).text()).split("\n", 1);
  return first.includes('"contents"') || first.includes('"completions"');
}

/** @param {string} lines */
const parseLines = (lines) => lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));

/**
 * @param {Form} form
 * @param {Dataset | null} dataset
 * @returns {import("./code.js").Snippets}
 */
export function makeSnippets(form, dataset) {
  const file = dataset?.kind === "file" ? dataset.name : "train.jsonl";
  const uri = dataset?.kind === "object" ? dataset.uri : `gs://${BUCKET}/${file}`;
  const examples = [["1", "2"], ["three", "four"]].slice(0, SHOWN_EXAMPLES).map(([text_input, output]) => ({ text_input, output }));
  const { path, body } = makeRequest(form, { uri, examples });
  const gemini = form.api === "gemini";
  const options = [`--api ${form.api}`, form.model ? `--model ${quote(form.model)}` : "", form.epochs ? `--epochs ${form.epochs}` : "", !gemini && form.adapterSize ? `--adapter-size ${form.adapterSize}` : "", form.method !== "supervised" && !gemini ? `--method ${form.method}` : "", form.validation && !gemini ? `--validation ${quote(form.validation)}` : ""].filter(Boolean).join(" ");
  return {
    [t("code.shell")]: asCommand(`tune ${quote(dataset?.kind === "object" ? uri : file)} ${options}`),
    "Python (google-genai)": gemini ? tuneByRest(path, body) : tuneBySdk(form, uri),
    curl: asCurl("POST", path, { body, ...(gemini ? { key: true } : { token: true }) }),
  };
}

/**
 * @param {Form} form
 * @param {string} uri
 */
function tuneBySdk(form, uri) {
  const config = [
    `tuned_model_display_name=${JSON.stringify(form.name)}`,
    form.epochs ? `epoch_count=${form.epochs}` : "",
    form.multiplier ? `learning_rate_multiplier=${form.multiplier}` : "",
    form.validation ? `validation_dataset=types.TuningValidationDataset(gcs_uri=${JSON.stringify(form.validation)})` : "",
    form.checkpoint ? `pre_tuned_model_checkpoint_id=${JSON.stringify(form.checkpoint)}` : "",
    form.pace ? `labels={"tuning-emulator-pace": ${JSON.stringify(form.pace.replace(":", "-"))}}` : "",
  ].filter(Boolean);
  return `import time

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

client = genai.Client(
    vertexai=True,
    project=${JSON.stringify(form.project)},
    location=${JSON.stringify(form.location)},
    credentials=Credentials("anything"),
    http_options=types.HttpOptions(base_url=${JSON.stringify(location.origin)}),
)
job = client.tunings.tune(
    base_model=${JSON.stringify(form.from || form.model)},
    training_dataset=types.TuningDataset(gcs_uri=${JSON.stringify(uri)}),
    config=types.CreateTuningJobConfig(
        ${config.join(",\n        ")},
    ),
)
while not job.has_ended:
    time.sleep(0.2)
    job = client.tunings.get(name=job.name)
print(job.state, job.tuned_model)
`;
}

/**
 * google-genai leaves the examples out of what it sends to tunedModels, so a plain request is shown.
 *
 * @param {string} path
 * @param {unknown} body
 */
function tuneByRest(path, body) {
  return `import requests

answer = requests.post(
    ${JSON.stringify(location.origin + path)},
    headers={"x-goog-api-key": ${JSON.stringify(ANY_KEY)}},
    json=${asPython(body, "    ")},
)
print(answer.json())
`;
}
