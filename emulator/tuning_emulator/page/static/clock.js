/** The emulator's clock, by which jobs have their times: it may be set, moved and frozen. */

import { control } from "./api.js";

let aheadMs = 0;
/** @type {number | null} */
let frozenMs = null;

/** Asks how it stands. */
export async function readClock() {
  const clock = await control("GET", "clock");
  aheadMs = clock.offset_seconds * 1000;
  frozenMs = clock.frozen ? Date.parse(clock.time) : null;
}

/** What time it is there, in milliseconds since the epoch. */
export const now = () => frozenMs ?? Date.now() + aheadMs;

/** Seconds since an RFC 3339 time. @param {string} time */
export const secondsSince = (time) => Math.max(0, (now() - Date.parse(time)) / 1000);
