/** Trouble and time: the clock, the pace of jobs, the day that is played, and what is to go wrong. */

import { asPath, control } from "../api.js";
import { fill, h } from "../build.js";
import { asCommand, asCurl, asPython, getCode, pythonControl, quote } from "../code.js";
import { choice, field, openDialog } from "../dialog.js";
import { onEvent } from "../events.js";
import { formatSpan } from "../figures.js";
import { attempt } from "../notices.js";
import { keepPlace } from "../router.js";
import { t } from "../texts.js";

const PAUSE_MS = 250;
const LEAPS = [60, 3600, 3 * 3600, 24 * 3600];
const MODES = ["training", "time", "polls", "manual"];
const LAST_DAY = "2025-05-26";

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const [choices, clock, pace, asOf, faults, jobFaults] = await Promise.all(
    ["faults:choices", "clock", "pace", "as-of", "faults", "job-faults"].map((path) => control("GET", path, { signal })),
  );
  const state = { clock, pace, asOf, faults: faults.faults, jobFaults: jobFaults.job_faults };
  const requestFaults = buildFaults(state, choices, signal);
  fill(
    main,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, t("nav.trouble")), h("p", { class: "muted" }, t("trouble.lead"))), getCode(() => listSnippets(state))),
    h("div", { class: "columns three" }, buildClock(state, signal), buildPace(state), buildDay(state)),
    requestFaults.element,
    buildJobFaults(state, choices, signal),
  );
  const given = Object.fromEntries([...query].filter(([, value]) => value));
  if (Object.keys(given).length) {
    keepPlace("trouble", {});
    requestFaults.open(given);
  }
}

/** @typedef {{clock: any, pace: any, asOf: any, faults: any[], jobFaults: any[]}} State */

// --- clock

/** @param {State} state @param {AbortSignal} signal */
function buildClock(state, signal) {
  const face = h("p", { class: "clock", role: "timer" });
  const offset = h("p", { class: "muted" });
  const run = h("button", { type: "button", class: "secondary" });
  const when = h("input", { type: "datetime-local", step: 1 });
  let told = performance.now();
  const draw = () => {
    const passed = state.clock.frozen ? 0 : performance.now() - told;
    const text = new Date(Date.parse(state.clock.time) + passed).toISOString();
    fill(face, h("span", { class: "date" }, text.slice(0, 10)), " ", h("span", {}, text.slice(11, 19)), " ", h("small", { class: "muted" }, "UTC"));
  };
  const take = (/** @type {any} */ clock) => {
    state.clock = clock;
    told = performance.now();
    const ahead = Math.round(clock.offset_seconds);
    fill(offset, clock.frozen ? h("strong", {}, t("clock.frozen"), " · ") : null, ahead === 0 ? t("clock.same") : t(ahead > 0 ? "clock.ahead" : "clock.behind", { span: formatSpan(Math.abs(ahead)) }));
    fill(run, t(clock.frozen ? "clock.resume" : "clock.freeze"));
    draw();
  };
  /** @param {HTMLButtonElement} button @param {string} method @param {string} path @param {object} [body] */
  const steer = (button, method, path, body) => attempt(button, async () => take(await control(method, path, { body: body ?? {} })));
  run.addEventListener("click", () => steer(run, "POST", state.clock.frozen ? "clock:resume" : "clock:freeze"));
  const leaps = LEAPS.map((seconds) => {
    const button = h("button", { type: "button", class: "secondary", onclick: () => steer(button, "POST", "clock:advance", { seconds }) }, `+ ${formatLeap(seconds)}`);
    return button;
  });
  const set = h("button", { class: "secondary" }, t("clock.set"));
  const form = h("form", { class: "bar" }, field(t("clock.when"), when), set);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (when.value) void steer(set, "PUT", "clock", { time: `${when.value.length === 16 ? `${when.value}:00` : when.value}Z` });
  });
  take(state.clock);
  when.value = new Date(Date.parse(state.clock.time)).toISOString().slice(0, 19);
  const tick = setInterval(draw, 1000);
  signal.addEventListener("abort", () => clearInterval(tick));
  return h("section", { class: "panel stack" }, h("h2", {}, t("clock.title")), h("div", {}, face, offset), h("div", { class: "actions" }, leaps, run), form);
}

/** @param {number} seconds */
const formatLeap = (seconds) =>
  seconds < 3600 ? t("span.minutes", { n: seconds / 60 }) : seconds < 86400 ? t("span.hours", { n: seconds / 3600 }) : t("span.days", { n: seconds / 86400 });

// --- pace

/** @param {State} state */
function buildPace(state) {
  const now = h("p", { class: "reading" });
  const own = h("div", {});
  const mode = choice(MODES.map((one) => [one, t(`pace.${one}`)]));
  const figure = h("input", { type: "number", min: 1, step: 1, value: 2 });
  const project = h("input", { type: "text", placeholder: t("trouble.all"), autocomplete: "off" });
  const amount = field("", figure);
  const label = /** @type {HTMLElement} */ (amount.querySelector("label"));
  const follow = () => {
    amount.hidden = mode.value !== "time" && mode.value !== "polls";
    fill(label, t(mode.value === "time" ? "pace.seconds" : "pace.reads"));
  };
  const pathOf = (/** @type {string} */ name) => (name ? `projects/${encodeURIComponent(name)}/pace` : "pace");
  const draw = async () => {
    state.pace = await control("GET", "pace");
    drawNow();
  };
  const drawNow = () => {
    fill(now, formatPace(state.pace));
    fill(own, buildOwn(Object.entries(state.pace.projects).map(([name, pace]) => [name, formatPace(pace)]), async (name) => {
      await control("DELETE", pathOf(name));
      await draw();
    }));
  };
  const set = h("button", { class: "secondary" }, t("trouble.set"));
  const form = h("form", { class: "stack" }, h("div", { class: "fields" }, field(t("pace.mode"), mode), amount, field(t("trouble.project"), project)), h("div", { class: "actions" }, set));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(set, async () => {
      const name = { time: "seconds", polls: "polls" }[mode.value];
      await control("PUT", pathOf(project.value.trim()), { body: { mode: mode.value, ...(name ? { [name]: Number(figure.value) } : {}) } });
      await draw();
    });
  });
  mode.addEventListener("change", follow);
  mode.value = state.pace.mode;
  follow();
  drawNow();
  return h("section", { class: "panel stack" }, h("h2", {}, t("pace.title")), now, own, form);
}

/** @param {any} pace */
function formatPace({ mode, seconds, polls }) {
  if (mode === "time") return t("pace.time.now", { span: formatSpan(seconds) });
  return mode === "polls" ? t("pace.polls.now", { n: polls }) : t(`pace.${mode}`);
}

/**
 * What single projects have of their own.
 *
 * @param {[string, string][]} rows
 * @param {(project: string) => Promise<void>} remove
 */
function buildOwn(rows, remove) {
  if (!rows.length) return null;
  return h(
    "ul",
    { class: "own" },
    rows.map(([project, text]) => {
      const button = h("button", { type: "button", class: "quiet", "aria-label": t("trouble.removeOf", { project }), onclick: () => attempt(button, () => remove(project)) }, "×");
      return h("li", {}, h("span", { class: "name" }, project), h("span", {}, text), button);
    }),
  );
}

// --- the day

/** @param {State} state */
function buildDay(state) {
  const now = h("p", { class: "reading" });
  const own = h("div", {});
  const date = h("input", { type: "date" });
  const project = h("input", { type: "text", placeholder: t("trouble.all"), autocomplete: "off" });
  const pathOf = (/** @type {string} */ name) => (name ? `projects/${encodeURIComponent(name)}/as-of` : "as-of");
  const drawNow = () => {
    fill(now, formatDay(state.asOf.date));
    fill(own, buildOwn(Object.entries(state.asOf.projects).map(([name, day]) => [name, formatDay(/** @type {string | null} */ (day))]), (name) => change("DELETE", name)));
  };
  /** @param {string} method @param {string} name @param {object} [body] */
  const change = async (method, name, body) => {
    await control(method, pathOf(name), { body });
    state.asOf = await control("GET", "as-of");
    drawNow();
  };
  /** @param {string} word @param {string | null} day */
  const preset = (word, day) => {
    const button = h("button", { type: "button", class: "secondary", onclick: () => attempt(button, () => change("PUT", project.value.trim(), { date: day })) }, word);
    return button;
  };
  const set = h("button", { class: "secondary" }, t("trouble.set"));
  const form = h("form", { class: "stack" }, h("div", { class: "fields" }, field(t("day.date"), date), field(t("trouble.project"), project)), h("div", { class: "actions" }, set, preset(t("day.lastDay"), LAST_DAY), preset(t("day.today"), "today"), preset(t("day.any"), null)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (date.value) void attempt(set, () => change("PUT", project.value.trim(), { date: date.value }));
  });
  date.value = state.asOf.date ?? LAST_DAY;
  drawNow();
  return h("section", { class: "panel stack" }, h("h2", {}, t("day.title")), now, own, form);
}

/** @param {string | null} day */
const formatDay = (day) => (day === null ? t("day.lenient") : t("day.asOf", { day }));

// --- faults of requests

/** @param {State} state @param {any} choices @param {AbortSignal} signal */
function buildFaults(state, choices, signal) {
  const place = h("div", { class: "scroll" });
  const clear = h("button", { type: "button", class: "secondary", onclick: () => attempt(clear, async () => {
    await control("DELETE", "faults");
    await draw();
  }) }, t("fault.clear"));
  const draw = async () => {
    state.faults = (await control("GET", "faults", { signal })).faults;
    drawNow();
  };
  const drawNow = () => {
    clear.hidden = !state.faults.length;
    fill(place, state.faults.length ? buildFaultTable(state.faults, draw) : h("p", { class: "empty" }, t("fault.none")));
  };
  const open = (/** @type {Record<string, string>} */ given) => openFault(choices, given, draw);
  drawNow();
  let waiting = false;
  onEvent("journal", () => {
    if (waiting || !state.faults.length) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      if (!signal.aborted) void draw().catch(() => {});
    }, PAUSE_MS);
  }, signal);
  return {
    open,
    element: h(
      "section",
      { class: "panel stack" },
      h("div", { class: "head" }, h("h2", {}, t("fault.title")), h("div", { class: "actions" }, clear, h("button", { type: "button", class: "primary", onclick: () => open({}) }, t("fault.add")))),
      place,
    ),
  };
}

/** @param {any[]} faults @param {() => Promise<void>} draw */
function buildFaultTable(faults, draw) {
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, h("th", {}, "id"), h("th", {}, t("fault.what")), h("th", {}, t("fault.on")), ["matched", "fired", "remaining"].map((name) => h("th", { class: "figure-cell" }, t(`fault.${name}`))), h("th", {}))),
    h(
      "tbody",
      {},
      faults.map((row) => {
        const remove = h("button", { type: "button", class: "quiet", "aria-label": t("fault.remove", { id: row.id }), onclick: () => attempt(remove, async () => {
          await control("DELETE", `faults/${asPath(row.id)}`);
          await draw();
        }) }, "×");
        return h(
          "tr",
          {},
          h("td", { class: "mono nowrap" }, row.id),
          h("td", {}, describeAction(row.fault)),
          h("td", {}, describeCalls(row.fault)),
          h("td", { class: "figure-cell" }, row.matched),
          h("td", { class: "figure-cell" }, h("strong", {}, row.fired)),
          h("td", { class: "figure-cell" }, row.remaining === null ? "∞" : row.remaining),
          h("td", {}, remove),
        );
      }),
    ),
  );
}

/** What it does. @param {any} fault */
function describeAction(fault) {
  const parts = [
    fault.name && t("fault.says", { what: fault.name }),
    fault.code && t("fault.says", { what: fault.code }),
    fault.quota && t("fault.says", { what: "RESOURCE_EXHAUSTED" }),
    fault.wait_s && t("fault.waits", { span: formatSpan(fault.wait_s) }),
    fault.break_at && t(`fault.breaks.${fault.break_at}`),
    fault.cut_after && t("fault.cuts", { n: fault.cut_after }),
  ].filter(Boolean);
  return h("div", {}, parts.join(" · "), fault.message ? h("small", { class: "muted block" }, fault.message) : null);
}

/** Which calls it is for. @param {any} fault */
function describeCalls(fault) {
  const which = fault.nth?.length
    ? t("fault.which.nth", { numbers: fault.nth.join(", ") })
    : [fault.after && t("fault.which.after", { n: fault.after }), fault.times && t("fault.which.times", { n: fault.times }), fault.probability && `p = ${fault.probability}`].filter(Boolean).join(" · ");
  const more = ["api", "project", "resource", "transport", "test"].filter((name) => fault[name] && fault[name] !== "*").map((name) => `${name}: ${fault[name]}`);
  return h("div", {}, fault.method || !fault.name ? h("span", { class: "mono" }, fault.method ?? "*") : t("fault.itsCalls"), h("small", { class: "muted block" }, [which, ...more].filter(Boolean).join(" · ")));
}

/**
 * Asks for a fault. The fields write its JSON, which can be changed further: that is what is sent.
 *
 * @param {any} choices
 * @param {Record<string, string>} given what is known of it already
 * @param {() => Promise<void>} draw
 */
function openFault(choices, given, draw) {
  const option = (/** @type {string} */ value, /** @type {string} */ word) => h("option", { value }, word);
  const what = h(
    "select",
    {},
    h("optgroup", { label: t("fault.byCode") }, choices.codes.map((/** @type {string} */ code) => option(`code ${code}`, code))),
    h("optgroup", { label: t("fault.byName") }, choices.named.map((/** @type {any} */ one) => option(`name ${one.name}`, one.name))),
    h("optgroup", { label: t("fault.other") }, option("wait", t("fault.wait")), option("break start", t("fault.breaks.start")), option("break body", t("fault.breaks.body"))),
  );
  const meaning = h("small", { class: "muted" });
  const methods = h("datalist", { id: "fault-methods" }, [...new Set(choices.methods.map((/** @type {any} */ one) => one.method))].map((one) => h("option", { value: String(one) })));
  const inputs = {
    method: h("input", { type: "text", list: methods.id, placeholder: "*", autocomplete: "off" }),
    api: choice([["", t("rules.any")], ["gemini", "Gemini API"], ["vertex", "Vertex AI"]]),
    project: h("input", { type: "text", placeholder: t("trouble.all"), autocomplete: "off" }),
    times: h("input", { type: "number", min: 1, placeholder: "∞" }),
    after: h("input", { type: "number", min: 0, placeholder: "0" }),
    wait_s: h("input", { type: "number", min: 0, step: 0.1, placeholder: "0" }),
  };
  const json = h("textarea", { rows: 4, class: "mono", spellcheck: "false" });
  const write = () => {
    const [kind, value] = what.value.split(" ");
    const named = choices.named.find((/** @type {any} */ one) => kind === "name" && one.name === value);
    fill(meaning, named ? named.meaning : "");
    /** @type {Record<string, unknown>} */
    const fault = {};
    for (const [name, input] of Object.entries(inputs)) {
      if (input.value) fault[name] = input instanceof HTMLInputElement && input.type === "number" ? Number(input.value) : input.value;
    }
    if (kind === "break") fault.break_at = value;
    else if (kind === "wait") fault.wait_s = fault.wait_s ?? 2;
    else if (kind) fault[kind] = value;
    json.value = JSON.stringify(fault, null, 1);
  };
  for (const [name, input] of Object.entries(inputs)) {
    if (given[name]) input.value = given[name] ?? "";
    input.addEventListener("input", write);
  }
  const code = choices.codes.includes(given.code ?? "") ? given.code : "UNAVAILABLE";
  what.value = `code ${code}`;
  what.addEventListener("input", write);
  write();
  openDialog({
    title: t("fault.add"),
    content: [
      field(t("fault.what"), what),
      meaning,
      h("div", { class: "fields" }, Object.entries(inputs).map(([name, input]) => field(t(`fault.field.${name}`), input))),
      methods,
      field(t("fault.json"), json, t("fault.json.hint")),
    ],
    action: t("fault.putInForce"),
    run: async () => {
      await control("POST", "faults", { body: parseJson(json.value) });
      await draw();
    },
  });
}

/** @param {string} text */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(t("fault.json.wrong", { why: error instanceof Error ? error.message : "" }));
  }
}

// --- faults of jobs

/** @param {State} state @param {any} choices @param {AbortSignal} signal */
function buildJobFaults(state, choices, signal) {
  const place = h("div", { class: "scroll" });
  const draw = async () => {
    state.jobFaults = (await control("GET", "job-faults", { signal })).job_faults;
    drawNow();
  };
  const drawNow = () => fill(place, state.jobFaults.length ? buildJobFaultTable(state.jobFaults, draw) : h("p", { class: "empty" }, t("jobfault.none")));
  drawNow();
  onEvent("job", () => void draw().catch(() => {}), signal);
  return h(
    "section",
    { class: "panel stack" },
    h("div", { class: "head" }, h("h2", {}, t("jobfault.title")), h("button", { type: "button", class: "primary", onclick: () => openJobFault(choices, draw) }, t("jobfault.add"))),
    place,
  );
}

/** @param {any[]} rows @param {() => Promise<void>} draw */
function buildJobFaultTable(rows, draw) {
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, h("th", {}, t("jobfault.kind")), h("th", {}, t("trouble.project")), ["jobs", "given", "fired", "remaining"].map((name) => h("th", { class: "figure-cell" }, t(`jobfault.${name}`))), h("th", {}))),
    h(
      "tbody",
      {},
      rows.map((row) => {
        const remove = h("button", { type: "button", class: "quiet", "aria-label": t("fault.remove", { id: String(row.id) }), onclick: () => attempt(remove, async () => {
          await control("DELETE", `job-faults/${row.id}`);
          await draw();
        }) }, "×");
        return h("tr", {}, h("td", { class: "mono" }, row.at ? `${row.kind}:${row.at}` : row.kind), h("td", {}, row.project || t("trouble.all")), ["jobs", "given", "fired", "remaining"].map((name) => h("td", { class: "figure-cell" }, row[name])), h("td", {}, remove));
      }),
    ),
  );
}

/** @param {any} choices @param {() => Promise<void>} draw */
function openJobFault(choices, draw) {
  const kind = choice(choices.jobs.map((/** @type {any} */ one) => [one.kind, one.kind]), choices.jobs[0].kind);
  const at = h("input", { type: "number", min: 1, value: 1 });
  const jobs = h("input", { type: "number", min: 1, value: 1 });
  const project = h("input", { type: "text", placeholder: t("trouble.all"), autocomplete: "off" });
  const meaning = h("p", { class: "muted" });
  const where = field(t("jobfault.at"), at);
  const find = () => choices.jobs.find((/** @type {any} */ one) => one.kind === kind.value);
  const follow = () => {
    where.hidden = !find().counted;
    fill(meaning, find().meaning);
  };
  kind.addEventListener("input", follow);
  follow();
  openDialog({
    title: t("jobfault.add"),
    content: [field(t("jobfault.kind"), kind), meaning, h("div", { class: "fields" }, where, field(t("jobfault.jobs"), jobs), field(t("trouble.project"), project))],
    action: t("fault.putInForce"),
    run: async () => {
      await control("POST", "job-faults", { body: { kind: kind.value, jobs: Number(jobs.value), project: project.value.trim(), ...(find().counted ? { at: Number(at.value) } : {}) } });
      await draw();
    },
  });
}

// --- how to bring about what is shown

/** @param {State} state */
function listSnippets(state) {
  const { mode, seconds, polls } = state.pace;
  const pace = mode === "time" ? `time:${seconds}` : mode === "polls" ? `polls:${polls}` : mode;
  const day = state.asOf.date;
  const faults = state.faults.length ? state.faults.map((row) => row.fault) : [{ method: "GenerateContent", code: "UNAVAILABLE", times: 2 }];
  const jobFaults = state.jobFaults.length ? state.jobFaults.map(({ kind, at, jobs, project }) => ({ kind, ...(at ? { at } : {}), jobs, ...(project ? { project } : {}) })) : [{ kind: "internal_error", at: 5 }];
  const frozen = state.clock.frozen;
  return {
    "Command line": [
      asCommand("clock --advance 3600"),
      asCommand(frozen ? "clock --freeze" : "clock --resume"),
      asCommand(`pace ${pace}`),
      asCommand(`as-of ${day ?? "any"}`),
      ...faults.map((fault) => asCommand(`faults --add ${quote(JSON.stringify(fault))}`)),
      asCommand("faults"),
    ].join("\n"),
    Python: [
      pythonControl(),
      "control.clock.advance(3600)",
      `control.clock.${frozen ? "freeze" : "resume"}()`,
      `control.pace.set(${JSON.stringify(pace)})`,
      `control.as_of.set(${day ? JSON.stringify(day) : "None"})`,
      ...faults.map((fault) => `control.faults.add(**${asPython(fault)})`),
      ...jobFaults.map((fault) => `control.job_faults.add(**${asPython(fault)})`),
    ].join("\n"),
    curl: [
      asCurl("POST", "/emulator/v1/clock:advance", { body: { seconds: 3600 } }),
      asCurl("PUT", "/emulator/v1/pace", { body: { mode, ...(mode === "time" ? { seconds } : mode === "polls" ? { polls } : {}) } }),
      asCurl("PUT", "/emulator/v1/as-of", { body: { date: day } }),
      ...faults.map((fault) => asCurl("POST", "/emulator/v1/faults", { body: fault })),
      ...jobFaults.map((fault) => asCurl("POST", "/emulator/v1/job-faults", { body: fault })),
    ].join("\n"),
  };
}
