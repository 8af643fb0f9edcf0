/** How to read and steer a job from a shell or a program. */

import { ANY_KEY } from "./api.js";
import { asCommand, asCurl, pythonControl, quote } from "./code.js";
import { isBatch, listViews } from "./jobs.js";
import { ENDED } from "./states.js";
import { t } from "./texts.js";

/**
 * @param {import("./jobs.js").JobDetail} job
 * @returns {import("./code.js").Snippets}
 */
export function makeSnippets(job) {
  const gemini = job.api.startsWith("gemini");
  const ended = ENDED.has(job.state);
  const [, path = ""] = listViews(job)[0] ?? [];
  const control = `/emulator/v1/jobs/${job.name}`;
  const shell = ended
    ? [asCommand(`export-adapter ${quote(job.name)} ./adapter`), asCommand(`export-adapter ${quote(job.name)} ./model --merged`), asCommand(`export-adapter ${quote(job.name)} --gguf ./model.gguf --outtype q8_0`)]
    : [asCommand(`pace manual --job ${quote(job.name)}`), asCommand(`pace --job ${quote(job.name)}`)];
  return {
    [t("code.shell")]: isBatch(job) ? asCommand(`pace --job ${quote(job.name)}`) : shell.join("\n"),
    "Python (google-genai)": readWithSdk(job, gemini),
    [`Python (${t("job.control_api")})`]: `${pythonControl()}\njob = control.jobs.get(${JSON.stringify(job.name)})\nprint(job["state"], job["metrics"][-1:])\n${ended ? "" : `control.jobs.advance(${JSON.stringify(job.name)})   # cancel, set_pace, set_fault\n`}`,
    curl: [asCurl("GET", path, gemini ? { key: true } : { token: true }), asCurl("GET", control), ...(ended ? [] : [asCurl("POST", `${control}:cancel`)])].join("\n\n"),
  };
}

/**
 * @param {import("./jobs.js").JobDetail} job
 * @param {boolean} gemini
 */
function readWithSdk(job, gemini) {
  const kind = isBatch(job) ? "batches" : "tunings";
  const base = `http_options=types.HttpOptions(base_url=${JSON.stringify(location.origin)})`;
  const [, project = "", , place = ""] = job.name.split("/");
  const client = gemini
    ? `client = genai.Client(api_key=${JSON.stringify(ANY_KEY)}, ${base})`
    : `client = genai.Client(\n    vertexai=True,\n    project=${JSON.stringify(project)},\n    location=${JSON.stringify(place)},\n    credentials=Credentials("anything"),\n    ${base},\n)`;
  const imports = `from google import genai\nfrom google.genai import types\n${gemini ? "" : "from google.oauth2.credentials import Credentials\n"}`;
  return `${imports}\n${client}\njob = client.${kind}.get(name=${JSON.stringify(job.name)})\nprint(job.state)\n`;
}
