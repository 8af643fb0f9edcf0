/** The rows of a dataset as chats, page by page. */

import { control } from "./api.js";
import { fill, h } from "./build.js";
import { readChat } from "./datasets.js";
import { formatCount } from "./figures.js";
import { attempt } from "./notices.js";
import { t } from "./texts.js";

/**
 * @typedef {import("./datasets.js").Dataset} Dataset
 * @typedef {{kind: "rehearsal", name: string}} OfRehearsal its examples, as its report numbers them
 * @typedef {{number: number, text: string}} Row
 */

const PAGE = 12;

/** Reads rows of a dataset, wherever it is. */
class RowReader {
  /**
   * @param {Dataset | OfRehearsal} dataset
   * @param {AbortSignal} signal
   */
  constructor(dataset, signal) {
    this.dataset = dataset;
    this.signal = signal;
    /** @type {string[] | null} */
    this.lines = null;
  }

  /**
   * @param {number} offset
   * @returns {Promise<{rows: Row[], next: number | null}>}
   */
  async read(offset) {
    if (this.dataset.kind !== "file") {
      const query = this.dataset.kind === "object" ? { dataset: this.dataset.uri } : { [this.dataset.kind]: this.dataset.name };
      return control("GET", "datasets:rows", { query: { ...query, offset, limit: PAGE }, signal: this.signal });
    }
    this.lines ??= (await this.dataset.blob.text()).split(/\r?\n/);
    if (this.lines.at(-1) === "") this.lines.pop();
    const rows = this.lines.slice(offset, offset + PAGE).map((text, at) => ({ number: offset + at + 1, text }));
    return { rows, next: offset + PAGE < this.lines.length ? offset + PAGE : null };
  }
}

/**
 * @param {Dataset | OfRehearsal} dataset
 * @param {AbortSignal} signal
 */
export function showRows(dataset, signal) {
  const reader = new RowReader(dataset, signal);
  const list = h("ol", { class: "examples" });
  const place = h("span", { class: "muted", role: "status" });
  let offset = 0;
  /** @type {number | null} */
  let next = null;
  /** @type {Map<number, string>} */
  let wrong = new Map();
  const back = h("button", { type: "button", class: "secondary", onclick: () => go(Math.max(0, offset - PAGE)) }, t("rows.back"));
  const on = h("button", { type: "button", class: "secondary", onclick: () => go(next ?? offset) }, t("rows.on"));
  const line = h("input", { type: "number", min: 1, class: "narrow", "aria-label": t("rows.line") });
  const jump = h("form", { class: "bar" }, h("span", { class: "label" }, t("rows.line")), line);
  jump.addEventListener("submit", (event) => {
    event.preventDefault();
    void go(Math.max(0, Number(line.value) - 1));
  });
  const go = (/** @type {number} */ to) =>
    attempt(null, async () => {
      const page = await reader.read(to);
      offset = to;
      next = page.next;
      back.disabled = offset === 0;
      on.disabled = next === null;
      const last = page.rows.at(-1);
      fill(place, last ? t("rows.shown", { first: page.rows[0]?.number ?? 0, last: last.number }) : t("rows.none"));
      fill(list, page.rows.map((row) => describeRow(row, wrong.get(row.number) ?? "")));
    });
  const element = h("section", { class: "panel stack" }, h("div", { class: "bar apart" }, h("h2", {}, t("rows.title")), h("div", { class: "bar" }, place, jump, back, on)), list);
  return {
    element,
    go,
    /** Marks rows by their line. @param {Map<number, string>} lines */
    mark(lines) {
      wrong = lines;
      return go(offset);
    },
    /** @param {number} number */
    async goToLine(number) {
      await go(Math.max(0, number - 1));
      list.querySelector("li")?.focus();
      element.scrollIntoView({ block: "start" });
    },
  };
}

/**
 * @param {Row} row
 * @param {string} wrong what the service says of it
 */
function describeRow(row, wrong) {
  const chat = readChat(row.text);
  const said = chat !== null && chat.turns.length + chat.more.length > 0 ? chat : null;
  return h(
    "li",
    { class: wrong ? "example wrong" : "example", tabindex: "-1" },
    h("span", { class: "line-number" }, formatCount(row.number)),
    h(
      "div",
      { class: "chat" },
      said
        ? [
            said.turns.map(describeTurn),
            said.more.map((one) => h("div", { class: "alternative" }, h("span", { class: "tag" }, t("rows.score", { score: one.name })), one.turns.map(describeTurn))),
          ].flat()
        : h("code", { class: "raw" }, row.text),
      wrong ? h("p", { class: "refusal" }, wrong) : null,
    ),
  );
}

/** @param {import("./datasets.js").Turn} turn */
const describeTurn = (turn) =>
  h("div", { class: `turn ${turn.role === "user" ? "asks" : turn.role === "system" ? "rules" : "answers"}` }, h("span", { class: "who" }, turn.role), h("span", { class: "what" }, turn.text));
