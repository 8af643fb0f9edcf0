/**
 * What the page says, in the visitor's language: one table of all texts, read once.
 *
 * @typedef {string | {one: string, other: string}} Text
 * @typedef {Record<string, Record<string, Text>>} Table
 */

export const LANGUAGES = ["en", "pt", "tr"];

/** The first of the browser's languages that there are texts in. */
export const language =
  navigator.languages.map((one) => one.slice(0, 2).toLowerCase()).find((one) => LANGUAGES.includes(one)) ?? "en";

/** How numbers and times are written: as the visitor's own variety of the language does. */
export const locale =
  navigator.languages.find((one) => one.slice(0, 2).toLowerCase() === language) ?? language;

const plural = new Intl.PluralRules(locale);
const number = new Intl.NumberFormat(locale);

/** @type {Table} */
let table = {};

/** Reads the table; before that nothing can be said. */
export async function loadTexts() {
  const answer = await fetch("/emulator/page/texts.json");
  table = await answer.json();
  document.documentElement.lang = language;
}

/**
 * A text. `{name}` in it is replaced by a value; of two forms the value `n` decides which.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = table[key]?.[language];
  if (text === undefined) throw new Error(`texts.json has no ${key} in ${language}`);
  const form = typeof text === "string" ? text : plural.select(Number(values.n)) === "one" ? text.one : text.other;
  return form.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number.format(value) : value;
  });
}

/**
 * Whether there is such a text: for words that the emulator may have more of than the page.
 *
 * @param {string} key
 */
export function hasText(key) {
  return key in table;
}
