/** The one way this page makes elements: text arrives as text, never as markup. */

const ALWAYS = new Set(["value", "tabIndex"]);
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "indeterminate", "tabIndex"]);

/**
 * An element. `on…` props are listeners, a few are properties, the rest are attributes;
 * null, undefined and false leave an attribute out. Children that are strings become text nodes.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(element, name, value);
  element.append(...children.filter((child) => child || child === 0).map(asNode));
  return element;
}

/** Sets one listener, property or attribute, by the rules of `h`. */
export function set(element, name, value) {
  if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
  else if (PROPERTIES.has(name)) assign(element, name, value);
  else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Changes the text only where it differs: an unchanged page makes no mutation records. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * `value` and `tabIndex` always: an option without a value would answer with its text, an element
 * that cannot be focused with -1, and so look the same.
 */
function assign(element, name, value) {
  if (ALWAYS.has(name) || element[name] !== value) element[name] = value;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
