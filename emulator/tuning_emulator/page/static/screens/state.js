/** State and set-up: how programs are led here, what runs, and the whole state: seeded, taken out, put back, forgotten. */

import { asPath, control, send } from "../api.js";
import { fill, h } from "../build.js";
import { asCommand, asCurl, fillPanel, getCode, pythonControl } from "../code.js";
import { field, openDialog } from "../dialog.js";
import { formatBytes, formatCount } from "../figures.js";
import { attempt, notify } from "../notices.js";
import { linkTo } from "../router.js";
import { listSdks } from "../sdks.js";
import { t } from "../texts.js";
import { buildWeights, listCode } from "../weights.js";

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  const [setup, { scenarios }, interception, { projects }] = await Promise.all(
    ["setup", "scenarios", "interception", "projects"].map((path) => control("GET", path, { signal })),
  );
  const weights = await buildWeights(setup.health.trainer.name, signal);
  fill(
    main,
    h("div", { class: "head" }, h("div", {}, h("h1", {}, t("nav.state")), h("p", { class: "muted" }, t("state.lead"))), getCode(listSnippets)),
    buildSdks(setup.variables, interception.project),
    weights,
    h("div", { class: "columns" }, buildHealth(setup), buildLinks()),
    h("div", { class: "columns" }, buildScenarios(scenarios), h("div", { class: "stack" }, buildArchive(), buildReset(), buildProjects(projects))),
    buildSettings(setup.settings),
  );
  if (query.get("part") === "weights") weights.scrollIntoView({ block: "start" });
}

/** @param {Record<string, string>} variables @param {string} first a project */
function buildSdks(variables, first) {
  const project = h("input", { type: "text", value: first, autocomplete: "off" });
  const panel = h("div", { class: "code" });
  const draw = () => fillPanel(panel, listSdks(variables, project.value.trim() || first));
  project.addEventListener("input", draw);
  draw();
  return h("section", { class: "panel stack" }, h("div", { class: "head" }, h("h2", {}, t("state.sdks")), field(t("trouble.project"), project)), panel);
}

/** @param {any} setup */
function buildHealth(setup) {
  const { trainer, storage, url, version } = setup.health;
  const good = (/** @type {boolean} */ fine, /** @type {string} */ text) => h("span", { class: fine ? "check-good" : "check-bad" }, text);
  const rows = [
    [t("state.address"), h("span", { class: "name" }, url)],
    [t("frame.version"), `${version} · Python ${setup.python} · ${setup.system}`],
    [t("frame.trainer"), good(!trainer.error, [trainer.name, trainer.device === "none" ? "" : trainer.device, trainer.error].filter(Boolean).join(" · "))],
    [t("state.ready"), good(trainer.ready !== false, t(trainer.ready === false ? "state.warming" : "state.warm"))],
    [t("state.storage"), storage.url ? h("span", { class: "name" }, storage.url) : t("state.cloud")],
    [t("state.directory"), h("span", {}, h("span", { class: "name" }, setup.directory), h("small", { class: "muted block" }, t(setup.durable ? "state.durable" : "state.fleeting")))],
    [t("state.free"), good(setup.free_bytes > 1e9, formatBytes(setup.free_bytes))],
    [t("state.packages"), h("span", {}, Object.entries(setup.packages).map(([name, found]) => h("span", { class: found ? "tag" : "tag missing" }, found ? `${name} ${found}` : t("state.missing", { name }))))],
  ];
  return h("section", { class: "panel stack" }, h("h2", {}, t("state.health")), h("dl", { class: "pairs" }, rows.flatMap(([name, value]) => [h("dt", {}, name ?? ""), h("dd", {}, value ?? "")])), h("p", { class: "small muted" }, t("state.doctor"), " ", h("code", {}, asCommand("doctor"))));
}

function buildLinks() {
  const links = [
    [linkTo("rules"), t("nav.rules"), t("state.rules")],
    [linkTo("reference"), t("nav.reference"), t("state.reference")],
    ["/emulator/openapi.json", "openapi.json", t("state.openapi")],
    ["/emulator/metrics", "Prometheus", t("state.metrics")],
    ["/emulator/v1/ca.pem", "ca.pem", t("state.certificate")],
  ];
  return h("section", { class: "panel stack" }, h("h2", {}, t("state.links")), h("ul", { class: "links" }, links.map(([href, word, text]) => h("li", {}, h("a", { href }, word ?? ""), h("small", { class: "muted block" }, text ?? "")))));
}

/** @param {{name: string, description: string}[]} scenarios */
function buildScenarios(scenarios) {
  const project = h("input", { type: "text", placeholder: t("state.noProject"), autocomplete: "off" });
  const load = async (/** @type {unknown} */ body) => {
    const made = await control("POST", "scenarios:load", { body, query: { project: project.value.trim() } });
    notify(t("state.loaded", { n: made.tuned_models.length + made.tuning_jobs.length }));
  };
  const own = h("button", { type: "button", class: "secondary", onclick: () => openScenario(load) }, t("state.ownScenario"));
  return h(
    "section",
    { class: "panel stack" },
    h("div", { class: "head" }, h("h2", {}, t("state.scenarios")), own),
    h("ul", { class: "scenarios" }, scenarios.map(({ name, description }) => {
      const button = h("button", { type: "button", class: "secondary", "aria-label": t("state.loadOf", { name }), onclick: () => attempt(button, () => load({ name })) }, t("state.load"));
      return h("li", {}, h("div", {}, h("span", { class: "name" }, name), h("small", { class: "muted block" }, description)), button);
    })),
    field(t("trouble.project"), project, t("state.scenarioProject")),
  );
}

/** @param {(body: unknown) => Promise<void>} load */
function openScenario(load) {
  const text = h("textarea", { rows: 10, class: "mono", spellcheck: "false" });
  text.value = 'version: 1\ntuned_models:\n- {id: colours, display_name: colours, examples: [[sky, blue], [grass, green]]}\n';
  const file = h("input", { type: "file", accept: ".yaml,.yml,.json" });
  file.addEventListener("change", async () => {
    text.value = (await file.files?.[0]?.text()) ?? text.value;
  });
  openDialog({
    title: t("state.ownScenario"),
    content: [field(t("state.file"), file), field("YAML", text)],
    action: t("state.load"),
    run: () => load(new Blob([text.value], { type: "application/yaml" })),
  });
}

function buildArchive() {
  const out = h("button", { type: "button", class: "secondary", onclick: () => attempt(out, async () => {
    const response = await send("GET", "/emulator/v1/snapshot");
    const address = URL.createObjectURL(await response.blob());
    h("a", { href: address, download: `tuning-emulator-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.tar.gz` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }) }, t("state.export"));
  const into = h("button", { type: "button", class: "danger", onclick: () => openImport() }, t("state.import"));
  return h("section", { class: "panel stack" }, h("h2", {}, t("state.archive")), h("p", { class: "muted" }, t("state.archive.told")), h("div", { class: "actions" }, out, into));
}

function openImport() {
  const file = h("input", { type: "file", accept: ".gz,.tgz,.tar.gz", required: true });
  openDialog({
    title: t("state.import"),
    content: [h("p", {}, t("state.import.told")), field(t("state.file"), file)],
    action: t("state.import"),
    dangerous: true,
    run: async () => {
      const chosen = file.files?.[0];
      if (!chosen) throw new Error(t("state.noFile"));
      const { counts } = await control("POST", "snapshot", { body: new Blob([chosen], { type: "application/gzip" }) });
      notify(Object.entries(counts).map(([name, n]) => `${formatCount(Number(n))} ${name.replaceAll("_", " ")}`).join(", "));
    },
  });
}

function buildReset() {
  const project = h("input", { type: "text", autocomplete: "off", placeholder: t("trouble.all") });
  const button = h("button", { class: "danger" }, t("state.reset"));
  const form = h("form", { class: "bar" }, field(t("trouble.project"), project), button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = project.value.trim();
    openDialog({
      title: t("state.reset"),
      content: [h("p", {}, name ? t("state.reset.project", { project: name }) : t("state.reset.all"))],
      action: t("state.reset"),
      dangerous: true,
      run: async () => {
        const { jobs } = await control("POST", "reset", { body: name ? { project: name } : {} });
        notify(t("state.forgotten", { n: jobs }));
      },
    });
  });
  return h("section", { class: "panel stack" }, h("h2", {}, t("state.reset")), form);
}

/** @param {{id: string, number: string}[]} projects */
function buildProjects(projects) {
  const id = h("input", { type: "text", required: true, autocomplete: "off", placeholder: "my-project" });
  const number = h("input", { type: "text", required: true, inputmode: "numeric", autocomplete: "off", placeholder: "123456789012" });
  const list = h("dl", { class: "pairs" });
  const draw = (/** @type {{id: string, number: string}[]} */ rows) => fill(list, ...rows.flatMap((row) => [h("dt", {}, row.id), h("dd", { class: "mono" }, row.number)]));
  const give = h("button", { class: "secondary" }, t("trouble.set"));
  const form = h("form", { class: "bar" }, field(t("trouble.project"), id), field(t("state.number"), number), give);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(give, async () => {
      await control("PUT", `projects/${asPath(id.value.trim())}/number`, { body: { number: number.value.trim() } });
      draw((await control("GET", "projects")).projects);
    });
  });
  draw(projects);
  return h("section", { class: "panel stack" }, h("h2", {}, t("state.projects")), h("p", { class: "muted" }, t("state.projects.told")), list, form);
}

/** @param {any[]} settings */
function buildSettings(settings) {
  const table = (/** @type {any[]} */ rows) =>
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("th", {}, t("state.option")), h("th", {}, t("state.value")), h("th", {}, t("state.help")))),
        h("tbody", {}, rows.map((row) => h("tr", {}, h("td", { class: "mono nowrap" }, row.option, h("small", { class: "muted block" }, row.variable)), h("td", { class: "mono" }, row.value), h("td", { class: "muted" }, row.help)))),
      ),
    );
  const changed = settings.filter((row) => row.changed);
  return h(
    "section",
    { class: "panel stack" },
    h("h2", {}, t("state.settings")),
    changed.length ? table(changed) : null,
    h("details", { class: "unfold" }, h("summary", {}, t("state.defaults")), table(settings.filter((row) => !row.changed))),
  );
}

function listSnippets() {
  const weights = listCode();
  return {
    [t("code.shell")]: [...["env", "scenario one-of-each-state", "export state.tar.gz", "import state.tar.gz", "reset --project my-project", "doctor"].map(asCommand), ...weights.shell].join("\n"),
    Python: `from pathlib import Path\n\n${pythonControl()}\ncontrol.scenarios.load("one-of-each-state")\ncontrol.export_snapshot(Path("state.tar.gz"))\ncontrol.import_snapshot(Path("state.tar.gz"))\ncontrol.reset()\n${weights.python.join("\n")}\n`,
    curl: [
      asCurl("GET", "/emulator/v1/setup"),
      asCurl("POST", "/emulator/v1/scenarios:load", { body: { name: "one-of-each-state" } }),
      `${asCurl("GET", "/emulator/v1/snapshot")} -o state.tar.gz`,
      `${asCurl("POST", "/emulator/v1/snapshot")} -H 'Content-Type: application/gzip' --data-binary @state.tar.gz`,
      asCurl("POST", "/emulator/v1/reset", { body: {} }),
      ...weights.curl,
    ].join("\n"),
  };
}
