/** Jobs of both APIs, newest first. */

import { control } from "../api.js";
import { fill, h } from "../build.js";
import { getCode, asCommand, asCurl, pythonControl } from "../code.js";
import { stateBadge } from "../states.js";
import { t } from "../texts.js";

/** @param {import("../router.js").Visit} visit */
export async function show({ main, signal }) {
  const rows = h("tbody");
  fill(
    main,
    h("div", { class: "head" }, h("h1", {}, t("jobs.title")), getCode(makeSnippets)),
    h("table", { class: "panel" }, rows),
  );
  const page = await control("GET", "jobs", { signal });
  fill(rows, ...page.jobs.map((/** @type {any} */ job) => h("tr", {}, h("td", {}, stateBadge(job.state)), h("td", {}, job.name))));
}

function makeSnippets() {
  return {
    "Command line": asCommand("journal"),
    Python: `${pythonControl()}\nfor job in control.jobs.list():\n    print(job["name"], job["state"])\n`,
    curl: asCurl("GET", "/emulator/v1/jobs"),
  };
}
