// Small things of the page: making elements, and changing them only where they differ. Text only by textContent.

const SVG = "http://www.w3.org/2000/svg";

// 16 x 16 outlines, drawn with a stroke of the text colour.
const ICONS = {
  swap: "M2 5.5h11M10 2.5l3 3-3 3M14 10.5H3M6 7.5l-3 3 3 3",
  minus: "M3 8h10",
  plus: "M3 8h10M8 3v10",
  upright: "M8 1.5v13M2.5 4h3v8h-3zM10.5 4h3v8h-3z",
  level: "M1.5 8h13M4 2.5v3h8v-3zM4 10.5v3h8v-3z",
  play: "M5 3l8 5-8 5z",
  pause: "M5 3v10M11 3v10",
  crop: "M4.5 1v10.5H15M1 4.5h10.5V15",
  full: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  stop: "M3.5 3.5h9v9h-9z",
  single: "M2 3h12v10H2z",
  swipe: "M2 3h12v10H2zM8 1v14",
  grid: "M2 2.5h5v4.5H2zM9 2.5h5v4.5H9zM2 9h5v4.5H2zM9 9h5v4.5H9z",
  flicker: "M2 2.5h8.5v7H2zM5.5 12v1.5H14v-7h-1.5",
  difference: "M8 2.5l6 11H2z",
  loupe: "M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9M10.4 10.4l3.6 3.6",
  help: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.6v.4",
};

/** @typedef {keyof typeof ICONS} IconName */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes where "text" is the element's text
 * @param {...Node} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = String(value);
    else node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/** @param {IconName} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" })) {
    svg.setAttribute(key, String(value));
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * @param {Record<string, string>} attributes
 * @param {() => void} onClick
 */
export function button(attributes, onClick) {
  const node = element("button", { type: "button", ...attributes });
  node.addEventListener("click", onClick);
  return node;
}

/**
 * @param {IconName} name
 * @param {string} label
 * @param {() => void} onClick
 */
export function iconButton(name, label, onClick) {
  const node = button({ class: "icon", title: label, "aria-label": label }, onClick);
  node.append(icon(name));
  return node;
}

/**
 * @param {HTMLButtonElement} node
 * @param {IconName} name
 * @param {string} label
 */
export function setIcon(node, name, label) {
  if (node.title === label) return;
  node.title = label;
  node.setAttribute("aria-label", label);
  node.replaceChildren(icon(name));
}

/**
 * A select with its caption; `onChoose` is called with the chosen value.
 * @param {string} label
 * @param {(value: string) => void} onChoose
 */
export function choice(label, onChoose) {
  const select = element("select", { "aria-label": label, title: label });
  select.addEventListener("change", () => onChoose(select.value));
  const caption = element("span", { text: label });
  return { field: element("label", { class: "field" }, caption, select), caption, select };
}

/**
 * Fills a select, only where it differs, so that an open list stays open while the page runs.
 * @param {HTMLSelectElement} select
 * @param {[string, string][]} options value and text
 * @param {string} value
 */
export function setOptions(select, options, value) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.dataset.options = wanted;
    select.replaceChildren(...options.map(([id, text]) => element("option", { value: id, text })));
  }
  if (select.value !== value) select.value = value;
}

/**
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string} value
 */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Brings a list of parts and their nodes in a parent to so many.
 * @template {{node: HTMLElement}} Part
 * @param {HTMLElement} parent
 * @param {Part[]} parts
 * @param {number} count
 * @param {() => Part} make
 */
export function setCount(parent, parts, count, make) {
  for (const part of parts.splice(count)) part.node.remove();
  while (parts.length < count) {
    const part = make();
    parts.push(part);
    parent.append(part.node);
  }
}

/**
 * The document or shadow root that a node stands in.
 * @param {Node} node
 */
export const rootOf = (node) => /** @type {Document | ShadowRoot} */ (node.getRootNode());
