/** What surrounds every screen: name, navigation, how the emulator stands; and where the visitor gives a token. */

import { RefusedError, control, token } from "./api.js";
import { fill, h } from "./build.js";
import { onEvent } from "./events.js";
import { t } from "./texts.js";

/**
 * @typedef {import("./router.js").Screen} Screen
 * @typedef {{parts: HTMLElement[], enter: (screen: Screen) => HTMLElement}} Frame
 */

/**
 * @param {readonly Screen[]} screens
 * @returns {Frame}
 */
export function buildFrame(screens) {
  const links = new Map(
    screens
      .filter((screen) => !screen.within)
      .map((screen) => [screen.name, h("a", { href: `#${screen.name}` }, t(`nav.${screen.name}`))]),
  );
  const main = h("main", { id: "main", tabindex: "-1" });
  const skip = h("a", { class: "skip", href: "#main" }, t("frame.skip"));
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  const rail = h(
    "header",
    { class: "rail" },
    h("a", { class: "brand", href: "#jobs" }, h("img", { src: "/emulator/page/icon.svg", alt: "", width: 24, height: 24 }), "tuning-emulator"),
    h("nav", { "aria-label": t("frame.navigation") }, ...links.values(), h("a", { href: "/emulator/docs/guide/" }, t("frame.guide"))),
    buildFacts(),
  );
  let entered = false;
  return {
    parts: [skip, rail, main],
    enter(screen) {
      for (const [name, link] of links) {
        if (name === (screen.within ?? screen.name)) {
          link.setAttribute("aria-current", "page");
          link.scrollIntoView({ block: "nearest", inline: "center" }); // where the window is too narrow for all of them
        } else link.removeAttribute("aria-current");
      }
      document.title = `${t(`nav.${screen.name}`)} · tuning-emulator`;
      fill(main);
      main.className = `screen-${screen.name}`;
      if (entered) {
        main.focus({ preventScroll: true });
        scrollTo(0, 0);
      }
      entered = true;
      return main;
    },
  };
}

/** How the emulator stands: whether it answers, its trainer, its version. */
function buildFacts() {
  const line = h("p", { class: "line", role: "status" });
  const facts = h("dl", { class: "facts" });
  const footer = h("div", { class: "foot" }, line, facts);
  onEvent("line", async (there) => {
    fill(line, h("span", { class: there ? "dot live" : "dot off" }), t(there ? "frame.live" : "frame.silent"));
    if (!there) return;
    const health = await control("GET", "health").catch(() => null);
    if (health === null) return;
    fill(
      facts,
      ...[
        [t("frame.trainer"), health.trainer.name],
        [t("frame.version"), health.version],
      ].flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
    );
  });
  return footer;
}

/**
 * Says why something cannot be shown; where a credential is wanted, asks for it.
 *
 * @param {HTMLElement} place
 * @param {unknown} error
 */
export function showRefusal(place, error) {
  if (error instanceof RefusedError && (error.status === 401 || error.status === 403)) {
    const field = h("input", { type: "password", id: "token", autocomplete: "off" });
    const form = h(
      "form",
      { class: "panel stack" },
      h("h1", {}, t("token.title")),
      h("p", {}, error.message),
      h("label", { for: "token" }, t("token.label")),
      field,
      h("button", { class: "primary" }, t("token.use")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      token.set(field.value.trim());
      location.reload();
    });
    fill(place, form);
    return;
  }
  fill(place, h("h1", {}, t("failure.title")), h("p", { class: "refusal", role: "alert" }, explain(error)));
}

/**
 * What an error says to the visitor.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function explain(error) {
  if (error instanceof RefusedError) return error.status ? error.message : t("failure.silent");
  return error instanceof Error ? error.message : String(error);
}
