/**
 * Makes elements. Whatever is put into them is text: nothing on this page is ever read as HTML.
 *
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Child | readonly Child[]} Children
 * @typedef {Record<string, unknown>} Properties
 */

const SVG = "http://www.w3.org/2000/svg";

/** Set as properties, for their attributes say only what they are at first. */
const LIVE = new Set(["value", "checked", "disabled", "selected", "hidden", "open", "indeterminate", "htmlFor"]);

/**
 * An HTML element.
 *
 * `onclick` and the like take functions; `class` and `data` (an object) are what they are in HTML; true is an attribute
 * without a value; false, null and undefined leave it out.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Properties} [properties]
 * @param {...Children} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (LIVE.has(name) && value !== null && value !== undefined) Reflect.set(element, name, value);
    else setProperty(element, name, value);
  }
  element.append(...listNodes(children));
  return element;
}

/**
 * An SVG element.
 *
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Properties} [properties]
 * @param {...Children} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) setProperty(element, name, value);
  element.append(...listNodes(children));
  return element;
}

/**
 * Puts children in the place of those that an element has.
 *
 * @template {Element} E
 * @param {E} element
 * @param {...Children} children
 * @returns {E}
 */
export function fill(element, ...children) {
  element.replaceChildren(...listNodes(children));
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {unknown} value
 */
function setProperty(element, name, value) {
  if (value === false || value === null || value === undefined) return;
  if (name.startsWith("on")) {
    if (typeof value !== "function") throw new TypeError(`${name}: a function is wanted`);
    element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
  } else if (name === "data") {
    for (const [key, one] of Object.entries(/** @type {Record<string, unknown>} */ (value))) {
      /** @type {HTMLElement | SVGElement} */ (element).dataset[key] = String(one);
    }
  } else if (name === "style" || name === "srcdoc") {
    throw new TypeError(`${name}: use a class, or a property of element.style`);
  } else if (name === "href" && !/^(?:[#/]|https?:|blob:)/.test(String(value))) {
    throw new TypeError(`href: ${String(value)} leads nowhere that this page links to`);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {readonly Children[]} children
 * @returns {(Node | string)[]}
 */
function listNodes(children) {
  /** @type {(Node | string)[]} */
  const nodes = [];
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    nodes.push(child instanceof Node ? child : String(child));
  }
  return nodes;
}
