// The footer: bytes and main metric of the sides, and what the page is doing. It keeps its height, filled or not.

import { button, element, icon, setAttribute, setCount, setText } from "./elements.js";

/** @import { Scene } from "./scene.js" */
/** @import { View } from "./view.js" */
/** @import { Viewer } from "./viewer.js" */

/**
 * The numbers of one image (`FooterSide` in footer.py).
 * @typedef {object} Side
 * @property {string} key of the image
 * @property {string} label
 * @property {string} bytes
 * @property {string} metric
 */

/**
 * What Python says in the footer (`ViewerFooter` in footer.py).
 * @typedef {object} FooterData
 * @property {Side[]} sides
 * @property {string} stage
 * @property {number | null} fraction 0 to 1; null: not known
 * @property {string} stale
 */

const SIDES_SHOWN = 2;

/** @param {Viewer} viewer */
export function buildFooter(viewer) {
  const meter = element("div", { class: "meter", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 });
  const sides = element("div", { class: "sides" });
  const stage = element("span", { class: "stage-name" });
  const stale = element("span", { class: "stale" });
  const stop = button({ class: "stop", title: "Stop what is being computed" }, () => viewer.stop?.());
  stop.append(icon("stop"), element("span", { text: "Stop" }));
  const told = element("div", { class: "told", role: "status" }, stale, stage);
  const state = element("div", { class: "state" }, told, stop);
  const bar = element("div", { class: "footer", role: "group", "aria-label": "Numbers and progress" });
  bar.append(meter, sides, state);
  /** @type {ReturnType<typeof sideParts>[]} */
  const sideList = [];
  setCount(sides, sideList, SIDES_SHOWN, sideParts);
  return { bar, meter, sides, stage, stale, stop, sideList };
}

/** The elements of one side's numbers. */
function sideParts() {
  const [name, bytes, metric] = ["name", "bytes", "metric"].map((part) => element("span", { class: part }));
  return { node: element("div", { class: "side" }, name, bytes, metric), name, bytes, metric };
}

/**
 * What the page is doing, shown at once; the sides' numbers wait for their images (`syncSides`).
 * @param {ReturnType<typeof buildFooter>} footer
 * @param {FooterData | null} data null: the page has no footer
 * @param {boolean} stoppable
 */
export function syncState(footer, data, stoppable) {
  footer.bar.hidden = data === null;
  if (data === null) return;
  const { stage, fraction, stale } = data;
  const busy = stage !== "";
  setText(footer.stage, stage);
  setText(footer.stale, stale);
  footer.stop.classList.toggle("away", !busy || !stoppable);
  footer.meter.classList.toggle("away", !busy);
  footer.meter.classList.toggle("unknown", busy && fraction === null);
  footer.meter.style.setProperty("--done", `${(fraction ?? 0) * 100}%`);
  setAttribute(footer.meter, "aria-label", stage || "Nothing is being computed");
  if (fraction === null) footer.meter.removeAttribute("aria-valuenow");
  else setAttribute(footer.meter, "aria-valuenow", String(Math.round(fraction * 100)));
}

/**
 * The numbers of both sides; of more than two images, those of the two that are shown.
 * @param {ReturnType<typeof buildFooter>} footer
 * @param {Scene} scene
 * @param {View} view
 */
export function syncSides(footer, scene, view) {
  const pair = scene.pair(view).map(({ key }) => key);
  const shown =
    scene.sides.length > SIDES_SHOWN
      ? [...new Set(pair)].flatMap((key) => scene.sides.filter((side) => side.key === key))
      : scene.sides;
  footer.sideList.forEach((parts, i) => {
    const side = shown[i];
    for (const part of /** @type {const} */ (["bytes", "metric"])) setText(parts[part], side?.[part] ?? "");
    setText(parts.name, side?.label ?? "");
    parts.node.title = side ? [side.label, side.bytes, side.metric].filter(Boolean).join(" · ") : "";
  });
}
