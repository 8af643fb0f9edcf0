/** What the emulator was asked, as it is asked: each request beside its answer, and why it was refused. */

import { control } from "../api.js";
import { fill, h } from "../build.js";
import { asCommand, asCurl, copyText, getCode, pythonControl, quote } from "../code.js";
import { field } from "../dialog.js";
import { onEvent } from "../events.js";
import { formatBytes, formatTime } from "../figures.js";
import { attempt, notify } from "../notices.js";
import { keepPlace, linkTo } from "../router.js";
import { buildRules } from "../rules.js";
import { t } from "../texts.js";

/** @typedef {any} Entry as `GET /emulator/v1/journal` has it */

const MOST_ROWS = 300;
const PAUSE_MS = 150;
const FILTERS = ["method", "status", "project", "client", "test"];

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  let chosen = Number(query.get("id") ?? 0);
  const rows = h("tbody");
  const detail = h("section", { class: "panel stack detail", "aria-live": "polite" });
  const empty = h("p", { class: "empty" }, t("requests.none"));
  const count = h("p", { class: "muted", role: "status" });
  const table = h(
    "table",
    { class: "requests-table" },
    h("thead", {}, h("tr", {}, ["time", "request", "status"].map((name) => h("th", {}, t(`requests.${name}`))))),
    rows,
  );
  /** @type {HTMLElement} */
  let place = detail;
  const open = async (/** @type {number} */ id) => {
    chosen = id;
    remember();
    for (const row of rows.rows) row.setAttribute("aria-selected", String(Number(row.dataset.id) === id));
    const entry = await control("GET", `journal/${id}`, { signal });
    if (chosen === id) fillDetail(place, entry, signal);
  };
  const remember = () => keepPlace("requests", { ...pick(filters), ...(chosen ? { id: String(chosen) } : {}) });
  let last = 0;
  const look = async (/** @type {boolean} */ anew) => {
    const page = await control("GET", "journal", { query: { ...filters, limit: MOST_ROWS, after: anew ? 0 : last }, signal });
    last = page.last_id;
    const counted = await control("GET", "journal:count", { query: filters, signal });
    fill(count, t("requests.count", { n: counted.count }));
    const fresh = page.entries.map((/** @type {Entry} */ entry) => buildRow(entry, chosen, open));
    if (anew) fill(rows, fresh);
    else rows.prepend(...fresh);
    while (rows.rows.length > MOST_ROWS) rows.lastElementChild?.remove();
    empty.hidden = rows.rows.length > 0;
    table.hidden = !empty.hidden;
  };
  /** @type {Promise<void>} */
  let looking = Promise.resolve();
  const follow = (/** @type {boolean} */ anew) => {
    const done = looking.then(() => look(anew)); // one after the other: two at once would show a request twice
    looking = done.catch(() => {});
    return done;
  };
  const inputs = FILTERS.map((name) => {
    const input = h("input", { type: "search", value: filters[name], placeholder: { method: "GetTunedModel", status: "4xx" }[name] ?? "" });
    input.addEventListener("change", () => {
      filters[name] = input.value.trim();
      remember();
      void attempt(null, () => follow(true));
    });
    return field(t(`requests.${name}`), input);
  });
  const clear = h("button", { type: "button", class: "secondary", onclick: () =>
    attempt(clear, async () => {
      const { removed } = await control("DELETE", "journal", { query: { project: filters.project } });
      notify(t("requests.cleared", { n: removed }));
      chosen = 0;
      fillNothing(place);
      await follow(true);
    }) }, t("requests.clear"));
  fill(
    main,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, t("nav.requests")), h("p", { class: "muted" }, t("requests.lead")), count), h("div", { class: "actions" }, clear), getCode(() => listSnippets(filters))),
    h("div", { class: "fields filters" }, inputs),
    h("div", { class: "split" }, h("div", { class: "panel list" }, table, empty), detail),
  );
  place = detail;
  fillNothing(detail);
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      if (!signal.aborted) await follow(false).catch(() => {});
    }, PAUSE_MS);
  };
  onEvent("journal", soon, signal);
  onEvent("lost", () => void follow(true).catch(() => {}), signal);
  rows.addEventListener("keydown", (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest("tr");
    const next = event.key === "ArrowDown" ? row?.nextElementSibling : event.key === "ArrowUp" ? row?.previousElementSibling : null;
    if (next instanceof HTMLElement) {
      event.preventDefault();
      next.querySelector("button")?.focus();
      void open(Number(next.dataset.id));
    }
  });
  await follow(true);
  if (chosen) await open(chosen).catch(() => fillNothing(detail));
  else if (rows.rows.length) await open(Number(rows.rows[0]?.dataset.id));
}

/** @param {Record<string, string>} filters */
const pick = (filters) => Object.fromEntries(Object.entries(filters).filter(([, value]) => value));

/** @param {Entry} entry @param {number} chosen @param {(id: number) => Promise<void>} open */
function buildRow(entry, chosen, open) {
  const name = shorten(entry.method) || t("requests.unmatched");
  return h(
    "tr",
    { data: { id: entry.id }, "aria-selected": String(entry.id === chosen), onclick: () => void attempt(null, () => open(entry.id)) },
    h("td", { class: "muted nowrap" }, formatClock(entry.time)),
    h("td", {}, h("button", { type: "button", class: "row-button" }, h("strong", {}, name), h("span", { class: "name muted clip", title: entry.path }, `${entry.verb} ${shortenPath(entry.path)}`))),
    h("td", { class: "figure-cell" }, statusBadge(entry, false), h("small", { class: "muted block" }, formatMs(entry.duration_s))),
  );
}

/** A method without its service. @param {string} method */
const shorten = (method) => method.slice(method.lastIndexOf(".") + 1);

/** The end of a path tells it from others. @param {string} path */
const shortenPath = (path) => path.replace(/^.*(?=(?:\/[^/]*){2}$)/, (start) => (start.length > 8 ? "…" : start));

/** @param {string} time RFC 3339 */
const formatClock = (time) => new Date(time).toLocaleTimeString(undefined, { hour12: false });

/** @param {number} seconds */
const formatMs = (seconds) => `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;

/** @param {Entry} entry @param {boolean} whole with the canonical code, which the number stands for */
function statusBadge(entry, whole) {
  const good = entry.status >= 200 && entry.status < 400;
  const text = entry.status ? `${entry.status} ${whole && entry.code && entry.code !== "OK" ? entry.code : ""}`.trim() : entry.broken || t("requests.broken");
  return h("span", { class: good ? "status good" : "status bad" }, text, entry.fault ? h("span", { class: "tag" }, entry.fault) : null);
}

/** @param {HTMLElement} place */
function fillNothing(place) {
  fill(place, h("p", { class: "empty" }, t("requests.choose")));
}

/** @param {HTMLElement} place @param {Entry} entry @param {AbortSignal} signal */
function fillDetail(place, entry, signal) {
  const path = entry.path + (entry.query ? `?${entry.query}` : "");
  const curl = h("button", { type: "button", class: "secondary", onclick: async () => {
    const done = await copyText(formatCurl(entry));
    notify(t(done ? "requests.copied" : "requests.notCopied"), !done);
  } }, t("requests.curl"));
  const fault = { method: shorten(entry.method), ...(entry.project ? { project: entry.project } : {}), ...(entry.api ? { api: entry.api } : {}), ...(entry.status >= 400 && entry.code ? { code: entry.code } : {}) };
  const rule = h("div", { class: "stack" });
  if (entry.rule) void buildRules(entry.rule, entry.api, signal).then((found) => fill(rule, ...found)).catch(() => {});
  fill(
    place,
    h("div", { class: "head" }, h("div", {}, h("h2", {}, shorten(entry.method) || t("requests.unmatched")), h("p", { class: "name" }, `${entry.verb} ${path}`)), statusBadge(entry, true)),
    h(
      "div",
      { class: "actions" },
      curl,
      entry.transport === "grpc" ? h("span", { class: "tag" }, "gRPC") : null,
      entry.method ? h("a", { class: "secondary", href: linkTo("trouble", fault) }, t("requests.fault")) : null,
    ),
    rule,
    entry.nearest
      ? h("div", { class: "hint" }, h("strong", {}, t("requests.nearest")), " ", h("span", { class: "name" }, entry.nearest.route), h("ul", {}, entry.nearest.differences.map((/** @type {string} */ one) => h("li", {}, one))))
      : null,
    entry.notes.length ? h("div", { class: "hint" }, entry.notes.map((/** @type {string} */ note) => h("p", {}, note))) : null,
    h("div", { class: "columns bodies" }, buildBody(t("requests.sent"), entry.request, entry.request_bytes, t("requests.nobody")), buildBody(t("requests.answered"), entry.response, entry.response_bytes, entry.messages ? t("requests.stream", { n: entry.messages }) : t("requests.nobody"))),
    h("details", { class: "unfold" }, h("summary", {}, t("requests.more")), buildFacts(entry)),
  );
}

/** @param {string} title @param {unknown} body @param {number} bytes @param {string} none what is said where there is none */
function buildBody(title, body, bytes, none) {
  const text = body === null || body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body, null, 2);
  return h("div", { class: "body" }, h("div", { class: "bar" }, h("h3", {}, title), h("small", { class: "muted" }, formatBytes(bytes))), text ? h("pre", { tabindex: "0" }, h("code", {}, text)) : h("p", { class: "muted" }, none));
}

/** @param {Entry} entry */
function buildFacts(entry) {
  const facts = {
    [t("requests.time")]: formatTime(entry.time),
    [t("requests.duration")]: formatMs(entry.duration_s),
    [t("requests.route")]: entry.route,
    [t("requests.resource")]: entry.resource,
    [t("requests.project")]: entry.project,
    [t("requests.principal")]: entry.principal,
    [t("requests.client")]: entry.client,
    [t("requests.test")]: entry.test,
    [t("requests.host")]: entry.host,
    ...entry.headers,
  };
  return h("dl", { class: "pairs" }, Object.entries(facts).filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]));
}

/** The request once more; the credential is one of our own, for none is kept. @param {Entry} entry */
function formatCurl(entry) {
  const path = entry.path + (entry.query ? `?${entry.query}` : "");
  const body = entry.request_bytes ? entry.request : undefined;
  return asCurl(entry.verb, path, { body: body ?? undefined, key: entry.api === "gemini" && (entry.project ? `projects/${entry.project}` : true), token: entry.api === "vertex" });
}

/** @param {Record<string, string>} filters */
function listSnippets(filters) {
  const given = pick(filters);
  const options = Object.entries(given).map(([name, value]) => ` --${name} ${quote(value)}`).join("");
  const { project = "", ...rest } = given;
  const keywords = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ");
  return {
    "Command line": asCommand(`journal${options}`),
    Python: `${pythonControl(project)}\nfor entry in control.journal.list(${keywords}):\n    print(entry["time"], entry["method"], entry["status"], entry["rule"])\n`,
    curl: asCurl("GET", `/emulator/v1/journal?${new URLSearchParams(given)}`),
  };
}
