/** The curves of jobs as charts: loss and token accuracy, training and validation, of one job or of two. */

import { h } from "./build.js";
import { lineChart } from "./chart.js";
import { shortName } from "./figures.js";
import { t } from "./texts.js";

/**
 * @typedef {import("./jobs.js").JobDetail} JobDetail
 * @typedef {import("./jobs.js").Metric} Metric
 * @typedef {import("./chart.js").LineChart} LineChart
 */

/**
 * @param {Metric} metric
 * @returns {number} share of the tokens that were predicted right
 */
const accuracyOf = (metric) => metric.correct / metric.predictions;

/**
 * Both charts of a job, with those of another over them.
 *
 * @param {JobDetail} job
 * @param {JobDetail | null} other
 */
export function buildCurves(job, other) {
  const kinds = /** @type {const} */ (["loss", "accuracy"]);
  const charts = kinds.map((kind) => lineChart(describe(kind, job, other)));
  const panels = charts.map((chart) => h("div", { class: "panel" }, chart.element));
  const update = (/** @type {JobDetail} */ now) =>
    charts.forEach((chart, at) => {
      const described = describe(kinds[at] ?? "loss", now, other);
      chart.update(described);
      const panel = panels[at];
      if (panel && at) panel.hidden = !described.lines.some((line) => line.points.length); // not every trainer counts
    });
  update(job);
  return { element: h("section", { class: "columns", "aria-label": t("job.curves") }, panels), update };
}

/**
 * @param {"loss" | "accuracy"} what
 * @param {JobDetail} job
 * @param {JobDetail | null} other
 * @returns {LineChart}
 */
function describe(what, job, other) {
  const value = what === "loss" ? (/** @type {Metric} */ metric) => metric.loss : accuracyOf;
  /** @type {LineChart["lines"][number][]} */
  const lines = [];
  const add = (/** @type {JobDetail} */ one, /** @type {string} */ name, /** @type {1 | 3} */ tone) => {
    for (const [kind, at] of /** @type {const} */ ([["train", 0], ["eval", 1]])) {
      const points = one.metrics.filter((metric) => metric.kind === kind && (what === "loss" || metric.predictions > 0)).map((metric) => ({ x: metric.step, y: value(metric) }));
      if (points.length || (kind === "train" && one === job)) {
        lines.push({ name: [name, t(`curve.${kind}`)].filter(Boolean).join(" · "), tone: /** @type {1 | 2 | 3 | 4} */ (tone + at), points, dots: kind === "eval" });
      }
    }
  };
  const same = other?.display_name === job.display_name;
  const nameOf = (/** @type {JobDetail} */ one) => (same || !one.display_name ? `${one.display_name} ${shortName(one.name).slice(-6)}`.trim() : one.display_name);
  add(job, other ? nameOf(job) : "", 1);
  if (other) add(other, nameOf(other), 3);
  const last = lines.map((line) => `${line.name}: ${line.points.at(-1)?.y.toPrecision(4) ?? "–"}`).join("; ");
  return {
    title: t(`curve.${what}`),
    description: t("curve.description", { steps: job.completed_steps, last }),
    xName: t("curve.step"),
    yName: t(`curve.${what}`),
    lines,
    marks: listEpochs(job),
    markName: t("job.epoch"),
    xMost: Math.max(job.total_steps, other?.total_steps ?? 0),
    ...(what === "accuracy" ? { yMost: 1 } : {}),
  };
}

/**
 * Where epochs end: after the last step that belongs to each.
 *
 * @param {JobDetail} job
 */
function listEpochs(job) {
  const epochs = job.resolved?.epochs ?? job.asked.epochs ?? 0;
  if (!epochs || !job.total_steps || epochs === 1) return [];
  return Array.from({ length: epochs }, (_, at) => ({ x: Math.ceil(((at + 1) * job.total_steps) / epochs), name: String(at + 1) }));
}
