/** Where a dataset comes from: a file that is dropped or chosen, or an object of a bucket. */

import { control } from "./api.js";
import { fill, h } from "./build.js";
import { heldDataset, holdDataset, makeSample, nameOf } from "./datasets.js";
import { formatBytes } from "./figures.js";
import { attempt } from "./notices.js";
import { t } from "./texts.js";

/** @typedef {import("./datasets.js").Dataset} Dataset */

/**
 * @param {(dataset: Dataset) => void} onChoose
 * @param {() => string} findApi whose form a sample has
 * @returns {{element: HTMLElement, show: () => void}} `show`: says what is in hand now
 */
export function pickSource(onChoose, findApi) {
  const chosen = h("p", { role: "status" });
  const file = h("input", { type: "file", class: "unseen", accept: ".jsonl,.json,.csv,.tsv,.txt,.gz,.zip,.xz,.bz2,.md" });
  const browse = h("button", { type: "button", class: "secondary" }, t("source.bucket"));
  const shelves = h("div", { class: "shelves", hidden: true });
  const show = () => {
    const held = heldDataset();
    fill(chosen, held ? [h("strong", { class: "name" }, nameOf(held)), held.kind === "file" ? h("span", { class: "muted" }, ` ${formatBytes(held.blob.size)}`) : null] : h("span", { class: "muted" }, t("source.none")));
  };
  const take = (/** @type {Dataset} */ dataset) => {
    holdDataset(dataset);
    shelves.hidden = true;
    browse.setAttribute("aria-expanded", "false");
    show();
    onChoose(dataset);
  };
  const takeFile = (/** @type {File | null | undefined} */ one) => one && take({ kind: "file", name: one.name, blob: one });
  file.addEventListener("change", () => takeFile(file.files?.[0]));
  browse.setAttribute("aria-expanded", "false");
  browse.addEventListener("click", () => {
    shelves.hidden = !shelves.hidden;
    browse.setAttribute("aria-expanded", String(!shelves.hidden));
    if (!shelves.hidden) void attempt(browse, () => listBuckets(shelves, take));
  });
  const zone = h(
    "div",
    { class: "drop" },
    h("p", {}, t("source.drop")),
    h("div", { class: "actions" }, h("label", { class: "secondary as-button" }, file, t("source.file")), browse, h("button", { type: "button", class: "secondary", onclick: () => take(makeSample(findApi())) }, t("source.sample"))),
    chosen,
    shelves,
  );
  for (const type of ["dragenter", "dragover"]) {
    zone.addEventListener(type, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const type of ["dragleave", "drop"]) zone.addEventListener(type, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    takeFile(event.dataTransfer?.files[0]);
  });
  show();
  return { element: zone, show };
}

/**
 * @param {HTMLElement} place
 * @param {(dataset: Dataset) => void} take
 */
async function listBuckets(place, take) {
  const { buckets } = await control("GET", "buckets");
  fill(
    place,
    buckets.length
      ? h("ul", { class: "shelf" }, buckets.map((/** @type {any} */ one) => h("li", {}, entry(`gs://${one.name}/`, "", (button) => attempt(button, () => listObjects(place, one.name, "", take))))))
      : h("p", { class: "muted" }, t("source.no_buckets")),
  );
}

/**
 * @param {HTMLElement} place
 * @param {string} bucket
 * @param {string} prefix
 * @param {(dataset: Dataset) => void} take
 */
async function listObjects(place, bucket, prefix, take) {
  const list = h("ul", { class: "shelf" });
  const up = prefix.replace(/[^/]*\/$/, "");
  const add = async (/** @type {string} */ after) => {
    const page = await control("GET", `buckets/${encodeURIComponent(bucket)}/objects`, { query: { prefix, after } });
    list.append(
      ...page.folders.map((/** @type {string} */ folder) => h("li", {}, entry(folder.slice(prefix.length), "", (button) => attempt(button, () => listObjects(place, bucket, folder, take))))),
      ...page.objects.map((/** @type {any} */ one) => h("li", {}, entry(one.name.slice(prefix.length), formatBytes(one.size_bytes), () => take({ kind: "object", uri: one.uri })))),
    );
    if (!list.children.length) list.append(h("li", { class: "muted" }, t("source.empty")));
    if (page.next) {
      const more = h("li", {}, entry(t("source.more"), "", (button) => attempt(button, async () => {
        more.remove();
        await add(page.next);
      })));
      list.append(more);
    }
  };
  await add("");
  fill(
    place,
    h("p", { class: "bar" }, entry("←", "", (button) => attempt(button, () => (prefix ? listObjects(place, bucket, up, take) : listBuckets(place, take)))), h("span", { class: "name muted" }, `gs://${bucket}/${prefix}`)),
    list,
  );
}

/**
 * @param {string} name
 * @param {string} more
 * @param {(button: HTMLButtonElement) => unknown} open
 */
function entry(name, more, open) {
  const button = h("button", { type: "button", class: "entry", onclick: () => open(button) }, h("span", { class: "name" }, name), more ? h("span", { class: "muted small" }, more) : null);
  return button;
}
