// Brings the elements around the canvas in line with the view.

import { labelParts } from "./controls.js";
import { element, setAttribute, setCount, setIcon, setOptions, setText } from "./elements.js";
import { fitZoom } from "./geometry.js";
import { gradient, ticks } from "./maps.js";
import { DIFFERENCE_OVERLAY, GAINS, ZOOM_STEPS, zoomName } from "./view.js";

/** @import { Controls, Label } from "./controls.js" */
/** @import { Box } from "./geometry.js" */
/** @import { Pane, Picture, Scene } from "./scene.js" */
/** @import { Mode, View } from "./view.js" */
/** @import { Viewer } from "./viewer.js" */

/** @type {[string, string][]} milliseconds and text */
const PERIODS = [
  ["400", "0.4 s"],
  ["700", "0.7 s"],
  ["1000", "1 s"],
  ["2000", "2 s"],
];

/**
 * @param {Controls} c
 * @param {Viewer} viewer
 * @param {Scene} scene
 * @param {View} view settled: every choice in it exists
 */
export function syncControls(c, viewer, scene, view) {
  const mode = scene.mode(view);
  for (const { id, node } of c.modes) {
    setAttribute(node, "aria-pressed", String(id === mode));
    node.disabled = scene.pictures.length < 2 && id !== "single" && id !== "loupe";
  }
  syncPair(c, scene, view, mode);
  const { period, playing } = viewer.flicker;
  c.play.hidden = c.period.field.hidden = mode !== "flicker";
  setIcon(c.play, playing ? "pause" : "play", playing ? "Pause (p)" : "Start (p)");
  setOptions(c.period.select, PERIODS, String(period));
  syncOverlay(c, scene, view, mode);
  syncLegend(c.legend, scene, view, mode);

  const fit = fitZoom(viewer.paneSize(), scene.size);
  /** @type {[string, string][]} */
  const zooms = [["0", `Fit (${zoomName(fit)})`], ...ZOOM_STEPS.map(named(zoomName))];
  setOptions(c.zoom.select, zooms, String(view.zoom));
  setText(c.pictureSize, `${scene.size.width} × ${scene.size.height}`);
  viewer.crop.sync(c);
  c.loupes.hidden = mode !== "loupe";
}

/**
 * Turns a number into an option: its value and its name.
 * @param {(value: number) => string} name
 * @returns {(value: number) => [string, string]}
 */
const named = (name) => (value) => [String(value), name(value)];

/**
 * @param {Controls} c
 * @param {Scene} scene
 * @param {View} view
 * @param {Mode} mode
 */
function syncPair(c, scene, view, mode) {
  const [left, right] = scene.pair(view);
  const options = scene.pictures.map(
    (picture) => /** @type {[string, string]} */ ([picture.key, `${scene.number(picture)} · ${picture.label}`]),
  );
  const one = mode === "single" || mode === "loupe";
  const two = !one && mode !== "grid";
  setText(c.left.caption, one ? "Image" : "Left");
  for (const name of ["aria-label", "title"]) setAttribute(c.left.select, name, one ? "Image" : "Left");
  setOptions(c.left.select, options, left.key);
  setOptions(c.right.select, options, right.key);
  c.left.field.hidden = mode === "grid";
  c.right.field.hidden = c.swap.hidden = !two;
  c.orient.hidden = mode !== "swipe";
  const other = view.orient === "v" ? "level" : "upright";
  setIcon(c.orient, other, `Turn the divider ${other} (v)`);
  syncDivider(c, view, mode, left, right);
}

/**
 * @param {Controls} c
 * @param {Scene} scene
 * @param {View} view
 * @param {Mode} mode
 */
function syncOverlay(c, scene, view, mode) {
  const maps = scene.overlayLabels().map((label) => /** @type {[string, string]} */ ([label, label]));
  const comparing = mode === "difference";
  c.kind.field.hidden = !comparing;
  setOptions(c.kind.select, [["abs", "Absolute"], ["signed", "Signed"], ...maps], view.kind);
  c.overlay.field.hidden = comparing || (scene.pictures.length < 2 && maps.length === 0);
  setOptions(c.overlay.select, [["", "No overlay"], [DIFFERENCE_OVERLAY, "Difference to 1"], ...maps], view.overlay);
  const shown = comparing ? "" : view.overlay;
  c.opacity.hidden = !shown;
  const opacity = String(Math.round(view.opacity * 100));
  if (c.opacity.value !== opacity) c.opacity.value = opacity;
  c.gain.field.hidden = comparing ? view.kind !== "abs" && view.kind !== "signed" : shown !== DIFFERENCE_OVERLAY;
  setOptions(c.gain.select, GAINS.map(named((gain) => `× ${gain}`)), String(view.gain));
}

/**
 * @param {Controls["legend"]} legend
 * @param {Scene} scene
 * @param {View} view
 * @param {Mode} mode
 */
function syncLegend({ node, title, bar, numbers }, scene, view, mode) {
  const scale = scene.scale(mode === "difference" ? view.kind : view.overlay);
  node.hidden = scale === null;
  if (!scale) return;
  const name = [scale.quantity, scale.unit].filter(Boolean).join(" ");
  const texts = ticks(scale);
  setText(title, name);
  setAttribute(node, "aria-label", `Colour scale: ${name}, ${texts[0]} to ${texts[texts.length - 1]}`);
  if (numbers.dataset.scale === `${name} ${texts}`) return;
  numbers.dataset.scale = `${name} ${texts}`;
  bar.style.background = gradient(scale);
  numbers.replaceChildren(...texts.map((text) => element("span", { text })));
}

/**
 * @param {Controls} c
 * @param {View} view
 * @param {Mode} mode
 * @param {Picture} left
 * @param {Picture} right
 */
function syncDivider(c, view, mode, left, right) {
  c.divider.hidden = mode !== "swipe";
  if (c.divider.hidden) return;
  const percent = Math.round(view.split * 100);
  const upright = view.orient === "v";
  c.divider.classList.toggle("level", !upright);
  c.divider.style.setProperty("--split", `${view.split * 100}%`);
  // The slider's axis is the direction in which it moves, across the line that is drawn.
  setAttribute(c.divider, "aria-orientation", upright ? "horizontal" : "vertical");
  setAttribute(c.divider, "aria-label", `Divider between ${left.label} and ${right.label}`);
  setAttribute(c.divider, "aria-valuenow", String(percent));
  setAttribute(c.divider, "aria-valuetext", `${percent} % ${left.label}, ${100 - percent} % ${right.label}`);
}

/**
 * One label per pane: number, name and detail of the image in it, at a corner that is the pane's own.
 * @param {Viewer} viewer
 * @param {Scene} scene
 * @param {View} view
 * @param {Pane[]} panes
 * @param {string[]} sentences what each pane says instead of showing an image, or ""
 */
export function syncLabels(viewer, scene, view, panes, sentences) {
  const { controls: c, surface: { ratio } } = viewer;
  setCount(c.labels, c.labelList, panes.length, () => labelParts(() => viewer.retry()));
  const swiping = scene.mode(view) === "swipe";
  panes.forEach((pane, i) => {
    const label = c.labelList[i];
    const other = pane.difference;
    setText(label.number, other ? "Δ" : String(scene.number(pane.picture)));
    setText(label.name, other ? differenceName(view, pane.picture, other) : pane.picture.label);
    setText(label.detail, other ? "" : pane.picture.detail);
    setText(label.sentence, sentences[i]);
    label.again.hidden = !saysFailure(scene, sentences[i]);
    setText(label.again, viewer.retrying ? "Trying again…" : "Try again");
    label.node.title = [label.name.textContent, label.detail.textContent].filter(Boolean).join(" · ");
    label.node.classList.toggle("last", swiping && i === 1 && view.orient === "v");
    label.node.classList.toggle("low", swiping && i === 1 && view.orient === "h");
    placeLabel(label, pane, ratio, swiping && view.orient === "v" ? 2 : 1);
    // A label belongs to what is seen: with the divider at the edge, only one image is.
    label.node.hidden = pane.clip.w <= 0 || pane.clip.h <= 0;
  });
}

/**
 * Whether a sentence says of something that it failed, so that it may be tried again.
 * @param {Scene} scene
 * @param {string} sentence in which the name of an overlay may come first
 */
const saysFailure = (scene, sentence) => [...scene.failures.values()].some((why) => sentence.endsWith(why));

/**
 * @param {Label} label
 * @param {Box} pane
 * @param {number} ratio
 * @param {number} share the labels that stand side by side in the pane
 */
function placeLabel({ node }, pane, ratio, share) {
  node.style.setProperty("--x", `${pane.x / ratio}px`);
  node.style.setProperty("--y", `${pane.y / ratio}px`);
  node.style.setProperty("--w", `${pane.w / ratio / share}px`);
}

/**
 * @param {View} view
 * @param {Picture} left
 * @param {Picture} right
 */
function differenceName(view, left, right) {
  if (view.kind === "abs") return `|${left.label} − ${right.label}| × ${view.gain}`;
  if (view.kind === "signed") return `${right.label} − ${left.label}, × ${view.gain} around grey`;
  return `${view.kind} of ${right.label}`;
}
