/** A dataset before it is tuned on: its rows, what the service would say, what it would cost; then on to a bucket or a job. */

import { fill, h } from "../build.js";
import { asCommand, asCurl, getCode, pythonControl, quote } from "../code.js";
import { pickSource } from "../dataset_source.js";
import { BUCKET, convert, heldDataset, holdDataset, nameOf, upload } from "../datasets.js";
import { choice, field, openDialog } from "../dialog.js";
import { explain } from "../frame.js";
import { saveAs } from "../export.js";
import { DEFAULT_MODELS, listModels } from "../base_models.js";
import { attempt, notify } from "../notices.js";
import { askRehearsal, listRehearsals } from "../rehearsals.js";
import { goTo, keepPlace } from "../router.js";
import { showRows } from "../rows.js";
import { t } from "../texts.js";
import { check, describeErrors, describeFigures, describeVerdicts } from "../verdict.js";

/** @typedef {import("../datasets.js").Dataset} Dataset */

const SETTLE_MS = 300;

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const uri = query.get("dataset");
  const job = query.get("job");
  if (uri) holdDataset({ kind: "object", uri });
  else if (job) holdDataset({ kind: "job", name: job });
  const given = query.get("api")?.startsWith("gemini") ? "gemini" : query.get("api") ? "vertex" : "";
  const api = choice([["vertex", "Vertex AI"], ["gemini", "Gemini API"]], given || "vertex");
  const known = h("datalist", { id: "known-models" });
  const model = h("input", { list: "known-models", value: query.get("model") ?? DEFAULT_MODELS[given || "vertex"], spellcheck: "false" });
  const method = choice([["supervised", t("method.supervised")], ["preference", t("method.preference")], ["full", t("method.full")]], "supervised");
  const epochs = h("input", { type: "number", min: 1, placeholder: t("new.by_default") });
  const found = h("div", { class: "stack wide-gap" });
  const rows = h("div", {});
  const actions = h("div", { class: "actions" });
  const kept = await listRehearsals(signal);
  const wanted = () => ({ api: api.value, model: model.value.trim(), method: api.value === "vertex" ? method.value : "supervised", epochs: epochs.value || undefined });
  let turn = 0;

  const source = pickSource((dataset) => {
    keepPlace("dataset", dataset.kind === "object" ? { dataset: dataset.uri, api: api.value, model: model.value } : {});
    showAll();
  }, () => api.value);
  const showAll = () => {
    const dataset = heldDataset();
    fill(actions, dataset ? listActions(dataset, wanted, takeConverted) : null, getCode(() => makeSnippets(dataset, wanted())));
    fill(rows);
    if (dataset === null) return;
    const shown = showRows(dataset, signal);
    fill(rows, shown.element);
    void shown.go(0);
    void examine(dataset, shown);
  };
  const takeConverted = (/** @type {Dataset} */ dataset) => {
    holdDataset(dataset);
    source.show();
    showAll();
  };
  const examine = async (/** @type {Dataset} */ dataset, /** @type {ReturnType<typeof showRows>} */ shown) => {
    const mine = (turn += 1);
    if (dataset.kind === "job") {
      fill(found, h("p", { class: "hint" }, t("dataset.of_job")));
      return;
    }
    found.setAttribute("aria-busy", "true");
    try {
      const answer = await check(dataset, wanted(), signal);
      if (mine !== turn) return;
      fill(found, describeVerdicts(answer), offerConversion(answer, dataset, wanted().api, takeConverted), describeErrors(answer, shown.goToLine), describeFigures(answer));
      void shown.mark(new Map(answer.errors.filter((/** @type {any} */ one) => one.line).map((/** @type {any} */ one) => [one.line, one.message])));
    } catch (error) {
      if (mine === turn && !signal.aborted) fill(found, h("p", { class: "refusal", role: "alert" }, explain(error)));
    } finally {
      found.removeAttribute("aria-busy");
    }
  };
  let waiting = 0;
  const again = () => {
    clearTimeout(waiting);
    waiting = setTimeout(showAll, SETTLE_MS);
  };
  api.addEventListener("change", async () => {
    model.value = DEFAULT_MODELS[api.value] ?? "";
    methodField.hidden = api.value !== "vertex";
    again();
    await listModels(known, api.value);
  });
  for (const one of [model, method, epochs]) one.addEventListener("change", again);
  const methodField = field(t("new.method"), method);
  methodField.hidden = api.value !== "vertex";
  fill(
    main,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, t("dataset.title")), h("p", { class: "muted" }, t("dataset.about"))), actions),
    h("section", { class: "panel stack" }, source.element, h("div", { class: "fields" }, field(t("new.api"), api), field(t("new.model"), model), methodField, field(t("hyper.epochs"), epochs)), known),
    found,
    rows,
    kept,
  );
  showAll();
  await listModels(known, api.value);
}

/**
 * @param {Dataset} dataset
 * @param {() => Record<string, string | undefined>} wanted
 * @param {(dataset: Dataset) => void} take
 */
function listActions(dataset, wanted, take) {
  const rehearse = h("button", { type: "button", class: "secondary", onclick: () => attempt(rehearse, () => askRehearsal(dataset, wanted())) }, t("dataset.rehearse"));
  return [
    dataset.kind === "job" ? null : h("button", { type: "button", class: "primary", onclick: () => goTo("new", { api: wanted().api ?? "", model: wanted().model ?? "" }) }, t("dataset.tune")),
    dataset.kind === "job" ? null : rehearse,
    dataset.kind === "file" ? h("button", { type: "button", class: "secondary", onclick: () => askBucket(dataset, take) }, t("dataset.send")) : null,
    dataset.kind === "file" ? h("button", { type: "button", class: "secondary", onclick: () => askConversion(dataset, wanted().api ?? "vertex", take) }, t("dataset.convert")) : null,
  ];
}

/**
 * @param {Dataset & {kind: "file"}} dataset
 * @param {(dataset: Dataset) => void} take
 */
function askBucket(dataset, take) {
  const bucket = h("input", { value: BUCKET, required: true });
  const name = h("input", { value: dataset.name, required: true });
  const project = h("input", { value: "my-project" });
  openDialog({
    title: t("dataset.send_title"),
    content: [field(t("dataset.bucket"), bucket), field(t("dataset.object"), name), field(t("jobs.project"), project, t("dataset.project_hint"))],
    action: t("dataset.send_action"),
    run: async () => {
      const uri = await upload(bucket.value.trim(), name.value.trim(), dataset.blob, project.value.trim());
      notify(t("dataset.sent", { uri }));
      take({ kind: "object", uri });
    },
  });
}

/**
 * @param {Dataset & {kind: "file"}} dataset
 * @param {string} api
 * @param {(dataset: Dataset) => void} take
 */
function askConversion(dataset, api, take) {
  const to = choice([["vertex", "Vertex AI"], ["gemini", "Gemini API"]], api);
  const prompt = h("input", { placeholder: t("dataset.by_name") });
  const answer = h("input", { placeholder: t("dataset.by_name") });
  openDialog({
    title: t("dataset.convert_title"),
    content: [h("p", { class: "muted" }, t("dataset.convert_hint")), field(t("dataset.convert_to"), to), h("div", { class: "fields" }, field(t("dataset.prompt"), prompt), field(t("dataset.answer"), answer))],
    action: t("dataset.convert_action"),
    run: async () => {
      await convertHeld(dataset, to.value, { prompt: prompt.value.trim(), answer: answer.value.trim() }, take);
    },
  });
}

/**
 * @param {Dataset & {kind: "file"}} dataset
 * @param {string} api
 * @param {{prompt?: string, answer?: string}} columns
 * @param {(dataset: Dataset) => void} take
 */
async function convertHeld(dataset, api, columns, take) {
  const made = await convert(dataset.blob, dataset.name, api === "gemini" ? "gemini" : "vertex", columns);
  const skipped = made.skipped.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.rows, 0);
  const [reason] = made.skipped;
  notify(t("dataset.converted", { n: made.written, what: made.what }) + (skipped ? ` ${t("dataset.skipped", { n: skipped, reason: reason.reason })}` : ""), !made.written);
  if (!made.written) return;
  const name = `${dataset.name.replace(/\.\w+$/, "")}-${api}.jsonl`;
  take({ kind: "file", name, blob: new Blob([made.lines], { type: "application/jsonl" }) });
}

/**
 * Where the file is not what the service takes, but can be made so.
 *
 * @param {any} answer
 * @param {Dataset} dataset
 * @param {string} api
 * @param {(dataset: Dataset) => void} take
 */
function offerConversion(answer, dataset, api, take) {
  const made = dataset.kind === "file" && /-(vertex|gemini)\.jsonl$/.test(dataset.name);
  const keep = made && dataset.kind === "file" ? h("button", { type: "button", class: "secondary", onclick: () => saveAs(dataset.blob, dataset.name) }, t("dataset.keep")) : null;
  if (dataset.kind !== "file" || !answer.emulator.diagnoses.length) return keep ? h("div", { class: "actions" }, keep) : null;
  return h("div", { class: "hint bar apart" }, h("span", {}, t("dataset.can_convert")), h("button", { type: "button", class: "primary", onclick: () => convertHeld(dataset, api, {}, take).catch((error) => notify(explain(error), true)) }, t("dataset.convert_action")));
}

/**
 * @param {Dataset | null} dataset
 * @param {Record<string, string | undefined>} wanted
 */
function makeSnippets(dataset, wanted) {
  const name = dataset ? nameOf(dataset) : "train.jsonl";
  const { api = "vertex", model = "" } = wanted;
  const epochs = wanted.epochs ? ` --epochs ${wanted.epochs}` : "";
  const query = new URLSearchParams({ api, model, ...(wanted.epochs ? { epochs: wanted.epochs } : {}) });
  const object = dataset?.kind === "object";
  return {
    [t("code.shell")]: [
      `tuning-emulator validate ${quote(name)} --api ${api} --model ${quote(model)}${epochs}${object ? ` --storage ${location.origin}` : ""}`,
      `tuning-emulator convert ${quote(name)} converted.jsonl --to ${api}`,
      asCommand(`tune ${quote(name)} --api ${api} --model ${quote(model)}${epochs}`),
    ].join("\n"),
    Python: object
      ? `${pythonControl()}\nfound = control.call("POST", "datasets:check", None, dataset=${JSON.stringify(name)}, api=${JSON.stringify(api)}, model=${JSON.stringify(model)})\nprint(found["valid"], found["errors"])\n`
      : `from tuning_emulator.testing.client import Buckets\n\nuri = Buckets(${JSON.stringify(location.origin)}).upload(${JSON.stringify(BUCKET)}, ${JSON.stringify(name)}, open(${JSON.stringify(name)}, "rb").read())\n`,
    curl: object
      ? asCurl("POST", `/emulator/v1/datasets:check?${query}&dataset=${name}`)
      : `curl -X POST --data-binary @${quote(name)} -H 'Content-Type: application/octet-stream' \\\n  ${quote(`${location.origin}/emulator/v1/datasets:check?${query}`)}`,
  };
}

