/** One job: how far it is, its curves, what was asked for and what came of it, and what can be done with it. */

import { ask, control, asPath } from "../api.js";
import { fill, h } from "../build.js";
import { readClock, secondsSince } from "../clock.js";

import { copyText, getCode } from "../code.js";
import { buildCurves } from "../curves.js";
import { onEvent } from "../events.js";
import { formatCount, formatFigure, formatSpan, formatTime, shortName } from "../figures.js";
import { explain } from "../frame.js";
import { exportModel } from "../export.js";
import { listActions, continueFrom } from "../job_actions.js";
import { makeSnippets } from "../job_snippets.js";
import { isBatch, kindWord, listViews, ownerHeaders, readJob, shareDone } from "../jobs.js";
import { linkTo } from "../router.js";
import { gradeBadge } from "../rules.js";
import { ENDED, stateBadge } from "../states.js";
import { hasText, t } from "../texts.js";

/** @typedef {import("../jobs.js").JobDetail} JobDetail */

const POINTS = 1500;
const REST_MS = 250;
const TICK_MS = 1000;

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const name = query.get("name") ?? "";
  const withName = query.get("with") ?? "";
  await readClock();
  const [job, other] = await Promise.all([readJob(name, POINTS, signal), withName ? readJob(withName, POINTS, signal) : null]);
  document.title = `${job.display_name || shortName(name)} · tuning-emulator`;
  new JobScreen(main, job, other, signal).begin();
}

class JobScreen {
  /**
   * @param {HTMLElement} main
   * @param {JobDetail} job
   * @param {JobDetail | null} other
   * @param {AbortSignal} signal
   */
  constructor(main, job, other, signal) {
    this.main = main;
    this.job = job;
    this.other = other;
    this.signal = signal;
    this.head = h("div", { class: "head" });
    this.failure = h("div", {});
    this.bar = h("section", { class: "panel stack", "aria-label": t("job.progress") });
    this.asked = h("section", { class: "panel" });
    this.made = h("section", { class: "panel" });
    this.dataset = h("section", { class: "panel" });
    this.notes = h("div", {});
    /** What the head was drawn for: it is left alone, with the focus in it, as long as nothing of that changes. */
    this.headOf = "";
    /** @type {number | undefined} */
    this.soon = undefined;
  }

  begin() {
    const { main, job, other } = this;
    this.curves = isBatch(job) ? null : buildCurves(job, other);
    fill(
      main,
      this.head,
      this.failure,
      this.bar,
      this.curves?.element,
      other ? this.describeComparison(other) : null,
      this.notes,
      h("div", { class: "columns halves" }, h("div", { class: "stack wide-gap" }, this.asked, this.dataset), this.made),
      h("section", { class: "panel" }, h("h2", {}, t("job.raw")), buildRaw(() => this.job)),
    );
    this.draw();
    onEvent("lost", () => this.ask(), this.signal);
    onEvent("job", (event) => event.name === job.name && this.take(event), this.signal);
    onEvent("metric", (event) => event.name === job.name && this.addPoint(event), this.signal);
    const ticking = setInterval(() => ENDED.has(this.job.state) || this.drawBar(), TICK_MS);
    this.signal.addEventListener("abort", () => clearInterval(ticking));
  }

  /** @param {any} event */
  take(event) {
    const news = event.state !== this.job.state || event.phase !== this.job.phase || event.total_steps !== this.job.total_steps;
    Object.assign(this.job, event);
    if (news) void this.ask();
    else this.drawSoon();
  }

  /** @param {import("../jobs.js").Metric} metric */
  addPoint(metric) {
    const { metrics } = this.job;
    const last = metrics.findLast((one) => one.kind === metric.kind);
    if (last && last.step >= metric.step) return;
    metrics.push(metric);
    if (metric.kind === "train") {
      this.job.completed_steps = metric.step;
      this.job.completed_epochs = Math.max(this.job.completed_epochs, metric.epoch - 1);
    }
    if (metrics.length > 2 * POINTS) void this.ask();
    else this.drawSoon();
  }

  drawSoon() {
    this.soon ??= setTimeout(() => {
      this.soon = undefined;
      if (this.signal.aborted) return;
      this.curves?.update(this.job);
      this.drawBar();
    }, REST_MS);
  }

  /** All of it again, once at a time. */
  async ask() {
    if (this.asking) {
      this.askAgain = true;
      return;
    }
    this.asking = true;
    try {
      do {
        this.askAgain = false;
        this.job = await readJob(this.job.name, POINTS, this.signal);
        this.draw();
      } while (this.askAgain);
    } catch (error) {
      if (!this.signal.aborted) fill(this.failure, h("p", { class: "refusal", role: "alert" }, explain(error)));
    } finally {
      this.asking = false;
    }
  }

  draw() {
    this.drawHead();
    this.drawFailure();
    this.drawBar();
    this.curves?.update(this.job);
    this.drawAsked();
    this.drawMade();
    this.drawDataset();
    const notes = [...(this.job.trainer === "scripted" && !isBatch(this.job) ? [t("job.scripted")] : []), ...this.job.notes];
    fill(this.notes, notes.length ? h("div", { class: "hint stack" }, notes.map((note) => h("p", {}, note))) : null);
  }

  drawHead() {
    const { job } = this;
    const now = JSON.stringify([job.state, job.phase, job.pace, job.fault, job.fired, job.checkpoints, job.model]);
    if (now === this.headOf) return;
    this.headOf = now;
    const focused = document.activeElement instanceof HTMLElement && this.head.contains(document.activeElement) ? document.activeElement.dataset.action : "";
    const copy = h("button", { type: "button", class: "quiet small", onclick: async () => fill(copy, t((await copyText(job.name)) ? "code.copied" : "code.copy")) }, t("code.copy"));
    fill(
      this.head,
      h(
        "div",
        { class: "stack tight" },
        h("p", { class: "crumb" }, h("a", { href: linkTo("jobs") }, t("jobs.title")), ` / ${kindWord(job.api)}`),
        h("h1", {}, job.display_name || shortName(job.name)),
        h("p", {}, h("span", { class: "name muted" }, job.name), " ", copy),
        h("p", { class: "bar" }, h("span", { role: "status" }, stateBadge(job.state, ENDED.has(job.state) ? "" : job.phase)), h("span", { class: "tag" }, job.base_model), job.method ? h("span", { class: "tag" }, job.method) : null, job.pace !== "training" ? h("span", { class: "tag" }, t("job.pace_is", { pace: job.pace })) : null, job.fault ? h("span", { class: "tag" }, t(job.fired ? "job.fault_fired" : "job.fault_waits", { fault: job.fault })) : null),
      ),
      h("div", { class: "actions" }, listActions(job, () => this.ask()), getCode(() => makeSnippets(this.job))),
    );
    if (focused) {
      const same = this.head.querySelector(`[data-action="${focused}"]`);
      if (same instanceof HTMLElement) same.focus();
      else this.main.focus({ preventScroll: true });
    }
  }

  drawFailure() {
    const { failure } = this.job;
    fill(
      this.failure,
      failure
        ? h(
            "section",
            { class: "panel stack failure", "aria-label": t("job.failure") },
            h("h2", {}, t("job.failure"), " ", h("span", { class: "tag" }, failure.code)),
            h("p", { class: "refusal" }, failure.message),
            failure.rule
              ? h("p", {}, `${t("job.rule")} `, h("a", { class: "name", href: linkTo("rules", { words: failure.rule }) }, failure.rule), " ", gradeBadge(failure.grade), h("br"), h("span", { class: "muted" }, failure.source))
              : h("p", { class: "muted" }, t("job.no_rule")),
          )
        : null,
    );
  }

  drawBar() {
    const { job } = this;
    const since = job.start_time || job.create_time;
    const spent = job.end_time ? (Date.parse(job.end_time) - Date.parse(since)) / 1000 : secondsSince(since);
    const last = (/** @type {"train" | "eval"} */ kind) => job.metrics.findLast((metric) => metric.kind === kind);
    const figures = [
      [t("job.steps"), job.total_steps ? `${formatCount(job.completed_steps)} / ${formatCount(job.total_steps)}` : "–"],
      isBatch(job) ? null : [t("job.epochs"), `${formatCount(job.completed_epochs)} / ${job.resolved?.epochs ?? job.asked.epochs ?? "–"}`],
      isBatch(job) ? null : [t("curve.loss"), formatLast(last("train"), (one) => formatFigure(one.loss))],
      last("eval") ? [t("job.validation_loss"), formatLast(last("eval"), (one) => formatFigure(one.loss))] : null,
      isBatch(job) ? null : [t("curve.accuracy"), formatLast(last("train"), (one) => (one.predictions ? `${formatFigure((100 * one.correct) / one.predictions)} %` : "–"))],
      [t(job.end_time ? "job.took" : "job.elapsed"), formatSpan(Math.max(0, spent))],
    ].filter((one) => one !== null);
    fill(
      this.bar,
      h("dl", { class: "gauges" }, figures.map(([word, value]) => h("div", {}, h("dt", {}, word), h("dd", {}, value)))),
      h("progress", { max: 1, value: shareDone(job), "aria-label": t("job.progress") }),
    );
  }

  drawAsked() {
    const { job } = this;
    const all = [...new Set([...Object.keys(job.asked), ...Object.keys(job.resolved ?? {})])];
    const names = all.filter((name) => name !== "beta" || job.method === "preference" || name in job.asked); // else it acts on nothing
    const value = (/** @type {Record<string, number> | null} */ given, /** @type {string} */ name) => (given?.[name] === undefined ? "–" : String(given[name]));
    const rows = [
      [t("job.created"), formatTime(job.create_time)],
      [t("job.started"), formatTime(job.start_time)],
      [t("job.ended"), formatTime(job.end_time)],
      [t("job.trainer"), job.trainer],
      [t("job.weights"), job.weights],
      [t("job.device"), [job.device, job.precision].filter((one) => one && one !== "none").join(" · ")],
      [t("job.threads"), job.threads ? formatCount(job.threads) : ""],
      [t("job.processes"), job.processes ? formatCount(job.processes) : ""],
      [t("job.source"), job.source_model],
      ...Object.entries(job.labels).map(([label, text]) => [`${t("job.label")} ${label}`, text]),
    ].filter(([, text]) => text);
    fill(
      this.asked,
      h("h2", {}, t("job.asked")),
      names.length
        ? h(
            "table",
            {},
            h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("job.hyperparameter")), h("th", { scope: "col", class: "figure-cell" }, t("job.as_asked")), h("th", { scope: "col", class: "figure-cell" }, t("job.as_used")))),
            h("tbody", {}, names.map((name) => h("tr", {}, h("td", {}, hasText(`hyper.${name}`) ? t(`hyper.${name}`) : name), h("td", { class: "figure-cell" }, value(job.asked, name)), h("td", { class: "figure-cell" }, value(job.resolved, name))))),
          )
        : null,
      h("dl", { class: "pairs spaced" }, rows.flatMap(([word, text]) => [h("dt", {}, word), h("dd", {}, text)])),
    );
  }

  drawMade() {
    const { job } = this;
    const real = job.trainer !== "scripted";
    fill(
      this.made,
      h("h2", {}, t("job.made")),
      job.model || job.checkpoints.length ? null : h("p", { class: "muted" }, t("job.nothing_made")),
      job.model ? h("dl", { class: "pairs" }, h("dt", {}, t("job.model")), h("dd", { class: "name" }, job.model), job.endpoint ? [h("dt", {}, t("job.endpoint")), h("dd", { class: "name" }, job.endpoint)] : []) : null,
      job.checkpoints.length
        ? h(
            "div",
            { class: "scroll spaced" },
            h(
              "table",
              { class: "checkpoints" },
              h("caption", { class: "label" }, t("job.checkpoints")),
              h("thead", {}, h("tr", {}, h("th", { scope: "col" }, `${t("job.checkpoint")} · ${t("job.endpoint")}`), h("th", { scope: "col" }, t("job.epoch")), h("th", { scope: "col" }, t("job.step")), h("th"))),
              h(
                "tbody",
                {},
                job.checkpoints.map((one) =>
                  h(
                    "tr",
                    {},
                    h("td", { data: { head: t("job.checkpoint") } }, one.id, one.endpoint ? h("small", { class: "name muted block nowrap", title: one.endpoint }, shortName(one.endpoint)) : null),
                    h("td", { data: { head: t("job.epoch") } }, formatCount(one.epoch)),
                    h("td", { data: { head: t("job.step") } }, formatCount(one.step)),
                    h("td", {}, h("div", { class: "actions" }, one.endpoint ? h("a", { class: "secondary small", href: linkTo("playground", { name: job.name, checkpoint: one.id }) }, t("job.ask")) : null, real ? h("button", { type: "button", class: "secondary small", onclick: () => exportModel(job, one.id) }, t("job.export")) : null, job.model ? h("button", { type: "button", class: "secondary small", onclick: () => continueFrom(job, one.id) }, t("job.continue")) : null)),
                  ),
                ),
              ),
            ),
          )
        : null,
    );
  }

  drawDataset() {
    const { job } = this;
    const { statistics } = job;
    const link = job.training_uri ? linkTo("dataset", { dataset: job.training_uri, api: job.api, model: job.base_model }) : linkTo("dataset", { job: job.name, api: job.api, model: job.base_model });
    const rows = [
      [t("job.training_set"), job.training_uri],
      [t("job.validation_set"), job.validation_uri],
      [t("job.output"), job.output_uri],
      ...(statistics
        ? [
            [t("job.examples"), formatCount(statistics.examples)],
            [t("job.dropped"), statistics.dropped_count ? formatCount(statistics.dropped_count) : ""],
            [t("job.tokens"), formatCount(statistics.billable_tokens)],
          ]
        : []),
    ].filter(([, text]) => text);
    fill(
      this.dataset,
      h("h2", {}, t("nav.dataset")),
      h("dl", { class: "pairs" }, rows.flatMap(([word, text]) => [h("dt", {}, word), h("dd", {}, text)])),
      isBatch(job) ? null : h("p", { class: "spaced" }, h("a", { href: link }, t("job.look_at_dataset"))),
    );
  }

  /** @param {JobDetail} other */
  describeComparison(other) {
    const both = [this.job, other];
    const last = (/** @type {JobDetail} */ one, /** @type {"train" | "eval"} */ kind) => formatLast(one.metrics.findLast((metric) => metric.kind === kind), (metric) => formatFigure(metric.loss));
    const rows = [
      [t("job.state"), both.map((one) => stateBadge(one.state))],
      [t("job.base_model"), both.map((one) => one.base_model)],
      [t("job.weights"), both.map((one) => one.weights || "–")],
      [t("job.final_training_loss"), both.map((one) => last(one, "train"))],
      [t("job.final_validation_loss"), both.map((one) => last(one, "eval"))],
      [t("job.steps"), both.map((one) => formatCount(one.completed_steps))],
      ...["epochs", "batch_size", "learning_rate", "learning_rate_multiplier", "adapter_size"].map((name) => [t(`hyper.${name}`), both.map((one) => one.resolved?.[name] ?? one.asked[name] ?? "–")]),
      [t("job.examples"), both.map((one) => (one.statistics ? formatCount(one.statistics.examples) : "–"))],
    ];
    return h(
      "section",
      { class: "panel", "aria-label": t("job.comparison") },
      h("div", { class: "bar apart" }, h("h2", {}, t("job.comparison")), h("a", { class: "small", href: linkTo("job", { name: this.job.name }) }, t("job.stop_comparing"))),
      h(
        "div",
        { class: "scroll" },
        h(
          "table",
          {},
          h("thead", {}, h("tr", {}, h("th"), both.map((one, at) => h("th", { scope: "col" }, h("a", { class: `key tone-${at ? 3 : 1}`, href: linkTo("job", { name: one.name }) }, one.display_name || shortName(one.name)))))),
          h("tbody", {}, rows.map(([word, values]) => h("tr", {}, h("th", { scope: "row" }, /** @type {string} */ (word)), /** @type {any[]} */ (values).map((value) => h("td", {}, value))))),
        ),
      ),
    );
  }
}

/**
 * @param {import("../jobs.js").Metric | undefined} metric
 * @param {(metric: import("../jobs.js").Metric) => string} format
 */
const formatLast = (metric, format) => (metric ? format(metric) : "–");

/**
 * The job exactly as each API shows it, asked for when it is looked at.
 *
 * @param {() => JobDetail} find
 */
function buildRaw(find) {
  const text = h("code");
  const place = h("pre", { tabindex: "0", hidden: true }, text);
  /** @type {[string, (job: JobDetail) => Promise<unknown>][]} */
  const views = [
    ...listViews(find()).map(([word, path]) => /** @type {[string, (job: JobDetail) => Promise<unknown>]} */ ([word, (job) => ask("GET", path, { headers: ownerHeaders(job) })])),
    [t("job.control_api"), (job) => control("GET", `jobs/${asPath(job.name)}`, { query: { points: 0 } })],
  ];
  const tabs = views.map(([word, read], at) =>
    h(
      "button",
      {
        type: "button",
        class: "tab",
        "aria-pressed": "false",
        onclick: async () => {
          const shown = tabs[at]?.getAttribute("aria-pressed") === "true";
          tabs.forEach((tab, other) => tab.setAttribute("aria-pressed", String(!shown && other === at)));
          place.hidden = shown;
          if (shown) return;
          try {
            text.textContent = JSON.stringify(await read(find()), null, 2);
          } catch (error) {
            text.textContent = explain(error);
          }
        },
      },
      word,
    ),
  );
  return h("div", { class: "stack" }, h("div", {}, h("div", { class: "tabs", role: "group", "aria-label": t("job.raw") }, tabs)), place);
}

