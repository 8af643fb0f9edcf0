/** What can be done with a job: the same requests that the command line and the SDKs send. */

import { asPath, control } from "./api.js";
import { h } from "./build.js";
import { choice, field, openDialog } from "./dialog.js";
import { exportModel } from "./export.js";
import { kindWord, isBatch } from "./jobs.js";
import { attempt, notify } from "./notices.js";
import { goTo, linkTo } from "./router.js";
import { ENDED } from "./states.js";
import { shortName } from "./figures.js";
import { t } from "./texts.js";

/** @typedef {import("./jobs.js").JobDetail} JobDetail */

/** As `core.job_control.FaultKind` has them; those with a number, and those that Vertex AI alone can have. */
const FAULTS = ["internal_error", "dataset_rejected", "quota_exhausted", "no_capacity", "endpoint_creation_failed", "global_not_onboarded", "stuck_pending", "cancelled"];
const COUNTED = ["internal_error", "dataset_rejected", "cancelled"];
const OF_VERTEX = ["no_capacity", "endpoint_creation_failed", "global_not_onboarded"];

const LATEST = 200;

/**
 * The buttons that make sense now.
 *
 * @param {JobDetail} job
 * @param {() => Promise<void>} refresh
 */
export function listActions(job, refresh) {
  const path = `jobs/${asPath(job.name)}`;
  const button = (/** @type {string} */ action, /** @type {string} */ kind, /** @type {(button: HTMLButtonElement) => unknown} */ run) => {
    const one = h("button", { type: "button", class: kind, data: { action }, onclick: () => run(one) }, t(`job.${action}`));
    return one;
  };
  const doing = (/** @type {string} */ verb, /** @type {string} */ rest, /** @type {string} */ done) => (/** @type {HTMLButtonElement} */ one) =>
    attempt(one, async () => {
      await control(verb, `${path}:${rest}`);
      notify(t(done));
      await refresh();
    });
  const tuning = !isBatch(job);
  if (!ENDED.has(job.state)) {
    return [
      job.pace === "training" ? null : button("advance", "primary", doing("POST", "advance", "job.advanced")),
      button("pace", "secondary", () => askPace(job, path, refresh)),
      job.fault && !job.fired ? button("unfault", "secondary", doing("DELETE", "fault", "job.fault_taken_back")) : button("fault", "secondary", () => askFault(job, path, refresh)),
      tuning ? button("compare", "secondary", () => askComparison(job)) : null,
      button("cancel", "danger", doing("POST", "cancel", "job.cancelled")),
    ];
  }
  const made = tuning && job.state === "SUCCEEDED";
  return [
    made ? h("a", { class: "primary", data: { action: "ask" }, href: linkTo("playground", { name: job.name }) }, t("job.ask")) : null,
    made ? button("export", "secondary", () => exportModel(job)) : null,
    made ? button("continue", "secondary", () => continueFrom(job, "")) : null,
    tuning ? button("compare", "secondary", () => askComparison(job)) : null,
  ];
}

/**
 * @param {JobDetail} job
 * @param {string} path
 * @param {() => Promise<void>} refresh
 */
function askPace(job, path, refresh) {
  const [mode = "training", amount = ""] = job.pace.split(":");
  const modes = choice([["training", t("pace.training")], ["manual", t("pace.manual")], ["polls", t("pace.polls")], ["time", t("pace.time")], ["", t("pace.default")]], mode);
  const number = h("input", { type: "number", min: 0, step: "any", value: amount || "2" });
  const numbered = field(t("pace.amount"), number);
  const adapt = () => (numbered.hidden = !["polls", "time"].includes(modes.value));
  modes.addEventListener("change", adapt);
  adapt();
  openDialog({
    title: t("job.pace_title"),
    content: [h("p", { class: "muted" }, t("job.pace_hint")), field(t("pace.mode"), modes), numbered],
    action: t("dialog.set"),
    run: async () => {
      const body = { mode: modes.value, ...(modes.value === "polls" ? { polls: Number(number.value) } : {}), ...(modes.value === "time" ? { seconds: Number(number.value) } : {}) };
      if (modes.value) await control("PUT", `${path}:pace`, { body });
      else await control("DELETE", `${path}:pace`);
      await refresh();
    },
  });
}

/**
 * @param {JobDetail} job
 * @param {string} path
 * @param {() => Promise<void>} refresh
 */
function askFault(job, path, refresh) {
  const able = FAULTS.filter((kind) => job.api.startsWith("vertex") || !OF_VERTEX.includes(kind));
  const kinds = choice(able.map((kind) => /** @type {const} */ ([kind, t(`fault.${kind}`)])), "internal_error");
  const at = h("input", { type: "number", min: 1, value: String(job.completed_steps + 1) });
  const numbered = field(t("fault.at"), at, t("fault.at_hint"));
  const adapt = () => (numbered.hidden = !COUNTED.includes(kinds.value));
  kinds.addEventListener("change", adapt);
  adapt();
  openDialog({
    title: t("job.fault_title"),
    content: [field(t("fault.kind"), kinds), numbered],
    action: t("dialog.set"),
    run: async () => {
      await control("PUT", `${path}:fault`, { body: { kind: kinds.value, ...(numbered.hidden ? {} : { at: Number(at.value) }) } });
      await refresh();
    },
  });
}

/** @param {JobDetail} job */
async function askComparison(job) {
  await attempt(null, async () => {
    const { jobs } = await control("GET", "jobs", { query: { limit: LATEST } });
    const others = jobs.filter((/** @type {JobDetail} */ one) => one.name !== job.name && !isBatch(one) && one.completed_steps > 0);
    if (!others.length) {
      notify(t("job.none_to_compare"), true);
      return;
    }
    const select = choice(others.map((/** @type {JobDetail} */ one) => [one.name, `${one.display_name || shortName(one.name)} · ${kindWord(one.api)} · ${one.base_model}`]), others[0].name);
    openDialog({
      title: t("job.compare_title"),
      content: [field(t("job.compare_with"), select)],
      action: t("job.compare"),
      run: async () => goTo("job", { name: job.name, with: select.value }),
    });
  });
}

/**
 * @param {JobDetail} job
 * @param {string} checkpoint "" for the final one
 */
export function continueFrom(job, checkpoint) {
  goTo("new", { api: job.api, model: job.base_model, from: job.api === "gemini" ? job.name : job.model, project: job.project, ...(checkpoint ? { checkpoint } : {}) });
}
