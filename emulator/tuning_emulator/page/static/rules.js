/** Rows of what the services say: with their grade, which tells how sure it is, and their source. */

import { asPath, control } from "./api.js";
import { h } from "./build.js";
import { linkTo } from "./router.js";
import { hasText, t } from "./texts.js";

/** @typedef {{table: string, name: string, kind: string, text: string, grade: string, source: string, since: string, until: string}} Rule */

/** How sure a row is. @param {string} grade "": the emulator's own words */
export function gradeBadge(grade) {
  const known = grade || "emulator";
  return h("span", { class: `grade grade-${["recorded", "documented", "assumed"].includes(grade) ? grade : "own"}`, title: t(`grade.${known}.told`) }, t(`grade.${known}`));
}

/** @param {Rule} rule */
export function buildRule(rule) {
  const days = [rule.since && t("rules.since", { day: rule.since }), rule.until && t("rules.until", { day: rule.until })].filter(Boolean).join(" ");
  return h(
    "article",
    { class: "rule" },
    h("div", { class: "bar" }, gradeBadge(rule.grade), h("a", { class: "name", href: linkTo("rules", { words: rule.name }) }, rule.name), h("span", { class: "tag" }, rule.kind), h("small", { class: "muted" }, tableWord(rule.table), days ? ` · ${days}` : "")),
    h("p", { class: "rule-text" }, rule.text),
    rule.source ? h("p", { class: "small muted name" }, rule.source) : null,
  );
}

/** @param {string} table */
export const tableWord = (table) => (hasText(`rules.table.${table}`) ? t(`rules.table.${table}`) : table);

/**
 * The rows of a name, as an answer's journal entry has it: those of its API where several tables have one.
 *
 * @param {string} name
 * @param {string} api
 * @param {AbortSignal} [signal]
 * @returns {Promise<HTMLElement[]>}
 */
export async function buildRules(name, api, signal) {
  const { rules } = await control("GET", `rules/${asPath(name)}`, { signal });
  const own = rules.filter((/** @type {Rule} */ rule) => rule.table === api);
  return (own.length ? own : rules).map(buildRule);
}
