/** What comes of checking a dataset: two verdicts, the service's and the one here; figures, price, errors. */

import { control } from "./api.js";
import { h } from "./build.js";
import { histogram } from "./chart.js";
import { formatCount, formatDollars } from "./figures.js";
import { linkTo } from "./router.js";
import { gradeBadge } from "./rules.js";
import { t } from "./texts.js";

/**
 * @typedef {import("./datasets.js").Dataset} Dataset
 * @typedef {Record<string, string | number | undefined>} Wanted what would be asked beside the dataset
 */

/**
 * Asks what the service would say.
 *
 * @param {Dataset} dataset
 * @param {Wanted} wanted
 * @param {AbortSignal} signal
 */
export function check(dataset, wanted, signal) {
  if (dataset.kind === "object") return control("POST", "datasets:check", { query: { ...wanted, dataset: dataset.uri }, signal });
  if (dataset.kind === "job") throw new TypeError("what came with a job was checked then");
  return control("POST", "datasets:check", { query: { ...wanted, name: dataset.name }, body: dataset.blob, signal, headers: { "content-type": "application/octet-stream" } });
}

/**
 * Both verdicts.
 *
 * @param {any} found
 */
export function describeVerdicts(found) {
  const service = t(`kind.${found.api}`);
  const kept = found.statistics ? found.statistics.examples - found.statistics.dropped_count : 0;
  const { diagnoses, reduced } = found.emulator;
  const works = found.valid && found.statistics;
  return h(
    "div",
    { class: "columns" },
    h(
      "section",
      { class: "panel stack verdict" },
      h("h2", {}, t("verdict.service", { service })),
      h("p", { class: found.valid ? "good" : "bad" }, found.valid ? t("verdict.taken", { model: found.model }) : found.error_count ? t("verdict.refused", { n: found.error_count }) : t("verdict.no_file")),
      found.statistics && found.statistics.dropped_count ? h("p", { class: "muted" }, t("verdict.dropped", { n: found.statistics.dropped_count })) : null,
      found.cost && found.valid
        ? h("p", {}, h("strong", {}, t("verdict.cost", { cost: formatDollars(found.cost.usd) })), ` ${t("verdict.price", { price: formatDollars(found.cost.usd_per_million_training_tokens) })} `, gradeBadge(found.cost.grade), h("br"), h("span", { class: "muted small" }, found.cost.source))
        : works
          ? h("p", { class: "muted" }, t("verdict.no_price"))
          : null,
    ),
    h(
      "section",
      { class: "panel stack verdict" },
      h("h2", {}, t("verdict.here")),
      works ? h("p", { class: "good" }, t("verdict.trains", { n: kept })) : h("p", { class: "muted" }, t("verdict.not_here")),
      diagnoses.map((/** @type {any} */ one) => h("p", {}, one.text, h("br"), h("code", { class: "muted" }, one.remedy))),
      reduced.map((/** @type {any} */ one) => h("p", {}, t("verdict.reduced", { n: one.examples, first: one.first }), " ", one.reason)),
    ),
  );
}

/**
 * Counts and how they are spread.
 *
 * @param {any} found
 */
export function describeFigures(found) {
  const { statistics, hyperparameters: used } = found;
  if (!statistics) return null;
  const figures = [
    [t("job.examples"), formatCount(statistics.examples)],
    [t("job.steps"), formatCount(found.steps)],
    [t("hyper.epochs"), String(used?.epochs ?? "–")],
    [t("hyper.batch_size"), String(used?.batch_size ?? "–")],
    [t("job.tokens"), `≈ ${formatCount(found.billable_tokens)}`],
    [t("verdict.training_tokens"), `≈ ${formatCount(found.training_tokens)}`],
  ];
  const charts = [
    ["verdict.input_tokens", statistics.input_tokens],
    ["verdict.output_tokens", statistics.output_tokens],
  ].filter(([, one]) => one.buckets.length);
  return h(
    "section",
    { class: "panel stack", "aria-label": t("verdict.figures") },
    h("dl", { class: "gauges" }, figures.map(([word, value]) => h("div", {}, h("dt", {}, word), h("dd", {}, value)))),
    h(
      "div",
      { class: "columns" },
      charts.map(([key, one]) =>
        histogram({
          title: t(key),
          description: t("verdict.spread", { least: one.min, median: one.median, most: one.max, sum: one.sum }),
          xName: t("verdict.tokens"),
          yName: t("job.examples"),
          buckets: one.buckets.map((/** @type {number[]} */ [count, left, right]) => ({ count, left, right })),
        }),
      ),
    ),
  );
}

/**
 * The lines that the service would refuse, in its words.
 *
 * @param {any} found
 * @param {(line: number) => void} goToLine
 */
export function describeErrors(found, goToLine) {
  if (!found.errors.length) return null;
  const hidden = found.error_count - found.errors.length;
  return h(
    "section",
    { class: "panel" },
    h("h2", {}, t("verdict.errors", { n: found.error_count })),
    h(
      "div",
      { class: "scroll errors", tabindex: "0" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("verdict.line")), h("th", { scope: "col" }, t("verdict.message")), h("th", { scope: "col" }, t("job.rule")))),
        h(
          "tbody",
          {},
          found.errors.map((/** @type {any} */ one) =>
            h("tr", {}, h("td", {}, one.line ? h("button", { type: "button", class: "link", onclick: () => goToLine(one.line) }, formatCount(one.line)) : "–"), h("td", {}, one.message), h("td", {}, h("a", { class: "name", href: linkTo("rules", { words: one.rule }) }, one.rule))),
          ),
        ),
      ),
    ),
    hidden > 0 ? h("p", { class: "muted" }, t("verdict.more_errors", { n: hidden })) : null,
  );
}
