/** Jobs of both APIs, newest first: as many as there are, of which only those in sight are drawn. */

import { control } from "../api.js";
import { fill, h } from "../build.js";
import { sparkline } from "../chart.js";
import { readClock, secondsSince } from "../clock.js";
import { asCommand, asCurl, getCode, pythonControl } from "../code.js";
import { choice } from "../dialog.js";
import { onEvent } from "../events.js";
import { formatCount, formatSpan, shortName } from "../figures.js";
import { explain } from "../frame.js";
import { KINDS, isBatch, kindWord, readJob, shareDone } from "../jobs.js";
import { keepPlace, linkTo } from "../router.js";
import { STATES, stateBadge, stateWord } from "../states.js";
import { t } from "../texts.js";

/** @typedef {import("../jobs.js").Job} Job */

const PAGE = 200;
const BEYOND = 12;
const CURVE_POINTS = 40;
const AGES_MS = 10_000;
const SETTLE_MS = 120;

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const chosen = { state: query.get("state") ?? "", api: query.get("api") ?? "", project: query.get("project") ?? "", model: query.get("model") ?? "", words: query.get("words") ?? "" };
  const list = new JobList(chosen, signal);
  const chips = h("div", { class: "tabs", role: "group", "aria-label": t("jobs.by_state") });
  const count = h("span", { class: "muted", role: "status" });
  const change = () => {
    keepPlace("jobs", Object.fromEntries(Object.entries(chosen).filter(([, value]) => value)));
    void list.load();
  };
  const input = (/** @type {"words" | "project" | "model"} */ name) => {
    const field = h("input", { type: "search", value: chosen[name], placeholder: t(`jobs.${name}`), "aria-label": t(`jobs.${name}`) });
    let waiting = 0;
    field.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        chosen[name] = field.value.trim();
        change();
      }, 200);
    });
    return field;
  };
  const kinds = choice([["", t("jobs.any_api")], ...KINDS.map((kind) => /** @type {const} */ ([kind, kindWord(kind)]))], chosen.api, {
    "aria-label": t("jobs.api"),
    onchange: () => {
      chosen.api = kinds.value;
      change();
    },
  });
  list.onLoaded = (states, shown, more) => {
    const total = Object.values(states).reduce((sum, one) => sum + one, 0);
    const chip = (/** @type {string} */ state, /** @type {string} */ word, /** @type {number} */ number) =>
      h(
        "button",
        {
          type: "button",
          class: "tab",
          "aria-pressed": String(chosen.state === state),
          onclick: () => {
            chosen.state = state;
            change();
          },
        },
        word,
        " ",
        h("span", { class: "muted" }, formatCount(number)),
      );
    fill(chips, chip("", t("jobs.all"), total), ...STATES.filter((state) => states[state] || state === chosen.state).map((state) => chip(state, stateWord(state), states[state] ?? 0)));
    const few = Object.values(chosen).some(Boolean);
    fill(count, few ? t(more ? "jobs.more_than" : "jobs.found", { n: shown }) : t("jobs.found", { n: total }));
  };
  fill(
    main,
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", {}, t("jobs.title")), count),
      h("div", { class: "actions" }, h("a", { class: "primary", href: linkTo("new") }, t("jobs.new")), getCode(() => makeSnippets(chosen))),
    ),
    h("div", { class: "bar" }, chips, input("words"), kinds, input("project"), input("model")),
    list.element,
  );
  await readClock();
  await list.load();
}

/** The rows, of which those in sight are elements. */
class JobList {
  /**
   * @param {Record<string, string>} chosen
   * @param {AbortSignal} signal
   */
  constructor(chosen, signal) {
    this.chosen = chosen;
    this.signal = signal;
    /** @type {Job[]} */
    this.jobs = [];
    /** @type {Map<string, import("../chart.js").Point[]>} */
    this.curves = new Map();
    /** @type {Map<number, {job: Job, element: HTMLElement}>} */
    this.drawn = new Map();
    /** @type {number | null} */
    this.next = null;
    this.turn = 0;
    /** @type {number | undefined} */
    this.soon = undefined;
    /** @type {number | undefined} */
    this.reload = undefined;
    this.loading = false;
    /** @type {(states: Record<string, number>, shown: number, more: boolean) => void} */
    this.onLoaded = () => {};
    this.body = h("div", { class: "rows", role: "rowgroup" });
    const heads = ["state", "name", "model", "progress", "curve", "age"].map((name) => h("span", { role: "columnheader" }, t(`jobs.column.${name}`)));
    this.said = h("div", {});
    this.table = h("div", { role: "table", "aria-label": t("jobs.title") }, h("div", { role: "rowgroup" }, h("div", { class: "row heads", role: "row" }, heads)), this.body);
    this.element = h("div", { class: "panel joblist" }, this.table, this.said);
    this.listen();
  }

  listen() {
    const draw = () => requestAnimationFrame(() => this.draw());
    addEventListener("scroll", draw, { signal: this.signal, passive: true });
    addEventListener("resize", draw, { signal: this.signal });
    const ages = setInterval(() => this.redraw(), AGES_MS);
    this.signal.addEventListener("abort", () => clearInterval(ages));
    onEvent("lost", () => this.load(), this.signal);
    onEvent("job", (event) => this.change(event), this.signal);
    onEvent(
      "metric",
      (event) => {
        const curve = this.curves.get(event.name);
        if (event.kind === "train" && curve) curve.push({ x: event.step, y: event.loss });
        if (curve && curve.length > 4 * CURVE_POINTS) this.curves.delete(event.name);
        if (event.kind === "train") this.change({ name: event.name, completed_steps: event.step });
      },
      this.signal,
    );
  }

  /** @param {Partial<Job> & {name: string}} event */
  change(event) {
    const job = this.jobs.find((one) => one.name === event.name);
    if (job) {
      Object.assign(job, event);
      this.redrawSoon();
    } else if (event.state) {
      clearTimeout(this.reload);
      this.reload = setTimeout(() => this.load(), SETTLE_MS);
    }
  }

  redrawSoon() {
    this.soon ??= setTimeout(() => {
      this.soon = undefined;
      this.redraw();
    }, SETTLE_MS);
  }

  /** From the newest on. */
  async load() {
    const turn = (this.turn += 1);
    this.loading = true;
    try {
      const page = await this.ask(null);
      if (turn !== this.turn) return;
      this.jobs = page.jobs;
      this.next = page.next;
      fill(this.said, page.jobs.length ? null : this.describeNothing(page.states));
      this.redraw();
      this.onLoaded(page.states, this.jobs.length, this.next !== null);
    } catch (error) {
      if (!this.signal.aborted) fill(this.said, h("p", { class: "refusal", role: "alert" }, explain(error)));
    } finally {
      this.loading = false;
    }
  }

  /** @param {Record<string, number>} states */
  describeNothing(states) {
    if (Object.keys(states).length) return h("p", { class: "empty" }, t("jobs.none_chosen"));
    return h("div", { class: "empty stack" }, h("p", {}, t("jobs.none")), h("p", {}, h("a", { class: "primary", href: linkTo("new") }, t("jobs.new"))));
  }

  async more() {
    if (this.loading || this.next === null) return;
    this.loading = true;
    const turn = this.turn;
    try {
      const page = await this.ask(this.next);
      if (turn !== this.turn) return;
      this.jobs.push(...page.jobs);
      this.next = page.next;
      this.onLoaded(page.states, this.jobs.length, this.next !== null);
    } finally {
      this.loading = false;
    }
    this.draw();
  }

  /** @param {number | null} before */
  ask(before) {
    return control("GET", "jobs", { query: { ...this.chosen, before, limit: PAGE }, signal: this.signal });
  }

  redraw() {
    this.drawn.clear();
    fill(this.body);
    this.draw();
  }

  draw() {
    const height = parseFloat(getComputedStyle(this.body).getPropertyValue("--row")) || 48;
    this.body.style.height = `${this.jobs.length * height}px`;
    this.table.setAttribute("aria-rowcount", String(this.next === null ? this.jobs.length : -1));
    const top = this.body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / height) - BEYOND);
    const last = Math.min(this.jobs.length - 1, Math.ceil((innerHeight - top) / height) + BEYOND);
    for (const [at, { element }] of this.drawn) {
      if ((at < first || at > last) && !element.contains(document.activeElement)) {
        element.remove();
        this.drawn.delete(at);
      }
    }
    for (let at = first; at <= last; at += 1) {
      const job = this.jobs[at];
      if (job === undefined || this.drawn.has(at)) continue;
      const element = this.drawRow(job);
      element.style.transform = `translateY(${at * height}px)`;
      element.setAttribute("aria-rowindex", String(at + 1));
      this.drawn.set(at, { job, element });
      const after = [...this.drawn.keys()].filter((one) => one > at).sort((one, other) => one - other)[0];
      this.body.insertBefore(element, after === undefined ? null : (this.drawn.get(after)?.element ?? null));
    }
    if (last >= this.jobs.length - 1 - BEYOND) void this.more();
    clearTimeout(this.curvesSoon);
    this.curvesSoon = setTimeout(() => this.fetchCurves(), SETTLE_MS);
  }

  /** @param {Job} job */
  drawRow(job) {
    const curve = this.curves.get(job.name);
    const cell = (/** @type {string} */ name, /** @type {import("../build.js").Children[]} */ ...content) => h("span", { class: `cell ${name}`, role: "cell" }, ...content);
    const steps = job.total_steps ? `${formatCount(job.completed_steps)} / ${formatCount(job.total_steps)}` : "";
    return h(
      "div",
      { class: "row", role: "row" },
      cell("of-state", stateBadge(job.state, job.state === "RUNNING" ? job.phase : "")),
      cell(
        "of-name",
        h("a", { class: "title", href: linkTo("job", { name: job.name }) }, job.display_name || shortName(job.name)),
        h("small", { class: "muted" }, `${kindWord(job.api)}${job.project ? ` · ${job.project}` : ""} · ${shortName(job.name)}`),
      ),
      cell("of-model", job.base_model),
      cell("of-progress", job.total_steps ? [h("progress", { max: 1, value: shareDone(job), "aria-label": steps }), h("small", { class: "muted" }, steps)] : []),
      cell("of-curve", curve && curve.length > 1 ? sparkline(curve, t("jobs.curve_of", { name: job.display_name })) : null),
      cell("of-age", h("time", { datetime: job.create_time, title: job.create_time }, formatSpan(secondsSince(job.create_time)))),
    );
  }

  /** Small curves of the jobs in sight, one after the other. */
  async fetchCurves() {
    if (this.fetching) return;
    this.fetching = true;
    const wanted = () => [...this.drawn].find(([, { job }]) => !this.curves.has(job.name) && !isBatch(job) && job.completed_steps > 1);
    try {
      for (let found = wanted(); found && !this.signal.aborted; found = wanted()) {
        const [at, { job }] = found;
        this.curves.set(job.name, []);
        const { metrics } = await readJob(job.name, CURVE_POINTS, this.signal);
        this.curves.set(job.name, metrics.filter((one) => one.kind === "train").map((one) => ({ x: one.step, y: one.loss })));
        const drawn = this.drawn.get(at);
        if (drawn?.job === job) drawn.element.querySelector(".of-curve")?.replaceWith(this.drawRow(job).querySelector(".of-curve") ?? "");
      }
    } catch {
      // a job that has gone meanwhile has no curve
    } finally {
      this.fetching = false;
    }
  }
}

/** @param {Record<string, string>} chosen */
function makeSnippets(chosen) {
  const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value)).toString();
  return {
    curl: asCurl("GET", `/emulator/v1/jobs${query ? `?${query}` : ""}`),
    Python: `${pythonControl()}\nfor job in control.call("GET", "jobs${query ? `?${query}` : ""}")["jobs"]:\n    print(job["state"], job["name"])\n`,
    [t("code.shell")]: `${asCommand("env")}   # ${t("code.env")}\n${asCommand("tune --help")}`,
  };
}

