/** A rehearsal: how far it is, and its report: scores, whether more rows would help, which epoch, which rows to look at. */

import { control } from "../api.js";
import { fill, h } from "../build.js";
import { lineChart } from "../chart.js";
import { getCode } from "../code.js";
import { readChat } from "../datasets.js";
import { onEvent } from "../events.js";
import { formatCount, formatDollars, formatFigure, shortName } from "../figures.js";
import { explain } from "../frame.js";
import { attempt, notify } from "../notices.js";
import { findDirectory, makeSnippets, shareOf, spanOf } from "../rehearsals.js";
import { goTo, linkTo } from "../router.js";
import { showRows } from "../rows.js";
import { gradeBadge } from "../rules.js";
import { ENDED, stateBadge } from "../states.js";
import { t } from "../texts.js";
import { readShelf } from "../weights.js";

/**
 * @typedef {import("../rehearsals.js").RehearsalDetail} RehearsalDetail
 * @typedef {import("../rehearsals.js").Report} Report
 * @typedef {(example: number) => HTMLElement} Lead makes what leads to a row
 */

const TICK_MS = 1000;
const SHOWN = 10;
const LONGEST = 160;

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const id = query.get("id") ?? "";
  const read = () => /** @type {Promise<RehearsalDetail>} */ (control("GET", `rehearsals/${encodeURIComponent(id)}`, { signal }));
  let one = await read();
  document.title = `${shortName(one.dataset)} · tuning-emulator`;
  const head = h("div", { class: "head" });
  const bar = h("section", { class: "panel stack", "aria-label": t("job.progress") });
  const found = h("div", { class: "stack wide-gap" });
  const drawBar = () => {
    const running = !ENDED.has(one.state);
    bar.hidden = one.state === "SUCCEEDED";
    fill(
      bar,
      h("dl", { class: "gauges" }, gauge(t("job.steps"), one.total ? `${formatCount(one.done)} / ${formatCount(one.total)}` : "–"), gauge(t(running ? "job.elapsed" : "job.took"), spanOf(one))),
      running ? h("progress", { max: 1, value: shareOf(one), "aria-label": t("job.progress") }) : null,
      h("p", { class: "muted" }, running ? t(one.state === "PENDING" ? "rehearsal.waits" : one.total ? "rehearsal.runs" : "rehearsal.begins") : ""),
    );
  };
  const draw = () => {
    drawHead(head, one, again);
    drawBar();
    fill(found, one.error ? h("p", { class: "refusal", role: "alert" }, one.error) : null, one.report ? describeReport(one, one.report, signal) : null);
  };
  const again = async () => {
    try {
      one = await read();
      draw();
    } catch (error) {
      if (!signal.aborted) fill(found, h("p", { class: "refusal", role: "alert" }, explain(error)));
    }
  };
  fill(main, head, bar, found);
  draw();
  onEvent("rehearsal", (event) => {
    if (event.id !== id) return;
    const news = event.state !== one.state;
    one = { ...one, ...event };
    if (news) void again();
    else drawBar();
  }, signal);
  onEvent("lost", again, signal);
  const ticking = setInterval(() => ENDED.has(one.state) || drawBar(), TICK_MS);
  signal.addEventListener("abort", () => clearInterval(ticking));
}

/**
 * @param {HTMLElement} place
 * @param {RehearsalDetail} one
 * @param {() => Promise<void>} refresh
 */
function drawHead(place, one, refresh) {
  const cancel = h("button", { type: "button", class: "danger", onclick: () => attempt(cancel, async () => {
    await control("POST", `rehearsals/${one.id}:cancel`);
    notify(t("rehearsal.cancelled"));
    await refresh();
  }) }, t("rehearsal.cancel"));
  const forget = h("button", { type: "button", class: "secondary", onclick: () => attempt(forget, async () => {
    await control("DELETE", `rehearsals/${one.id}`);
    goTo("dataset");
  }) }, t("rehearsal.forget"));
  const object = one.dataset.startsWith("gs://");
  const tune = h("a", { class: "primary", href: linkTo("dataset", object ? { dataset: one.dataset, api: one.api, model: one.model } : {}) }, t("rehearsal.back"));
  const wanted = { api: one.api, model: one.model, epochs: one.report ? String(one.report.epochs) : "", weights: one.weights, holdout: "", validation: one.validation };
  fill(
    place,
    h(
      "div",
      { class: "stack tight" },
      h("p", { class: "crumb" }, h("a", { href: linkTo("dataset") }, t("nav.dataset")), ` / ${t("nav.rehearsal")}`),
      h("h1", {}, shortName(one.dataset) || one.dataset),
      object ? h("p", { class: "name muted" }, one.dataset) : null,
      h("p", { class: "bar" }, h("span", { role: "status" }, stateBadge(one.state)), h("span", { class: "tag" }, one.model), h("span", { class: "tag" }, one.weights), one.validation ? h("span", { class: "tag" }, shortName(one.validation)) : null),
    ),
    h("div", { class: "actions" }, ENDED.has(one.state) ? [object ? tune : null, forget] : cancel, getCode(async () => makeSnippets({ kind: "named", name: one.dataset }, wanted, findDirectory(await readShelf())))),
  );
}

/**
 * @param {string} word
 * @param {import("../build.js").Children} value
 */
const gauge = (word, value) => h("div", {}, h("dt", {}, word), h("dd", {}, value));

/**
 * @param {RehearsalDetail} one
 * @param {Report} report
 * @param {AbortSignal} signal
 */
function describeReport(one, report, signal) {
  const rows = showRows({ kind: "rehearsal", name: one.id }, signal);
  void rows.go(0);
  /** @type {Lead} */
  const lead = (example) => h("button", { type: "button", class: "link", "aria-label": t("rehearsal.row", { n: example }), onclick: () => rows.goToLine(example) }, formatCount(example));
  return [
    h("p", { class: "hint" }, t("rehearsal.view", { weights: one.weights, n: formatCount(report.parameters), device: report.device, model: one.model })),
    describeSums(one, report),
    h("div", { class: "columns" }, describeCurve(report), describeEpochs(report)),
    describeResisting(one, report, lead, signal),
    h("div", { class: "columns" }, describeGroups("two_answers", one, report.two_answers, lead), describeGroups("near_duplicates", one, report.near_duplicates, lead), one.validation ? describeGroups("in_both", one, report.in_both.map((pair) => pair.slice(0, 1)), lead) : null, describeCut(one, report, lead)),
    rows.element,
  ];
}

/**
 * @param {RehearsalDetail} one
 * @param {Report} report
 */
function describeSums(one, report) {
  const { score, rows, cost } = report;
  const short = (one.counts.cut ?? 0) + (one.counts.nothing_left ?? 0);
  return h(
    "section",
    { class: "panel stack", "aria-label": t("verdict.figures") },
    h(
      "dl",
      { class: "gauges" },
      gauge(t("rehearsal.before"), formatShare(score.before)),
      gauge(t("rehearsal.after"), formatShare(score.after)),
      gauge(t("rehearsal.learned"), formatCount(rows.learned)),
      gauge(t("rehearsal.held_out"), formatCount(rows.held_out)),
      gauge(t("rehearsal.too_long"), `${formatCount(short)} (${formatShare(short / rows.learned)})`),
      gauge(t("job.steps"), formatCount(report.steps)),
      gauge(t("rehearsal.cost"), cost ? formatDollars(cost.usd) : "–"),
    ),
    h("p", { class: "muted" }, t("rehearsal.metric", { metric: score.metric, n: rows.asked }), " ", t("rehearsal.priced", { model: one.model })),
    cost ? h("p", { class: "small muted" }, `${t("verdict.price", { price: formatDollars(cost.usd_per_million_training_tokens) })} `, gradeBadge(cost.grade), ` ${cost.source}`) : null,
  );
}

/** @param {number} share */
const formatShare = (share) => `${formatFigure(Math.round(1000 * share) / 10)} %`;

/** @param {Report} report */
function describeCurve(report) {
  const points = [{ x: 0, y: report.score.before }, ...report.curve.map((one) => ({ x: one.rows, y: one.score }))];
  const said = t(report.more_rows_help === null ? "rehearsal.few" : report.more_rows_help ? "rehearsal.more" : "rehearsal.enough");
  const chart = lineChart({
    title: t("rehearsal.curve"),
    description: `${said} ${points.map((point) => `${point.x}: ${formatFigure(point.y)}`).join("; ")}`,
    xName: t("rehearsal.rows"),
    yName: t("rehearsal.score", { metric: report.score.metric }),
    lines: [{ name: t("rehearsal.score_of"), tone: 1, points, dots: true }],
    yMost: 1,
  });
  return h("section", { class: "panel stack", "aria-label": t("rehearsal.curve") }, h("h2", {}, t("rehearsal.curve")), h("p", {}, said), chart.element);
}

/** @param {Report} report */
function describeEpochs(report) {
  const points = report.validation_loss.flatMap((loss, at) => (loss === null ? [] : [{ x: at + 1, y: loss }]));
  const said = t(`rehearsal.${report.trend}`, { n: report.best_epoch });
  const chart = lineChart({
    title: t("rehearsal.epochs_title"),
    description: `${said} ${points.map((point) => `${point.x}: ${formatFigure(point.y)}`).join("; ")}`,
    xName: t("job.epoch"),
    yName: t("job.validation_loss"),
    lines: [{ name: t("job.validation_loss"), tone: 2, points, dots: true }],
    marks: [{ x: report.best_epoch, name: t("rehearsal.best") }],
    markName: t("job.epoch"),
    xMost: report.epochs,
  });
  return h("section", { class: "panel stack", "aria-label": t("rehearsal.epochs_title") }, h("h2", {}, t("rehearsal.epochs_title")), h("p", {}, said), chart.element);
}

/**
 * The rows that the model finds wrong, with what they say.
 *
 * @param {RehearsalDetail} one
 * @param {Report} report
 * @param {Lead} lead
 * @param {AbortSignal} signal
 */
function describeResisting(one, report, lead, signal) {
  const body = h("tbody");
  const more = h("button", { type: "button", class: "secondary small", onclick: () => attempt(more, () => add()) }, t("source.more"));
  const add = async () => {
    const next = report.resisting.slice(body.children.length, body.children.length + SHOWN);
    const texts = await Promise.all(next.map(({ example }) => readExample(one.id, example, signal)));
    body.append(...next.map((row, at) => h("tr", {}, h("td", {}, lead(row.example)), h("td", { class: "figure-cell" }, row.loss === null ? "–" : formatFigure(row.loss)), h("td", {}, texts[at]?.question ?? ""), h("td", {}, texts[at]?.answer ?? ""))));
    more.hidden = body.children.length >= report.resisting.length;
  };
  void attempt(null, add);
  return h(
    "section",
    { class: "panel", "aria-label": t("rehearsal.resisting") },
    h("h2", {}, t("rehearsal.resisting")),
    h("p", { class: "muted" }, t("rehearsal.resisting_told", { loss: report.median_loss === null ? "–" : formatFigure(report.median_loss) })),
    h("div", { class: "scroll spaced" }, h("table", { class: "resisting" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("rehearsal.example")), h("th", { scope: "col", class: "figure-cell" }, t("curve.loss")), h("th", { scope: "col" }, t("rehearsal.question")), h("th", { scope: "col" }, t("rehearsal.answer")))), body)),
    more,
  );
}

/**
 * The last question and answer of an example, cut.
 *
 * @param {string} id
 * @param {number} example
 * @param {AbortSignal} signal
 */
async function readExample(id, example, signal) {
  const { rows } = await control("GET", "datasets:rows", { query: { rehearsal: id, offset: example - 1, limit: 1 }, signal });
  const turns = readChat(rows[0]?.text ?? "")?.turns ?? [];
  return { question: shorten(turns.at(-2)?.text ?? ""), answer: shorten(turns.at(-1)?.text ?? "") };
}

/** @param {string} text */
const shorten = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/**
 * Rows that say the same, or nearly.
 *
 * @param {"two_answers" | "near_duplicates" | "in_both"} kind
 * @param {RehearsalDetail} one
 * @param {number[][] | null} groups
 * @param {Lead} lead
 */
function describeGroups(kind, one, groups, lead) {
  const count = one.counts[kind] ?? 0;
  return describeRows(t(`rehearsal.${kind}`), groups === null ? t("rehearsal.not_compared") : t(count ? `rehearsal.${kind}_told` : "rehearsal.none"), count, (groups ?? []).map((group) => group.flatMap((example, at) => [at ? " · " : "", lead(example)])));
}

/**
 * @param {RehearsalDetail} one
 * @param {Report} report
 * @param {Lead} lead
 */
function describeCut(one, report, lead) {
  const rows = [...report.cut, ...report.nothing_left].sort((left, right) => left - right);
  const count = (one.counts.cut ?? 0) + (one.counts.nothing_left ?? 0);
  return describeRows(t("rehearsal.cut"), t(count ? "rehearsal.cut_told" : "rehearsal.cut_none", { n: formatCount(report.max_tokens) }), count, rows.map((example) => [lead(example)]));
}

/**
 * @param {string} title
 * @param {string} told
 * @param {number} count
 * @param {(string | HTMLElement)[][]} groups
 */
function describeRows(title, told, count, groups) {
  return h(
    "section",
    { class: "panel stack", "aria-label": title },
    h("h2", {}, title, " ", h("span", { class: "tag" }, formatCount(count))),
    h("p", { class: "muted" }, told),
    groups.length ? h("ul", { class: "groups" }, groups.map((group) => h("li", {}, group))) : null,
    count > groups.length ? h("p", { class: "small muted" }, t("verdict.more_errors", { n: count - groups.length })) : null,
  );
}
