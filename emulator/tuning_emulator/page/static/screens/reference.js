/** The control API for people, from its own description: every request, what it takes and what it answers. */

import { ask, send } from "../api.js";
import { fill, h } from "../build.js";
import { asCurl } from "../code.js";
import { attempt } from "../notices.js";
import { keepPlace } from "../router.js";
import { t } from "../texts.js";

/** @typedef {Record<string, any>} Schema */

const METHODS = ["get", "post", "put", "patch", "delete"];
const DEEPEST = 4;

/** @param {import("../router.js").Visit} visit */
export async function show({ main, query, signal }) {
  fill(main, h("h1", {}, t("nav.reference")), h("p", { class: "muted", role: "status" }, t("reference.loading")));
  const description = await ask("GET", "/emulator/openapi.json", { signal });
  const operations = Object.entries(description.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in /** @type {Schema} */ (item)).map((method) => new Operation(method, path, /** @type {Schema} */ (item)[method], description)),
  );
  const words = h("input", { type: "search", value: query.get("words") ?? "", placeholder: t("reference.words"), "aria-label": t("reference.words") });
  const list = h("div", { class: "stack wide-gap" });
  const draw = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = operations.filter((one) => wanted.every((word) => one.words.includes(word)));
    const tags = [...new Set(found.map((one) => one.tag))];
    fill(
      list,
      tags.map((tag) => h("section", { class: "panel" }, h("h2", {}, tag), found.filter((one) => one.tag === tag).map((one) => one.build()))),
      found.length ? null : h("p", { class: "empty" }, t("reference.none")),
    );
    keepPlace("reference", words.value ? { words: words.value } : {});
  };
  words.addEventListener("input", draw);
  fill(
    main,
    h(
      "div",
      { class: "head" },
      h("div", {}, h("h1", {}, t("nav.reference")), h("p", { class: "muted" }, t("reference.about"), " ", h("a", { href: "/emulator/openapi.json" }, "openapi.json"))),
      h("div", { class: "bar" }, words),
    ),
    list,
  );
  draw();
}

/** One request of the API. */
class Operation {
  /**
   * @param {string} method
   * @param {string} path
   * @param {Schema} operation
   * @param {Schema} description the whole one, in which references lead to others
   */
  constructor(method, path, operation, description) {
    this.method = method.toUpperCase();
    this.path = path;
    this.operation = operation;
    this.description = description;
    this.tag = operation.tags?.[0] ?? "server";
    this.words = `${method} ${path} ${operation.summary ?? ""} ${operation.description ?? ""} ${this.tag}`.toLowerCase();
  }

  build() {
    const body = h("div", { class: "stack operation" });
    const details = h(
      "details",
      {},
      h("summary", {}, h("span", { class: `verb verb-${this.method.toLowerCase()}` }, this.method), h("code", { class: "name" }, this.path), h("span", { class: "muted" }, this.operation.summary ?? "")),
      body,
    );
    details.addEventListener("toggle", () => {
      if (details.open && !body.children.length) fill(body, this.describe());
    });
    return details;
  }

  describe() {
    const { operation } = this;
    const parameters = operation.parameters ?? [];
    const content = operation.requestBody?.content ?? {};
    return [
      operation.description ? h("p", {}, operation.description) : null,
      parameters.length ? [h("h3", {}, t("reference.parameters")), h("dl", { class: "pairs" }, parameters.flatMap((/** @type {Schema} */ one) => [h("dt", {}, h("code", {}, one.name), one.required ? " *" : "", h("br"), h("small", {}, one.in)), h("dd", {}, h("code", {}, this.print(one.schema ?? {}, DEEPEST)), one.description ? ` ${one.description}` : "")]))] : [],
      ...Object.entries(content).map(([type, one]) => [h("h3", {}, `${t("reference.body")} `, h("code", { class: "muted" }, type)), h("pre", { tabindex: "0" }, this.print(/** @type {Schema} */ (one).schema ?? {}, 0))]),
      ...Object.entries(operation.responses ?? {})
        .filter(([status]) => status !== "422")
        .map(([status, one]) => this.describeAnswer(status, /** @type {Schema} */ (one))),
      h("pre", { tabindex: "0" }, asCurl(this.method, this.path, Object.keys(content).includes("application/json") ? { body: {} } : {})),
      this.method === "GET" && !this.path.includes("{") && !this.path.endsWith("/events") && !this.path.endsWith("/snapshot") ? this.offerTrial() : null,
    ].flat();
  }

  /**
   * @param {string} status
   * @param {Schema} answer
   */
  describeAnswer(status, answer) {
    const content = Object.entries(answer.content ?? {});
    return [
      h("h3", {}, `${t("reference.answer")} ${status} `, h("code", { class: "muted" }, content.map(([type]) => type).join(", "))),
      ...content.filter(([type]) => type === "application/json").map(([, one]) => h("pre", { tabindex: "0" }, this.print(/** @type {Schema} */ (one).schema ?? {}, 0))),
      ...this.listTold(content),
    ];
  }

  /** What the description says of the answer's type. @param {[string, any][]} content */
  listTold(content) {
    return content.map(([, one]) => this.follow(one.schema ?? {}).description).filter(Boolean).map((told) => h("p", { class: "muted" }, told));
  }

  offerTrial() {
    const said = h("pre", { tabindex: "0", hidden: true });
    const button = h("button", {
      type: "button",
      class: "secondary",
      onclick: () =>
        attempt(button, async () => {
          const answer = await (await send("GET", this.path)).text();
          said.textContent = pretty(answer);
          said.hidden = false;
        }),
    }, t("reference.try"));
    return h("div", { class: "stack" }, h("div", {}, button), said);
  }

  /** @param {Schema} schema @returns {Schema} */
  follow(schema) {
    if (!schema.$ref) return schema;
    return schema.$ref.slice(2).split("/").reduce((/** @type {Schema} */ at, /** @type {string} */ part) => at[part], this.description);
  }

  /**
   * A schema as its value looks: names and kinds.
   *
   * @param {Schema} given
   * @param {number} depth
   * @returns {string}
   */
  print(given, depth) {
    const schema = this.follow(given);
    const [indent, outer] = ["  ".repeat(depth + 1), "  ".repeat(depth)];
    if (schema.anyOf) return schema.anyOf.map((/** @type {Schema} */ one) => this.print(one, depth)).join(" | ");
    if (schema.enum) return schema.enum.map((/** @type {unknown} */ one) => JSON.stringify(one)).join(" | ");
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.type === "array") return `[${this.print(schema.items ?? {}, depth)}, …]`;
    if (schema.properties) {
      if (depth >= DEEPEST) return schema.title ?? "{…}";
      const required = new Set(schema.required ?? []);
      const lines = Object.entries(schema.properties).map(([name, one]) => {
        const { description } = /** @type {Schema} */ (one);
        return `${indent}${JSON.stringify(name)}${required.has(name) ? "" : "?"}: ${this.print(/** @type {Schema} */ (one), depth + 1)}${description ? `   // ${description}` : ""}`;
      });
      return `{\n${lines.join("\n")}\n${outer}}`;
    }
    if (schema.additionalProperties && schema.additionalProperties !== true) return `{…: ${this.print(schema.additionalProperties, depth)}}`;
    return schema.type ?? "any";
  }
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
