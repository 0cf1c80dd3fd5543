// The legend below a chart: an entry per curve, those of a codec together. A tap picks the codec.
// Labels come from results files: they only ever become text nodes.

/** @typedef {{label: string, line: string, colour: string}} Entry */
/** @typedef {{codec: string, title: string, entries: Entry[]}} Family */

/**
 * What Streamlit hands to a component (Components v2).
 * @typedef {object} Component
 * @property {{families: Family[], isolated: string}} data
 * @property {ParentNode} parentElement
 * @property {(name: string, value: string) => void} setTriggerValue
 */

/** @param {Component} component */
export default function ({ data, parentElement, setTriggerValue }) {
  const legend = /** @type {HTMLElement} */ (parentElement.querySelector(".narrow-legend"));
  legend.replaceChildren(
    ...data.families.map((family) => makeFamily(family, data.isolated, () => setTriggerValue("picked", family.codec))),
  );
}

/**
 * @param {Family} family
 * @param {string} isolated
 * @param {() => void} pick
 */
function makeFamily(family, isolated, pick) {
  const group = document.createElement("div");
  group.className = family.title ? "family" : "single";
  group.classList.toggle("faded", isolated !== "" && isolated !== family.codec);
  if (family.title) {
    const title = document.createElement("b");
    title.textContent = family.title;
    group.append(title);
  }
  for (const entry of family.entries) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(isolated === family.codec));
    button.onclick = pick;
    const line = document.createElement("b");
    line.style.color = entry.colour;
    line.textContent = entry.line;
    button.append(line, ` ${entry.label}`);
    group.append(button);
  }
  return group;
}
