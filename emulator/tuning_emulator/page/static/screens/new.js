/** A new tuning job: what to tune, on what, how; and beside it what the service would say and what it would cost. */

import { ask } from "../api.js";
import { fill, h } from "../build.js";
import { getCode } from "../code.js";
import { pickSource } from "../dataset_source.js";
import { heldDataset } from "../datasets.js";
import { choice, field } from "../dialog.js";
import { explain } from "../frame.js";
import { shortName } from "../figures.js";
import { DEFAULT_MODELS, listModels } from "../base_models.js";
import { deliver, makeRequest, makeSnippets } from "../new_job.js";
import { goTo, linkTo } from "../router.js";
import { t } from "../texts.js";
import { check, describeErrors, describeFigures, describeVerdicts } from "../verdict.js";
import { findWeights, readPlayed } from "../weights.js";

/** @typedef {import("../new_job.js").Form} Form */

const SETTLE_MS = 350;
const PROJECT = "my-project";

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const from = query.get("from") ?? "";
  const text = (/** @type {string} */ value, /** @type {import("../build.js").Properties} */ more = {}) => h("input", { value, spellcheck: "false", autocomplete: "off", ...more });
  const number = (/** @type {import("../build.js").Properties} */ more = {}) => h("input", { type: "number", min: 1, placeholder: t("new.by_default"), ...more });
  const first = query.get("api") === "gemini" ? "gemini" : "vertex";
  const known = h("datalist", { id: "tunable-models" });
  const fields = {
    api: choice([["vertex", "Vertex AI"], ["gemini", "Gemini API"]], first),
    model: text(query.get("model") || (DEFAULT_MODELS[first] ?? ""), { list: "tunable-models", required: true, disabled: from !== "" }),
    name: text("", { required: true, placeholder: t("new.name_example") }),
    project: text(query.get("project") || PROJECT, { required: true }),
    location: text("us-central1", { required: true }),
    method: choice([["supervised", t("method.supervised")], ["preference", t("method.preference")], ["full", t("method.full")]], "supervised"),
    epochs: number(),
    batchSize: number(),
    multiplier: number({ min: 0, step: "any" }),
    adapterSize: choice([["", t("new.by_default")], ...["1", "2", "4", "8", "16", "32"].map((size) => /** @type {const} */ ([size, size]))]),
    validation: text("", { placeholder: "gs://bucket/validation.jsonl", pattern: "gs://.+/.+" }),
    pace: choice([["", t("pace.default")], ["training", t("pace.training")], ["manual", t("pace.manual")], ["polls:2", t("new.polls")], ["time:10", t("new.time")]]),
  };
  /** @returns {Form} */
  const read = () => ({
    .../** @type {any} */ (Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, one.value.trim()]))),
    from,
    checkpoint: query.get("checkpoint") ?? "",
  });
  const found = h("div", { class: "stack wide-gap" });
  const said = h("p", { class: "refusal", role: "alert", hidden: true });
  const submit = h("button", { class: "primary" }, t("new.start"));
  let turn = 0;
  let waiting = 0;
  const examine = async () => {
    const dataset = heldDataset();
    const mine = (turn += 1);
    if (dataset === null || dataset.kind === "job") {
      fill(found, h("p", { class: "empty panel" }, t("new.choose_first")));
      return;
    }
    const form = read();
    const vertex = form.api === "vertex";
    found.setAttribute("aria-busy", "true");
    try {
      const answer = await check(
        dataset,
        { api: form.api, model: form.model, epochs: form.epochs, learning_rate_multiplier: form.multiplier, ...(vertex ? { location: form.location, method: form.method, adapter_size: form.adapterSize, validation: form.validation, project: form.project } : { batch_size: form.batchSize }) },
        signal,
      );
      if (mine === turn) fill(found, describeVerdicts(answer), describeErrors(answer, () => goTo("dataset")), describeFigures(answer));
    } catch (error) {
      if (mine === turn && !signal.aborted) fill(found, h("p", { class: "refusal" }, explain(error)));
    } finally {
      if (mine === turn) found.removeAttribute("aria-busy");
    }
  };
  const played = h("small", { class: "muted" });
  const sayPlayed = async () => {
    const form = read();
    const weights = await readPlayed(form.api === "vertex" ? form.project : "", signal).catch(() => null);
    fill(played, weights ? [t("new.played", { weights: findWeights(weights, form.model) }), " · ", h("a", { href: linkTo("state", { part: "weights" }) }, t("weights.choose"))] : null);
  };
  const again = () => {
    if (heldDataset()) found.setAttribute("aria-busy", "true"); // what is shown is of what was filled in before
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      void examine();
      if (!from) void sayPlayed();
    }, SETTLE_MS);
  };
  const source = pickSource((dataset) => {
    if (!fields.name.value) fields.name.value = shortName(dataset.kind === "file" ? dataset.name : dataset.kind === "object" ? dataset.uri : dataset.name).replace(/\.\w+$/, "");
    void examine();
  }, () => fields.api.value);
  const ofVertex = [field(t("new.project"), fields.project), field(t("new.location"), fields.location), field(t("new.method"), fields.method), field(t("hyper.adapter_size"), fields.adapterSize), field(t("new.validation"), fields.validation)];
  const ofModel = field(t("new.model"), fields.model);
  ofModel.append(played);
  const ofGemini = [field(t("hyper.batch_size"), fields.batchSize)];
  const adapt = () => {
    const vertex = fields.api.value === "vertex";
    for (const one of ofVertex) one.hidden = !vertex;
    for (const one of ofGemini) one.hidden = vertex;
    fields.project.required = fields.location.required = vertex;
  };
  fields.api.addEventListener("change", async () => {
    fields.model.value = DEFAULT_MODELS[fields.api.value] ?? "";
    adapt();
    await listModels(known, fields.api.value);
  });
  adapt();
  const form = h(
    "form",
    { class: "panel stack" },
    from ? h("p", { class: "hint" }, t("new.continues", { name: from })) : null,
    source.element,
    h("div", { class: "fields" }, field(t("new.api"), fields.api), ofModel, field(t("new.name"), fields.name), ...ofVertex.slice(0, 2)),
    h("fieldset", {}, h("legend", { class: "label" }, t("new.hyperparameters")), h("div", { class: "fields" }, field(t("hyper.epochs"), fields.epochs), ...ofGemini, field(t("hyper.learning_rate_multiplier"), fields.multiplier), ofVertex[3], ofVertex[2])),
    h("div", { class: "fields" }, ofVertex[4], field(t("new.pace"), fields.pace, t("new.pace_hint"))),
    known,
    said,
    h("div", { class: "actions" }, submit, h("a", { class: "secondary", href: linkTo("jobs") }, t("dialog.cancel")), getCode(() => makeSnippets(read(), heldDataset()))),
  );
  form.addEventListener("input", again);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    said.hidden = true;
    try {
      goTo("job", { name: await start(read()) });
    } catch (error) {
      said.textContent = explain(error);
      said.hidden = false;
      said.scrollIntoView({ block: "nearest" });
    } finally {
      submit.disabled = false;
    }
  });
  fill(main, h("div", { class: "head" }, h("div", {}, h("p", { class: "crumb" }, h("a", { href: linkTo("jobs") }, t("jobs.title"))), h("h1", {}, t("new.title")), h("p", { class: "muted" }, t("new.about")))), h("div", { class: "columns uneven" }, form, found));
  void examine();
  await Promise.all([listModels(known, first), from ? null : sayPlayed()]);
}

/**
 * Sends the request that any client would send.
 *
 * @param {Form} form
 * @returns {Promise<string>} the job's name
 */
async function start(form) {
  const dataset = heldDataset();
  if (dataset === null) throw new Error(t("new.choose_first"));
  const { path, body } = makeRequest(form, await deliver(dataset, form));
  const answer = await ask("POST", path, { body });
  return form.api === "gemini" ? answer.metadata.tunedModel : answer.name;
}
