/**
 * Exporting what tuning made: its form is chosen, it is made and received while the visitor looks on, and the command that
 * does the same stands beside it.
 */

import { asPath, send } from "./api.js";
import { fill, h } from "./build.js";
import { asCommand, asCurl, fillPanel, pythonControl, quote } from "./code.js";
import { choice, field, openDialog } from "./dialog.js";
import { formatBytes, formatSpan, shortName } from "./figures.js";
import { notify } from "./notices.js";
import { t } from "./texts.js";

/**
 * @typedef {import("./jobs.js").JobDetail} JobDetail
 * @typedef {{form: string, outtype: string, checkpoint: string}} Wanted
 */

const EMBEDDED = "embedded";
const OUTTYPES = ["f16", "bf16", "q8_0", "f32"];
const TICK_MS = 500;

/**
 * Asks in which form, and lets the browser keep it.
 *
 * @param {JobDetail} job
 * @param {string} [checkpoint]
 */
export function exportModel(job, checkpoint = "") {
  const forms = choice(["adapter", "merged", "gguf"].map((one) => /** @type {const} */ ([one, t(`export.${one}`)])), "adapter");
  const outtypes = choice(OUTTYPES.map((one) => /** @type {const} */ ([one, t(`export.${one}`)])), "f16");
  const checkpoints = choice([["", t("export.final")], ...job.checkpoints.map((one) => /** @type {const} */ ([one.id, `${one.id} · ${t("job.epoch")} ${one.epoch}`]))], checkpoint);
  const outtype = field(t("export.outtype"), outtypes);
  const told = h("p", { class: "muted" });
  const bar = h("progress", { "aria-label": t("job.progress") });
  const news = h("p", { role: "status" });
  const progress = h("div", { class: "stack tight", hidden: true }, bar, news);
  const code = h("div", { class: "code" });
  const wanted = () => ({ form: forms.value, outtype: forms.value === "gguf" ? outtypes.value : "", checkpoint: checkpoints.value });
  const adapt = () => {
    outtype.hidden = forms.value !== "gguf";
    fill(told, t(forms.value === "gguf" && job.weights === EMBEDDED ? "export.no_gguf" : `export.${forms.value}_hint`));
    fillPanel(code, makeSnippets(job, wanted()));
  };
  for (const one of [forms, outtypes, checkpoints]) one.addEventListener("change", adapt);
  adapt();
  openDialog({
    title: t("export.title"),
    content: [field(t("export.form"), forms), outtype, job.checkpoints.length ? field(t("job.checkpoint"), checkpoints) : null, told, progress, code],
    action: t("export.action"),
    run: async (leaving) => {
      progress.hidden = false;
      try {
        const blob = await receive(job, wanted(), leaving, bar, news);
        saveAs(blob, nameFile(job, wanted()));
        notify(t("export.done", { size: formatBytes(blob.size) }));
      } finally {
        progress.hidden = true;
      }
    },
  });
}

/**
 * The archive, once it is made; how long that takes, and how much has come, is told.
 *
 * @param {JobDetail} job
 * @param {Wanted} wanted
 * @param {AbortSignal} signal
 * @param {HTMLProgressElement} bar
 * @param {HTMLElement} news
 */
async function receive(job, wanted, signal, bar, news) {
  const begun = performance.now();
  const tell = () => fill(news, t("export.making", { time: formatSpan((performance.now() - begun) / 1000) }));
  const ticking = setInterval(tell, TICK_MS);
  bar.removeAttribute("value");
  tell();
  try {
    const response = await send("GET", `/emulator/v1/adapters/${asPath(job.name)}`, { query: wanted, signal });
    clearInterval(ticking);
    const total = Number(response.headers.get("content-length") ?? 0);
    let come = 0;
    /** @type {TransformStream<Uint8Array, Uint8Array>} */
    const counter = new TransformStream({
      transform(block, controller) {
        come += block.byteLength;
        if (total) bar.value = come / total;
        fill(news, t("export.receiving", { size: formatBytes(come), total: total ? formatBytes(total) : "–" }));
        controller.enqueue(block);
      },
    });
    const body = /** @type {ReadableStream<Uint8Array>} */ (response.body);
    return await new Response(body.pipeThrough(counter)).blob(); // which the browser keeps on its disk where it is large
  } finally {
    clearInterval(ticking);
  }
}

/**
 * @param {JobDetail} job
 * @param {Wanted} wanted
 */
function nameFile(job, { form, outtype, checkpoint }) {
  return `${[shortName(job.name), checkpoint, form === "adapter" ? "" : form, outtype].filter(Boolean).join("-")}.tar`;
}

/**
 * @param {JobDetail} job
 * @param {Wanted} wanted
 * @returns {import("./code.js").Snippets}
 */
function makeSnippets(job, { form, outtype, checkpoint }) {
  const short = shortName(job.name);
  const at = checkpoint ? ` --checkpoint ${quote(checkpoint)}` : "";
  const target = { adapter: "./adapter", merged: "./model --merged", gguf: `--gguf ${quote(`./${short}.gguf`)} --outtype ${outtype}` }[form] ?? "";
  const query = Object.entries({ form, outtype, checkpoint }).filter(([, value]) => value);
  const path = `/emulator/v1/adapters/${asPath(job.name)}?${new URLSearchParams(query)}`;
  const file = nameFile(job, { form, outtype, checkpoint });
  const after = form === "gguf" ? `\nollama create ${quote(short)} -f Modelfile` : "";
  return {
    [t("code.shell")]: asCommand(`export-adapter ${quote(job.name)} ${target}${at}`) + after,
    curl: `${asCurl("GET", path)} --fail-with-body -o ${quote(file)}\ntar -xf ${quote(file)}${after}`,
    Python: `${pythonControl()}\nwith open(${JSON.stringify(file)}, "wb") as file:\n    control.receive(${[JSON.stringify(`adapters/${job.name}`), "file", ...query.map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join(", ")})\n`,
  };
}

/**
 * Hands something over to the browser's downloads.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function saveAs(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
