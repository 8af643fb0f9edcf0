/**
 * What happens in the emulator, as it happens: `GET /emulator/v1/events`, taken up again where it broke off.
 *
 * Types of events: `job`, `metric`, `journal`, `rehearsal`; `lost` when some were missed, so that what is shown is to be asked anew;
 * `line` when the connection comes or goes (`detail`: whether it is there).
 */

import { RefusedError, send } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

const target = new EventTarget();
let lastId = "";
let open = false;
let started = false;

/**
 * Calls back for events of a type until the signal is aborted.
 *
 * @param {"job" | "metric" | "journal" | "rehearsal" | "lost" | "line"} type
 * @param {(detail: any) => void} call
 * @param {AbortSignal} [signal]
 */
export function onEvent(type, call, signal) {
  target.addEventListener(type, (event) => call(/** @type {CustomEvent} */ (event).detail), { signal });
}

/** Whether the emulator answers. */
export const isLive = () => open;

/** Listens for as long as the page is open. */
export async function startEvents() {
  if (started) return;
  started = true;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    await whileHidden();
    const hiding = abortWhenHidden();
    try {
      const headers = lastId ? { "last-event-id": lastId } : undefined;
      const response = await send("GET", "/emulator/v1/events", { headers, signal: hiding });
      setLine(true);
      wait = FIRST_WAIT_MS;
      await readStream(/** @type {ReadableStream<Uint8Array>} */ (response.body));
    } catch (error) {
      if (error instanceof RefusedError && error.status) return; // it will not answer otherwise next time
    }
    if (hiding.aborted) continue;
    setLine(false);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

// A browser has six connections to one address for all its tabs: one that nobody sees gives its own back, and takes up
// where it was once it is looked at.

/** @returns {Promise<unknown> | undefined} */
function whileHidden() {
  return document.hidden ? new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true })) : undefined;
}

/** @returns {AbortSignal} */
function abortWhenHidden() {
  const leaving = new AbortController();
  document.addEventListener("visibilitychange", () => leaving.abort(), { once: true });
  return leaving.signal;
}

/** @param {boolean} there */
function setLine(there) {
  if (open === there) return;
  open = there;
  target.dispatchEvent(new CustomEvent("line", { detail: there }));
}

/** @param {ReadableStream<Uint8Array>} body */
async function readStream(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) dispatch(block);
  }
}

/** @param {string} block */
function dispatch(block) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
  }
  if (fields.id !== undefined) lastId = fields.id;
  if (fields.event) target.dispatchEvent(new CustomEvent(fields.event, { detail: JSON.parse(fields.data ?? "null") }));
}
