// A strip of thumbnails. Labels are file names from outside: they only ever become text nodes.

/** @typedef {{id: string, label: string, png: string}} Item */

/**
 * What Streamlit hands to a component (Components v2).
 * @typedef {object} Component
 * @property {{items: Item[], label: string, selected: string}} data
 * @property {ParentNode} parentElement
 * @property {(name: string, value: string) => void} setTriggerValue
 */

/** @param {Component} component */
export default function ({ data, parentElement, setTriggerValue }) {
  const strip = /** @type {HTMLElement} */ (parentElement.querySelector(".strip"));
  strip.setAttribute("aria-label", data.label);
  const shown = JSON.stringify(data.items.map((item) => [item.id, item.png.length]));
  if (strip.dataset.shown !== shown) {
    strip.dataset.shown = shown;
    strip.replaceChildren(...data.items.map(makeItem));
  }
  data.items.forEach((item, i) => {
    const button = /** @type {HTMLButtonElement} */ (strip.children[i]);
    const selected = item.id === data.selected;
    button.setAttribute("aria-selected", String(selected));
    if (selected) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    button.onclick = () => setTriggerValue("picked", item.id);
  });
}

/** @param {Item} item */
function makeItem(item) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "item";
  button.setAttribute("role", "option");
  button.title = item.label;
  const image = document.createElement("img");
  image.src = item.png;
  image.alt = "";
  const label = document.createElement("span");
  label.textContent = item.label;
  button.append(image, label);
  return button;
}
