// The elements around the canvas: toolbar, labels, divider, loupe, status line, key list.

import { button, choice, element, icon, iconButton } from "./elements.js";
import { buildFooter } from "./footer.js";
import { MODES } from "./view.js";

/** @import { Viewer } from "./viewer.js" */
/** @typedef {ReturnType<typeof buildControls>} Controls */
/** @typedef {ReturnType<typeof labelParts>} Label */
/** @typedef {ReturnType<typeof loupeParts>} Loupe */

const WHEEL_HINT = "Click the image or hold Ctrl to zoom with the wheel";

const KEYS = [
  ["1 … 9", "Show that image alone; again: back to the previous mode"],
  ["o (hold)", "Show the original"],
  ["s  g  k  d  l", "Swipe, grid, flicker, difference, loupe"],
  ["a  b", "Next image on the left, on the right (with Shift: the previous one)"],
  ["x", "Swap left and right"],
  [",  .", "Move the divider"],
  ["v", "Turn the divider: vertical or horizontal"],
  ["Space", "Flip between left and right by hand"],
  ["p", "Start or pause the flicker"],
  ["+  −  wheel", "Zoom in, zoom out (the wheel after a click on the image, or with Ctrl)"],
  ["f  0", "Fit the image"],
  ["z", "1:1, one image pixel on one screen pixel (also double click)"],
  ["Arrows, drag", "Move the image (with Shift: by one pixel)"],
  ["m", "Next overlay: none, difference, maps"],
  ["Page Up, Page Down", "Raise or lower the gain"],
  ["c", "Crop for a figure, on pages that draw one: drag a rectangle (with Shift: a square)"],
  ["C", "Crop what is on screen"],
  ["Backspace", "Remove the last crop"],
  ["w", "Full screen"],
  ["?", "This list"],
];

/**
 * Builds the viewer's elements inside `root`; `viewer` is called when one of them is used.
 * @param {HTMLElement} root
 * @param {Viewer} viewer
 */
export function buildControls(root, viewer) {
  const toolbar = buildToolbar(viewer);
  const { stage, ...staged } = buildStage();
  const loupes = element("div", { class: "loupes", role: "group", "aria-label": "Loupe" });
  const { status, ...told } = buildStatus();
  const live = element("div", { class: "unseen", "aria-live": "polite" });
  const dialog = helpDialog();
  const footer = buildFooter(viewer);
  // The stage comes first for the Tab key and for screen readers; the style sheet puts the toolbar above it.
  root.replaceChildren(stage, toolbar.bar, loupes, status, footer.bar, live, dialog);
  // Until the images are there, nothing is shown that might have to go away again.
  const { play, period, kind, opacity, gain, crop, orient } = toolbar;
  const parts = [play, period.field, kind.field, opacity, gain.field, crop, orient, staged.divider, loupes];
  for (const part of parts) part.hidden = true;
  /** @type {Label[]} */
  const labelList = [];
  /** @type {Loupe[]} */
  const loupeList = [];
  return { ...toolbar, ...staged, ...told, stage, loupes, footer, live, dialog, labelList, loupeList };
}

/**
 * @param {string} label
 * @param {...HTMLElement} children
 */
const group = (label, ...children) =>
  element("div", { class: "group", role: "group", "aria-label": label }, ...children);

const spring = () => element("div", { class: "spring" });

/** @param {Viewer} viewer */
function buildToolbar(viewer) {
  const modes = MODES.map(({ id, label, key, hint }) => ({
    id,
    node: button({ title: `${label}: ${hint.toLowerCase()} (${key})` }, () => viewer.choosing.setMode(id)),
    label,
  }));
  for (const { id, node, label } of modes) node.append(icon(id), element("span", { text: label }));
  const left = choice("Left", (key) => viewer.change({ left: key }));
  const right = choice("Right", (key) => viewer.change({ right: key }));
  const swap = iconButton("swap", "Swap left and right (x)", () => viewer.choosing.swap());
  const orient = iconButton("upright", "Turn the divider (v)", () => viewer.choosing.turnDivider());
  const play = iconButton("pause", "Pause (p)", () => viewer.flicker.setPlaying(!viewer.flicker.playing));
  const period = choice("Every", (value) => viewer.flicker.setPeriod(Number(value)));
  const kind = choice("Show", (value) => viewer.change({ kind: value }));
  const overlay = choice("Overlay", (value) => viewer.choosing.setOverlay(value));
  const [type, label] = ["range", "Opacity of the overlay"];
  const opacity = element("input", { type, min: 0, max: 100, "aria-label": label, title: label });
  opacity.addEventListener("input", () => viewer.change({ opacity: Number(opacity.value) / 100 }));
  const gain = choice("Gain", (value) => viewer.choosing.setGain(Number(value)));
  const zoomOut = iconButton("minus", "Zoom out (−)", () => viewer.step(-1));
  const zoom = choice("Zoom", (value) => viewer.setZoom(Number(value)));
  const zoomIn = iconButton("plus", "Zoom in (+)", () => viewer.step(1));
  for (const { field } of [zoom, gain, period]) field.classList.add("brief");
  for (const node of [zoomOut, zoomIn]) node.classList.add("step");
  const crop = iconButton("crop", "Crop for a figure (c)", () => viewer.crop.toggle());
  const full = iconButton("full", "Full screen (w)", () => viewer.toggleFullScreen());
  full.hidden = !document.fullscreenEnabled; // as on an iPhone
  const help = iconButton("help", "Keys (?)", () => viewer.toggleHelp());

  const modeGroup = element("div", { class: "modes", role: "group", "aria-label": "Mode" });
  modeGroup.append(...modes.map(({ node }) => node));
  const zooming = group("Zoom", zoomOut, zoom.field, zoomIn);
  const pair = group("Images", left.field, swap, right.field, orient);
  const options = group("Options", play, period.field, kind.field, overlay.field, opacity, gain.field);
  const bar = element(
    "div",
    { class: "toolbar" },
    // One row whatever the mode, which scrolls where it is too long: the images keep their size.
    modeGroup,
    pair,
    options,
    spring(),
    zooming,
    group("Viewer", crop, full, help),
  );
  return { bar, modes, left, right, swap, orient, play, period, kind, overlay, opacity, gain, zoom, crop };
}

function buildStage() {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const labels = element("div", { class: "labels" });
  const range = { "aria-valuemin": 0, "aria-valuemax": 100 };
  const divider = element("div", { class: "divider", role: "slider", tabindex: 0, ...range });
  divider.append(element("span", { class: "grip", "aria-hidden": "true" }));
  const message = element("div", { class: "message", role: "status" });
  const name = "Images; press ? for the keys";
  const attributes = { class: "stage", role: "application", tabindex: 0, "aria-label": name };
  // Not read out: who cannot see it has no use for the wheel.
  const hint = element("div", { class: "hint", "aria-hidden": "true", text: WHEEL_HINT });
  const legend = legendParts();
  const stage = element("div", attributes, canvas, labels, legend.node, divider, message, hint);
  return { stage, canvas, labels, legend, divider, message, hint };
}

/** The colour scale of the maps that are shown. */
function legendParts() {
  const title = element("span", { class: "title" });
  const bar = element("div", { class: "bar" });
  const numbers = element("div", { class: "numbers" });
  const node = element("div", { class: "legend", role: "img" }, title, bar, numbers);
  node.hidden = true;
  return { node, title, bar, numbers };
}

function buildStatus() {
  const where = element("span", { class: "where" });
  const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
  const rgb = element("span", { class: "rgb" });
  const maps = element("span", { class: "maps" });
  const pictureSize = element("span", { class: "size" });
  const status = element("div", { class: "status" }, where, swatch, rgb, maps, spring(), pictureSize);
  return { status, where, swatch, rgb, maps, pictureSize };
}

/**
 * The elements of one pane's label.
 * @param {() => void} onAgain is called by the button beside the sentence of what failed
 */
export function labelParts(onAgain) {
  const [number, name, detail, sentence] = ["number", "name", "detail", "sentence"].map((part) =>
    element("span", { class: part }),
  );
  const again = button({ class: "again" }, onAgain);
  again.hidden = true;
  const node = element("div", { class: "label" }, number, name, detail, sentence, again);
  return { node, number, name, detail, sentence, again };
}

/** The elements of one image's loupe. */
export function loupeParts() {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const [name, values, change] = ["name", "values", "change"].map((part) => element("span", { class: part }));
  return { node: element("div", { class: "loupe" }, canvas, name, values, change), canvas, name, values, change };
}

function helpDialog() {
  const rows = KEYS.map(([keys, what]) =>
    element("div", {}, element("dt", {}, element("kbd", { text: keys })), element("dd", { text: what })),
  );
  const dialog = element("dialog", { "aria-label": "Keys of the viewer" });
  const close = button({ text: "Close" }, () => dialog.close());
  dialog.append(element("h2", { text: "Keys" }), element("dl", {}, ...rows), close);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}
