/**
 * Rehearsals: what a small model on this machine makes of a dataset, before a tuning is paid for. Asked for, and listed.
 *
 * @typedef {object} Rehearsal
 * @property {string} id
 * @property {string} state
 * @property {"gemini" | "vertex"} api
 * @property {string} model
 * @property {string} dataset
 * @property {string} validation
 * @property {string} weights
 * @property {number} done
 * @property {number} total
 * @property {string} error
 * @property {string} create_time
 * @property {string} start_time
 * @property {string} end_time
 *
 * @typedef {object} Report
 * @property {number} parameters
 * @property {string} device
 * @property {number} epochs
 * @property {{learned: number, held_out: number, asked: number}} rows
 * @property {{metric: string, before: number, after: number}} score
 * @property {{rows: number, score: number}[]} curve
 * @property {boolean | null} more_rows_help
 * @property {(number | null)[]} validation_loss
 * @property {number} best_epoch
 * @property {"single" | "falling" | "turning" | "flat"} trend
 * @property {number | null} median_loss
 * @property {{example: number, loss: number | null}[]} resisting
 * @property {number[][]} two_answers
 * @property {number[][] | null} near_duplicates
 * @property {number[][]} in_both
 * @property {number} max_tokens
 * @property {number[]} cut
 * @property {number[]} nothing_left
 * @property {number} steps
 * @property {{usd: number, usd_per_million_training_tokens: number, grade: string, source: string} | null} cost
 *
 * @typedef {Rehearsal & {report: Report | null, counts: Record<string, number>}} RehearsalDetail
 */

import { control } from "./api.js";
import { fill, h } from "./build.js";
import { asCurl, fillPanel, pythonControl, quote } from "./code.js";
import { nameOf } from "./datasets.js";
import { choice, field, openDialog } from "./dialog.js";
import { onEvent } from "./events.js";
import { formatCount, formatSpan, shortName } from "./figures.js";
import { goTo, linkTo } from "./router.js";
import { ENDED, stateBadge } from "./states.js";
import { t } from "./texts.js";
import { findWeights, listWeights, readPlayed, readShelf } from "./weights.js";

/**
 * @typedef {import("./datasets.js").Dataset} Dataset
 * @typedef {{api: string, model: string, epochs: string, weights: string, holdout: string, validation: string}} Wanted
 */

const HELD_OUT = 20;
const SHOWN = 5;

/**
 * Asks how, and starts one.
 *
 * @param {Dataset} dataset
 * @param {{api?: string, model?: string, epochs?: string}} given what the screen says of the tuning
 */
export async function askRehearsal(dataset, given) {
  const { api = "vertex", model = "" } = given;
  const [shelf, played] = await Promise.all([readShelf(), readPlayed()]);
  const weights = choice([["", t("rehearsal.played", { weights: findWeights(played, model) })], ...listWeights(shelf)], "");
  const epochs = h("input", { type: "number", min: 1, max: 1000, value: given.epochs ?? "", placeholder: t("rehearsal.epochs") });
  const holdout = h("input", { type: "number", min: 1, max: 90, value: String(HELD_OUT) });
  const validation = h("input", { placeholder: "gs://bucket/validation.jsonl", pattern: "gs://.+/.+", spellcheck: "false" });
  const held = field(t("rehearsal.holdout"), holdout, t("rehearsal.holdout_hint"));
  const code = h("div", { class: "code" });
  /** @returns {Wanted} */
  const wanted = () => ({ api, model, epochs: epochs.value, weights: weights.value, holdout: validation.value ? "" : holdout.value, validation: validation.value.trim() });
  const adapt = () => {
    held.hidden = validation.value !== "";
    fillPanel(code, makeSnippets(dataset, wanted(), findDirectory(shelf)));
  };
  for (const one of [weights, epochs, holdout, validation]) one.addEventListener("change", adapt);
  adapt();
  openDialog({
    title: t("rehearsal.ask"),
    content: [
      h("p", { class: "muted" }, t("rehearsal.told")),
      field(t("weights.title"), weights, t("rehearsal.weights_hint")),
      h("div", { class: "fields" }, field(t("hyper.epochs"), epochs), held),
      api === "vertex" ? field(t("new.validation"), validation) : null,
      code,
    ],
    action: t("rehearsal.start"),
    run: async () => {
      const made = await start(dataset, wanted());
      goTo("rehearsal", { id: made.id });
    },
  });
}

/**
 * @param {Dataset} dataset
 * @param {Wanted} wanted
 * @returns {Promise<Rehearsal>}
 */
function start(dataset, wanted) {
  const query = makeQuery(wanted);
  if (dataset.kind === "object") return control("POST", "rehearsals", { query: { ...query, dataset: dataset.uri } });
  if (dataset.kind === "job") throw new TypeError("rows of a job are not rehearsed");
  return control("POST", "rehearsals", { query: { ...query, name: dataset.name }, body: dataset.blob, headers: { "content-type": "application/octet-stream" } });
}

/** @param {Wanted} wanted @returns {Record<string, string>} */
function makeQuery({ holdout, ...others }) {
  const share = holdout && Number(holdout) !== HELD_OUT ? String(Number(holdout) / 100) : "";
  return Object.fromEntries(Object.entries({ ...others, holdout: share }).filter(([, value]) => value !== ""));
}

/**
 * Where weights lie, by their name: the command line takes a directory.
 *
 * @param {import("./weights.js").Shelf} shelf
 */
export const findDirectory = (shelf) => (/** @type {string} */ name) => shelf.models.find((one) => one.name === name)?.directory ?? name;

/**
 * How to rehearse a dataset from a shell or a program.
 *
 * @param {Dataset | {kind: "named", name: string}} dataset
 * @param {Wanted} wanted
 * @param {(weights: string) => string} find the directory of weights
 * @returns {import("./code.js").Snippets}
 */
export function makeSnippets(dataset, wanted, find) {
  const object = dataset.kind === "object" ? dataset.uri : dataset.kind === "named" && dataset.name.startsWith("gs://") ? dataset.name : "";
  const name = object || (dataset.kind === "named" ? dataset.name : nameOf(dataset));
  const options = [
    `--api ${wanted.api} --model ${quote(wanted.model)}`,
    wanted.epochs ? `--epochs ${wanted.epochs}` : "",
    wanted.validation ? `--validation ${quote(wanted.validation)}` : wanted.holdout && Number(wanted.holdout) !== HELD_OUT ? `--holdout ${wanted.holdout}%` : "",
    wanted.weights && find(wanted.weights) !== "embedded" ? `--base-model ${quote(find(wanted.weights))}` : "",
    object || wanted.validation ? `--storage ${location.origin}` : "",
  ].filter(Boolean);
  const query = new URLSearchParams({ ...makeQuery(wanted), ...(object ? { dataset: object } : { name }) });
  const path = `/emulator/v1/rehearsals?${query}`;
  return {
    [t("code.shell")]: `tuning-emulator rehearse ${quote(name)} ${options.join(" ")}`,
    Python: `${object ? "" : "from pathlib import Path\n\n"}${pythonControl()}\nmade = json.loads(control.send("POST", ${JSON.stringify(path.slice("/emulator/v1/".length))}${object ? "" : `, Path(${JSON.stringify(name)}).read_bytes(), "application/octet-stream"`}))\nprint(control.call("GET", f"rehearsals/{made['id']}")["report"])\n`.replace(/^/, "import json\n"),
    curl: `${object ? asCurl("POST", path) : `curl -X POST --data-binary @${quote(name)} -H 'Content-Type: application/octet-stream' \\\n  ${quote(location.origin + path)}`}\n\n${asCurl("GET", "/emulator/v1/rehearsals")}`,
  };
}

/** Share of its steps that are done. @param {Rehearsal} one */
export const shareOf = (one) => (one.total ? Math.min(1, one.done / one.total) : 0);

/** How long it has run, or did: by the machine's clock, whatever time the emulator plays. @param {Rehearsal} one */
export function spanOf(one) {
  if (!one.start_time) return "–";
  return formatSpan(Math.max(0, one.end_time ? (Date.parse(one.end_time) - Date.parse(one.start_time)) / 1000 : (Date.now() - Date.parse(one.start_time)) / 1000));
}

/**
 * Those that are kept, for the screen of datasets; nothing where there are none.
 *
 * @param {AbortSignal} signal
 * @returns {Promise<HTMLElement>}
 */
export async function listRehearsals(signal) {
  const place = h("div", {});
  let all = false;
  const draw = async () => {
    const { rehearsals } = await control("GET", "rehearsals", { signal });
    const shown = all ? rehearsals : rehearsals.slice(0, SHOWN);
    const more = h("button", { type: "button", class: "secondary small", onclick: () => { all = true; void draw(); } }, t("rehearsal.all", { n: rehearsals.length }));
    fill(
      place,
      rehearsals.length
        ? h(
            "section",
            { class: "panel", "aria-label": t("rehearsal.list") },
            h("div", { class: "bar apart" }, h("h2", {}, t("rehearsal.list")), shown.length < rehearsals.length ? more : null),
            h("div", { class: "scroll spaced" }, h("table", {}, h("thead", {}, h("tr", {}, ["nav.dataset", "job.state", "new.model", "weights.title", "rehearsal.took"].map((key) => h("th", { scope: "col" }, t(key))))), h("tbody", {}, shown.map(describeRow)))),
          )
        : null,
    );
  };
  await draw();
  let soon = 0;
  onEvent("rehearsal", (event) => {
    clearTimeout(soon);
    soon = setTimeout(() => void draw().catch(() => null), ENDED.has(event.state) ? 0 : 500);
  }, signal);
  signal.addEventListener("abort", () => clearTimeout(soon));
  return place;
}

/** @param {Rehearsal} one */
function describeRow(one) {
  const progress = ENDED.has(one.state) || !one.total ? null : h("small", { class: "muted" }, ` ${formatCount(one.done)} / ${formatCount(one.total)}`);
  return h("tr", {}, h("td", {}, h("a", { href: linkTo("rehearsal", { id: one.id }) }, shortName(one.dataset) || one.dataset)), h("td", {}, stateBadge(one.state), progress), h("td", {}, one.model), h("td", { class: "name" }, one.weights), h("td", { class: "nowrap" }, spanOf(one)));
}
