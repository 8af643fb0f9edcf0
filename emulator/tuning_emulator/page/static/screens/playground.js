/** The playground: one prompt, answered side by side by a base model, what was tuned from it, and its checkpoints. */

import { fill, h } from "../build.js";
import { getCode } from "../code.js";
import { choice, field } from "../dialog.js";
import { formatSpan } from "../figures.js";
import { explain } from "../frame.js";
import { findTarget, generate, keyOf, listCheckpoints, listModels } from "../models.js";
import { formatBody, listPrograms } from "../programs.js";
import { keepPlace, linkTo } from "../router.js";
import { t } from "../texts.js";
import { buildTrial } from "../trial.js";

/**
 * @typedef {import("../models.js").Model} Model
 * @typedef {import("../models.js").Target} Target
 *
 * @typedef {object} Column
 * @property {() => Model | undefined} model
 * @property {() => string} title what it is called beside an answer
 * @property {() => Promise<Target>} target
 * @property {HTMLElement} element
 */

const MOST_COLUMNS = 4;

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const wanted = query.get("name") ?? "";
  const models = await listModels(wanted, signal);
  /** @type {Column[]} */
  const columns = [];
  const place = h("div", { class: "models" });
  const more = h("button", { type: "button", class: "secondary", onclick: () => add(models[0], "") }, t("playground.add"));
  const exchanges = h("div", { class: "stack" });
  const settings = buildSettings();
  const prompt = h("textarea", { rows: 3, required: true, placeholder: t("playground.placeholder"), "aria-label": t("playground.prompt") });
  const send = h("button", { class: "primary" }, t("playground.ask"));
  const stop = h("button", { type: "button", class: "secondary", hidden: true }, t("playground.stop"));
  const form = h(
    "form",
    { class: "panel stack" },
    h("div", { class: "bar models-bar" }, place, more),
    prompt,
    settings.element,
    h("div", { class: "actions" }, send, stop, h("small", { class: "muted shortcut" }, t("playground.shortcut"))),
  );

  const refresh = () => {
    fill(place, ...columns.map((column) => column.element));
    more.hidden = columns.length >= MOST_COLUMNS;
    const tuned = columns.map((column) => column.model()).find((model) => model?.kind === "tuned");
    keepPlace("playground", tuned ? { name: tuned.name } : {});
  };
  /** @param {Model | undefined} model @param {string} checkpoint */
  const add = (model, checkpoint) => {
    const column = buildColumn(models, model, checkpoint, signal, refresh, () => {
      columns.splice(columns.indexOf(column), 1);
      refresh();
    });
    columns.push(column);
    refresh();
  };
  const question = () => ({ prompt: prompt.value, system: settings.system(), config: settings.config() });

  /** @type {AbortController | null} */
  let asking = null;
  signal.addEventListener("abort", () => asking?.abort());
  stop.addEventListener("click", () => asking?.abort());
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    asking?.abort();
    const control = (asking = new AbortController());
    stop.hidden = false;
    const answers = columns.map((column) => buildAnswer(column.title()));
    exchanges.prepend(
      h(
        "article",
        { class: "exchange" },
        h("p", { class: "prompt" }, prompt.value),
        h("div", { class: "side-by-side" }, answers.map((answer) => answer.element)),
      ),
    );
    const body = formatBody(question());
    await Promise.all(columns.map((column, at) => answers[at]?.run(column, body, settings.streamed(), control.signal)));
    if (asking === control) stop.hidden = true;
  });

  const programs = async () => {
    const target = await columns.find((column) => column.model()?.kind === "tuned")?.target() ?? await columns[0]?.target();
    return target ? listPrograms(target, { ...question(), prompt: prompt.value || t("playground.example") }) : {};
  };
  fill(
    main,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, t("nav.playground")), h("p", { class: "muted" }, t("playground.lead"))), getCode(programs)),
    models.some((model) => model.kind === "tuned") ? null : h("p", { class: "hint" }, t("playground.none"), " ", h("a", { href: linkTo("dataset") }, t("nav.dataset"))),
    form,
    exchanges,
    buildTrial({ columns, settings, signal, wanted }),
  );
  const tuned = models.find((model) => model.kind === "tuned" && (!wanted || model.name === wanted));
  const base = models.find((model) => model.kind === "base" && (!tuned?.base || keyOf(model) === keyOf(tuned.base)));
  add(base, "");
  if (tuned) add(tuned, query.get("checkpoint") ?? "");
  prompt.focus();
}

/**
 * A model to ask, and which of its checkpoints.
 *
 * @param {readonly Model[]} models
 * @param {Model | undefined} first
 * @param {string} checkpoint
 * @param {AbortSignal} signal
 * @param {() => void} changed
 * @param {() => void} remove
 * @returns {Column}
 */
function buildColumn(models, first, checkpoint, signal, changed, remove) {
  const options = (/** @type {string} */ kind) =>
    models.filter((model) => model.kind === kind).map((model) => h("option", { value: keyOf(model) }, `${model.label} · ${model.api === "gemini" ? "Gemini API" : "Vertex AI"}`));
  const select = h(
    "select",
    { "aria-label": t("playground.model") },
    h("optgroup", { label: t("playground.tuned") }, options("tuned")),
    h("optgroup", { label: t("playground.base") }, options("base")),
  );
  if (first) select.value = keyOf(first);
  const checkpoints = choice([["", t("playground.last")]], "", { "aria-label": t("playground.checkpoints"), hidden: true });
  const chosen = () => models.find((model) => keyOf(model) === select.value);
  const follow = async () => {
    const model = chosen();
    const found = model ? await listCheckpoints(model, signal).catch(() => []) : [];
    if (chosen() !== model) return;
    fill(checkpoints, h("option", { value: "" }, t("playground.last")), found.map((one) => h("option", { value: one.name }, one.label)));
    checkpoints.value = found.some((one) => one.name === checkpoint) ? checkpoint : "";
    checkpoints.hidden = found.length < 2;
  };
  select.addEventListener("change", () => {
    void follow();
    changed();
  });
  void follow();
  const close = h("button", { type: "button", class: "quiet", "aria-label": t("playground.remove"), onclick: remove }, "×");
  return {
    model: chosen,
    title() {
      const model = chosen();
      const which = checkpoints.value ? (checkpoints.selectedOptions[0]?.textContent ?? "") : "";
      return [model?.kind === "base" ? t("playground.baseOf", { name: model.label }) : model?.label, which].filter(Boolean).join(" · ");
    },
    async target() {
      const model = chosen();
      if (!model) throw new Error(t("playground.choose"));
      return findTarget(model, checkpoints.value, signal);
    },
    element: h("div", { class: "model" }, select, checkpoints, close),
  };
}

/**
 * An answer as it comes, with how long it took and how many tokens.
 *
 * @param {string} title
 */
function buildAnswer(title) {
  const text = h("p", { class: "answer-text", "aria-live": "polite", "aria-busy": "true" });
  const told = h("small", { class: "muted" }, t("playground.waiting"));
  return {
    element: h("section", { class: "panel answer" }, h("h2", {}, title), text, told),
    /** @param {Column} column @param {unknown} body @param {boolean} streamed @param {AbortSignal} signal */
    async run(column, body, streamed, signal) {
      const start = performance.now();
      let first = 0;
      /** @type {Record<string, number>} */
      let tokens = {};
      let reason = "";
      try {
        for await (const piece of generate(await column.target(), body, streamed, signal)) {
          first ||= performance.now() - start;
          text.append(piece.text);
          tokens = { ...tokens, ...piece.tokens };
          reason = piece.reason || reason;
        }
        if (!text.textContent) text.append(h("span", { class: "muted" }, t("playground.nothing")));
        fill(
          told,
          [
            formatSpan((performance.now() - start) / 1000),
            t("playground.tokens", { from: tokens.promptTokenCount ?? 0, to: tokens.candidatesTokenCount ?? 0 }),
            reason,
          ]
            .filter(Boolean)
            .join(" · "),
        );
      } catch (error) {
        if (signal.aborted) fill(told, t("playground.stopped"));
        else fill(told, h("span", { class: "refusal", role: "alert" }, explain(error)));
      } finally {
        text.setAttribute("aria-busy", "false");
      }
    },
  };
}

/** What goes along with every prompt. */
function buildSettings() {
  const system = h("textarea", { rows: 2 });
  const streamed = h("input", { type: "checkbox", checked: true });
  /** @param {string} name @param {Record<string, unknown>} limits */
  const figure = (name, limits) => [name, h("input", { type: "number", ...limits })];
  /** @type {Record<string, HTMLInputElement>} */
  const figures = Object.fromEntries([
    figure("temperature", { min: 0, max: 2, step: 0.1, placeholder: "1" }),
    figure("topP", { min: 0, max: 1, step: 0.05 }),
    figure("topK", { min: 1, step: 1 }),
    figure("maxOutputTokens", { min: 1, step: 1 }),
    figure("seed", { step: 1 }),
  ]);
  const stops = h("input", { type: "text", placeholder: "END, ###" });
  const element = h(
    "details",
    { class: "unfold" },
    h("summary", {}, t("playground.settings")),
    h(
      "div",
      { class: "stack" },
      field(t("playground.system"), system),
      h("div", { class: "fields" }, ...Object.entries(figures).map(([name, input]) => field(name, input)), field("stopSequences", stops, t("playground.commas"))),
      h("label", { class: "check" }, streamed, t("playground.stream")),
    ),
  );
  return {
    element,
    system: () => system.value.trim(),
    streamed: () => streamed.checked,
    config() {
      const given = Object.entries(figures).filter(([, input]) => input.value !== "");
      const words = stops.value.split(",").map((word) => word.trim()).filter(Boolean);
      return { ...Object.fromEntries(given.map(([name, input]) => [name, Number(input.value)])), ...(words.length ? { stopSequences: words } : {}) };
    },
  };
}
