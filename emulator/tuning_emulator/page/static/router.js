/**
 * Which screen is shown: `#job?name=tunedModels/x`. A screen is a module that exports `show`.
 *
 * @typedef {object} Visit
 * @property {HTMLElement} main where the screen goes; it is empty
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal aborted when the visitor leaves: whatever the screen began ends then
 *
 * @typedef {object} Screen
 * @property {string} name
 * @property {() => Promise<{show: (visit: Visit) => void | Promise<void>}>} load
 * @property {string} [within] the screen in whose stead the navigation marks it
 */

/** @type {AbortController | null} */
let current = null;

/**
 * An address of this page.
 *
 * @param {string} screen
 * @param {Record<string, string>} [query]
 */
export function linkTo(screen, query = {}) {
  const text = new URLSearchParams(query).toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text ? `#${screen}?${text}` : `#${screen}`;
}

/**
 * @param {string} screen
 * @param {Record<string, string>} [query]
 */
export function goTo(screen, query = {}) {
  location.hash = linkTo(screen, query);
}

/**
 * Changes the address without showing the screen anew: what is chosen there is kept when it is reloaded or shared.
 *
 * @param {string} screen
 * @param {Record<string, string>} query
 */
export function keepPlace(screen, query) {
  history.replaceState(null, "", linkTo(screen, query));
}

/**
 * Shows the screen of the address, now and whenever it changes.
 *
 * @param {readonly Screen[]} screens the first is shown where the address names none
 * @param {(screen: Screen) => HTMLElement} enter makes room for it
 * @param {(error: unknown, main: HTMLElement) => void} fail shows why it cannot be shown
 */
export function startRouter(screens, enter, fail) {
  const follow = async () => {
    const [name = "", query = ""] = location.hash.slice(1).split(/\?(.*)/s, 2);
    const screen = screens.find((one) => one.name === name) ?? screens[0];
    if (screen === undefined) return;
    current?.abort();
    const visit = (current = new AbortController());
    const main = enter(screen);
    main.setAttribute("aria-busy", "true"); // until what the screen first shows is there
    try {
      const { show } = await screen.load();
      if (!visit.signal.aborted) await show({ main, query: new URLSearchParams(query), signal: visit.signal });
    } catch (error) {
      if (!visit.signal.aborted) fail(error, main);
    }
    if (!visit.signal.aborted) main.removeAttribute("aria-busy");
  };
  addEventListener("hashchange", follow);
  void follow();
}
