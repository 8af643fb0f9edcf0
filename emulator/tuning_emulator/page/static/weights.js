/** Weights: what really answers and is tuned in the place of the services' base models, for everybody or for a project. */

import { asPath, control } from "./api.js";
import { listModels } from "./base_models.js";
import { fill, h } from "./build.js";
import { asCurl, asPython, copyText } from "./code.js";
import { choice, field, openDialog } from "./dialog.js";
import { formatBytes, formatCount } from "./figures.js";
import { attempt, notify } from "./notices.js";
import { t } from "./texts.js";

/**
 * @typedef {{name: string, kind: string, origin: string, parameters: number, architecture: string, quantization: string, precision: string, license: string, bytes: number, added: string, directory: string, trouble: string}} Added
 * @typedef {{name: string, summary: string, license: string, bytes: number, command: string}} Packaged
 * @typedef {{folder: string, models: Added[], packaged: Packaged[], projects: Record<string, Record<string, string>>}} Shelf
 * @typedef {Record<string, string>} Played
 */

export const EMBEDDED = "embedded";
const EVERY = "*";
const OTHER = "/";

/** What there is. @param {AbortSignal} [signal] @returns {Promise<Shelf>} */
export const readShelf = (signal) => control("GET", "models", { signal });

/**
 * What plays which base model.
 *
 * @param {string} [project] "": for everybody
 * @param {AbortSignal} [signal]
 * @returns {Promise<Played>}
 */
export const readPlayed = (project = "", signal) => control("GET", project ? `projects/${asPath(project)}/base-models` : "base-models", { signal });

/** The weights that play a base model. @param {Played} played @param {string} model */
export const findWeights = (played, model) => played[model] ?? played[EVERY] ?? EMBEDDED;

/**
 * Weights to choose from, by name.
 *
 * @param {Shelf} shelf
 * @returns {[string, string][]}
 */
export const listWeights = (shelf) => [
  [EMBEDDED, t("weights.embedded")],
  ...shelf.models.filter((one) => !one.trouble).map((one) => /** @type {[string, string]} */ ([one.name, `${one.name} · ${formatBytes(one.bytes)}`])),
];

/**
 * The section.
 *
 * @param {string} trainer which one runs
 * @param {AbortSignal} signal
 * @returns {Promise<HTMLElement>}
 */
export async function buildWeights(trainer, signal) {
  const rows = h("div", { class: "scroll" });
  const shelf = h("div", { class: "stack" });
  const back = h("button", { type: "button", class: "secondary", onclick: () => attempt(back, async () => {
    await control("DELETE", "base-models");
    await draw();
  }) }, t("weights.back"));
  const choose = h("button", { type: "button", class: "primary", onclick: () => askWeights(draw) }, t("weights.choose"));
  const draw = async () => {
    const [all, there] = await Promise.all([readPlayed("", signal), readShelf(signal)]);
    fill(rows, describePlayed(all, there, draw));
    fill(shelf, describeShelf(there));
  };
  await draw();
  return h(
    "section",
    { class: "panel stack", id: "weights", "aria-label": t("weights.title") },
    h("div", { class: "head" }, h("div", {}, h("h2", {}, t("weights.title")), h("p", { class: "muted" }, t("weights.about"))), h("div", { class: "actions" }, choose, back)),
    trainer === "scripted" ? h("p", { class: "hint" }, t("weights.scripted")) : null,
    rows,
    h("p", { class: "small muted" }, t("weights.fixed")),
    shelf,
  );
}

/**
 * @param {Played} all
 * @param {Shelf} shelf
 * @param {() => Promise<void>} refresh
 */
function describePlayed(all, shelf, refresh) {
  const sizes = new Map(shelf.models.map((one) => [one.name, one]));
  const scopes = [["", all], ...Object.entries(shelf.projects)].map(([project, played]) => /** @type {[string, Played]} */ ([/** @type {string} */ (project), /** @type {Played} */ (played)]));
  const lines = scopes.flatMap(([project, played]) => Object.entries(played).map(([model, weights]) => ({ project, model, weights })));
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ["weights.for", "new.model", "weights.by"].map((key) => h("th", { scope: "col" }, t(key))), h("th"))),
    h(
      "tbody",
      {},
      lines.map(({ project, model, weights }) => {
        const stays = !project && model === EVERY;
        const remove = h("button", { type: "button", class: "secondary small", "aria-label": t("weights.remove_of", { model, project: project || t("weights.everybody") }), onclick: () => attempt(remove, async () => {
          await change(project, model, "");
          await refresh();
        }) }, t("weights.remove"));
        return h(
          "tr",
          {},
          h("td", {}, project ? h("span", { class: "name" }, project) : t("weights.everybody")),
          h("td", {}, model === EVERY ? t(project || Object.keys(all).length === 1 ? "weights.every" : "weights.every_other") : h("span", { class: "name" }, model)),
          h("td", {}, h("span", { class: "name" }, weights), weights === EMBEDDED ? h("small", { class: "muted block" }, t("weights.embedded_is")) : sizes.has(weights) ? h("small", { class: "muted block" }, describeSize(/** @type {Added} */ (sizes.get(weights)))) : null),
          h("td", { class: "figure-cell" }, stays ? null : remove),
        );
      }),
    ),
  );
}

/** @param {Added} model */
const describeSize = (model) => [t("weights.parameters", { n: formatCount(model.parameters) }), formatBytes(model.bytes), model.license || t("weights.no_license")].join(" · ");

/** @param {Shelf} shelf */
function describeShelf(shelf) {
  const heads = ["weights.name", "weights.kind", "weights.size", "weights.count", "weights.license", "weights.from"];
  return [
    h("h3", {}, t("weights.added")),
    shelf.models.length
      ? h(
          "div",
          { class: "scroll" },
          h(
            "table",
            {},
            h("thead", {}, h("tr", {}, heads.map((key) => h("th", { scope: "col" }, t(key))))),
            h(
              "tbody",
              {},
              shelf.models.map((one) =>
                h(
                  "tr",
                  {},
                  h("td", { class: "name" }, one.name, one.trouble ? h("small", { class: "check-bad block" }, one.trouble) : null),
                  h("td", {}, [one.kind, one.quantization, one.architecture].filter(Boolean).join(" · ")),
                  h("td", { class: "nowrap" }, formatBytes(one.bytes)),
                  h("td", { class: "nowrap" }, formatCount(one.parameters)),
                  h("td", {}, one.license || t("weights.no_license")),
                  h("td", { class: "name" }, one.origin),
                ),
              ),
            ),
          ),
        )
      : h("p", { class: "muted" }, t("weights.none", { folder: shelf.folder })),
    shelf.packaged.length ? h("ul", { class: "links" }, shelf.packaged.map((one) => h("li", {}, h("span", {}, `${one.summary}. ${one.license}, ${t("weights.to_fetch", { size: formatBytes(one.bytes) })}`), describeCommand(one.command)))) : null,
    h("p", { class: "small muted" }, t("weights.more"), " ", h("code", {}, "tuning-emulator models add --help")),
  ];
}

/** @param {string} command */
function describeCommand(command) {
  const copy = h("button", { type: "button", class: "quiet small", onclick: async () => fill(copy, t((await copyText(command)) ? "code.copied" : "code.copy")) }, t("code.copy"));
  return h("div", {}, h("code", {}, command), " ", copy);
}

/** @param {() => Promise<void>} refresh */
async function askWeights(refresh) {
  const shelf = await readShelf().catch(() => null);
  if (shelf === null) return;
  const weights = choice([...listWeights(shelf), [OTHER, t("weights.directory")]], shelf.models[0]?.name ?? EMBEDDED);
  const directory = h("input", { placeholder: "/home/me/model", spellcheck: "false", autocomplete: "off" });
  const place = field(t("weights.path"), directory, t("weights.path_hint"));
  const known = h("datalist", { id: "played-models" });
  const model = h("input", { list: "played-models", placeholder: t("weights.every"), spellcheck: "false", autocomplete: "off" });
  const project = h("input", { placeholder: t("weights.everybody"), spellcheck: "false", autocomplete: "off" });
  const adapt = () => (place.hidden = weights.value !== OTHER);
  weights.addEventListener("change", adapt);
  adapt();
  void listModels(known, "vertex").catch(() => null);
  openDialog({
    title: t("weights.dialog"),
    content: [field(t("weights.title"), weights), place, field(t("weights.plays"), model, t("weights.plays_hint")), field(t("jobs.project"), project, t("weights.project_hint")), known],
    action: t("dialog.set"),
    run: async () => {
      await change(project.value.trim(), model.value.trim() || EVERY, weights.value === OTHER ? directory.value.trim() : weights.value);
      await refresh();
      notify(t("weights.changed"));
    },
  });
}

/**
 * Changes what plays one base model, and leaves the others as they are.
 *
 * @param {string} project "": for everybody
 * @param {string} model
 * @param {string} weights "": nothing of its own any more
 */
async function change(project, model, weights) {
  const played = project ? ((await readShelf()).projects[project] ?? {}) : await readPlayed();
  const { [model]: _, ...others } = played;
  const wanted = weights ? { ...others, [model]: weights } : others;
  await control("PUT", project ? `projects/${asPath(project)}/base-models` : "base-models", { body: { base_models: wanted } });
}

/** How to choose weights from a shell or a program: lines of each. */
export function listCode() {
  const body = { base_models: { [EVERY]: "smollm2" } };
  return {
    shell: ["tuning-emulator models add smollm2", "tuning-emulator models list", "tuning-emulator serve --base-model smollm2"],
    python: [`control.base_models.set(**${asPython(body.base_models)})`, `control.call("PUT", "projects/my-project/base-models", ${asPython(body)})`, "control.base_models.clear()"],
    curl: [asCurl("GET", "/emulator/v1/models"), asCurl("PUT", "/emulator/v1/base-models", { body }), asCurl("PUT", "/emulator/v1/projects/my-project/base-models", { body }), asCurl("DELETE", "/emulator/v1/base-models")],
  };
}
