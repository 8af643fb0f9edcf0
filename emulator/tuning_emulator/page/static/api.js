/**
 * Asks the emulator: the control API under /emulator/v1, and the two APIs as any client does.
 *
 * @typedef {object} Asking
 * @property {unknown} [body] sent as JSON; a Blob as it is
 * @property {Record<string, string | number | undefined | null>} [query] what is undefined, null or "" is left out
 * @property {AbortSignal} [signal]
 * @property {Record<string, string>} [headers]
 */

const TOKEN = "tuning-emulator-token";

/** Any key is good where there is no credentials file; then this one stands in the snippets too. */
export const ANY_KEY = "test-key";

/** An answer that is none: `status` is HTTP's, 0 where nothing answered; the message is what the emulator says. */
export class RefusedError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {unknown} answer
   */
  constructor(status, message, answer) {
    super(message);
    this.status = status;
    this.answer = answer;
  }
}

/** The token of the credentials file that the visitor has given, for as long as the tab is open. */
export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  /** @param {string} value */
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
};

/**
 * One request; its answer as it comes.
 *
 * @param {string} method
 * @param {string} path
 * @param {Asking} [asking]
 * @returns {Promise<Response>}
 * @throws {RefusedError}
 */
export async function send(method, path, { body, query = {}, signal, headers = {} } = {}) {
  /** @type {Record<string, string>} */
  const sent = { "x-tuning-emulator": "1", ...headers };
  const credential = token.get();
  if (path.startsWith("/v1beta/") || /^\/v1[^/]*\/(tunedModels|models|batches)/.test(path)) {
    sent["x-goog-api-key"] = credential || headers["x-goog-api-key"] || ANY_KEY;
  } else if (credential || path.startsWith("/v1")) {
    sent.authorization = `Bearer ${credential || ANY_KEY}`;
  }
  const raw = body instanceof Blob;
  if (body !== undefined && !raw) sent["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path + formatQuery(query), {
      method,
      headers: sent,
      body: raw ? body : body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RefusedError(0, "", null);
  }
  if (!response.ok) throw await readRefusal(response);
  return response;
}

/**
 * One request; its answer read as JSON.
 *
 * @param {string} method
 * @param {string} path
 * @param {Asking} [asking]
 * @returns {Promise<any>}
 * @throws {RefusedError}
 */
export async function ask(method, path, asking) {
  const response = await send(method, path, asking);
  return response.status === 204 ? null : response.json();
}

/**
 * One request to the control API.
 *
 * @param {string} method
 * @param {string} path what follows /emulator/v1/
 * @param {Asking} [asking]
 * @returns {Promise<any>}
 * @throws {RefusedError}
 */
export function control(method, path, asking) {
  return ask(method, `/emulator/v1/${path}`, asking);
}

/**
 * A resource's name as a path: its slashes stay.
 *
 * @param {string} name
 */
export function asPath(name) {
  return name.split("/").map(encodeURIComponent).join("/");
}

/**
 * @param {Record<string, string | number | undefined | null>} query
 * @returns {string}
 */
export function formatQuery(query) {
  const parts = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return parts.length ? `?${new URLSearchParams(parts.map(([name, value]) => [name, String(value)]))}` : "";
}

/**
 * @param {Response} response
 * @returns {Promise<RefusedError>}
 */
async function readRefusal(response) {
  const text = await response.text();
  try {
    const answer = JSON.parse(text);
    const said = answer.detail ?? answer.error?.message ?? answer[0]?.error?.message ?? text;
    return new RefusedError(response.status, String(said), answer);
  } catch {
    return new RefusedError(response.status, text || response.statusText, text);
  }
}
