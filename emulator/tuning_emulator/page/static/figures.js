/** Numbers, times and sizes as people read them. */

import { locale, t } from "./texts.js";

const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat(locale, { maximumSignificantDigits: 4 });
const money = new Intl.NumberFormat(locale, { style: "currency", currency: "USD" });
const cents = new Intl.NumberFormat(locale, { style: "currency", currency: "USD", maximumSignificantDigits: 2 });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @param {number} value */
export const formatCount = (value) => plain.format(value);

/** Four significant digits: losses, rates. @param {number} value */
export const formatFigure = (value) => exact.format(value);

/** What is less than a cent is not nothing. @param {number} value */
export const formatDollars = (value) => (value > 0 && value < 0.01 ? cents : money).format(value);

/** An RFC 3339 time as the visitor writes it; "" stays. @param {string} time */
export const formatTime = (time) => (time ? moment.format(new Date(time)) : "");

/**
 * A span in its two largest units.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function formatSpan(seconds) {
  if (seconds < 10) return t("span.s", { s: exact.format(Math.max(0, Math.round(seconds * 10) / 10)) });
  if (seconds < MINUTE) return t("span.s", { s: Math.floor(seconds) });
  if (seconds < HOUR) return t("span.ms", { m: Math.floor(seconds / MINUTE), s: Math.floor(seconds % MINUTE) });
  if (seconds < DAY) return t("span.hm", { h: Math.floor(seconds / HOUR), m: Math.floor((seconds % HOUR) / MINUTE) });
  return t("span.dh", { d: Math.floor(seconds / DAY), h: Math.floor((seconds % DAY) / HOUR) });
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }).format(bytes)} ${units[unit]}`;
}

/**
 * The last part of a resource's name, which tells it from its neighbours.
 *
 * @param {string} name
 */
export const shortName = (name) => name.slice(name.lastIndexOf("/") + 1);
