// Draws a whole viewer: the panes on its canvas, what stands around them, and its view as facts to read.

import { cropText } from "./crop.js";
import { drawPane } from "./drawing.js";
import { rootOf, setText } from "./elements.js";
import { syncSides } from "./footer.js";
import { decodes } from "./rasters.js";
import { syncControls, syncLabels } from "./sync.js";
import { formatView, short, zoomName } from "./view.js";

/** @import { Scene } from "./scene.js" */
/** @import { Viewer } from "./viewer.js" */

/**
 * @param {Viewer} viewer
 * @param {Scene} scene
 */
export function paint(viewer, scene) {
  const { controls, crop, peek, root, view } = viewer;
  const { canvas, context, ratio } = viewer.surface;
  context.fillStyle = getComputedStyle(controls.stage).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const shown = scene.settled(peek ? { ...view, overlay: "" } : view);
  const panes = viewer.panes(scene);
  const onReady = () => viewer.changed();
  const sentences = panes.map((pane) => drawPane(context, scene, shown, pane, onReady));
  for (const pane of panes) crop.draw(context, pane, view, scene.size, ratio);
  const { activeElement } = rootOf(root);
  const focused = root.contains(activeElement) ? activeElement : null;
  syncControls(controls, viewer, scene, scene.settled(view));
  syncLabels(viewer, scene, shown, panes, sentences);
  // The keys must keep working when the focused control is hidden or taken away.
  const isLost = focused !== null && (!root.contains(focused) || focused.closest("[hidden]") !== null);
  if (isLost) controls.stage.focus({ preventScroll: true });
  syncSides(controls.footer, scene, view);
  const { zoom, h } = { zoom: viewer.zoom(), ...viewer.paneSize() };
  controls.stage.classList.toggle("level-only", scene.size.height * zoom <= h);
  viewer.flicker.run(scene.mode(view) === "flicker");
  describe(viewer, scene);
  notePending(viewer);
}

/**
 * What the viewer has yet to do by itself, as one more fact: "" when nothing.
 * @param {Viewer} viewer
 */
export function notePending({ link, reporting, root, scene, waiting }) {
  const pending = Object.entries({
    images: waiting !== null,
    overlays: scene !== null && scene.awaited > 0,
    link: link.writing.timer !== 0,
    report: reporting.timer !== 0,
  });
  root.dataset.pending = pending.flatMap(([name, is]) => (is ? [name] : [])).join(" ");
}

/**
 * The view for tests, style sheets and screen readers.
 * @param {Viewer} viewer
 * @param {Scene} scene
 */
function describe(viewer, scene) {
  const { controls, crop, peek, root, view } = viewer;
  const mode = scene.mode(view);
  const [left, right] = scene.pair(view);
  const facts = {
    ready: scene.pictures.map((picture) => picture.url).join(" "), // drawn, and their numbers shown
    mode: peek ? "original" : mode,
    left: left.key,
    right: right.key,
    zoom: String(viewer.zoom()),
    x: short(view.x, 6),
    y: short(view.y, 6),
    view: formatView(view),
    decodes: String(decodes.count),
    crops: crop.crops.map(cropText).join(" "),
  };
  for (const [name, value] of Object.entries(facts)) if (root.dataset[name] !== value) root.dataset[name] = value;
  const one = mode === "single" || mode === "loupe" ? left.label : `${left.label} and ${right.label}`;
  const what = mode === "grid" ? `${scene.pictures.length} images` : one;
  const zoom = view.zoom ? zoomName(view.zoom) : "fit";
  const told = peek ? scene.pictures[0].label : `${mode}: ${what}, zoom ${zoom}`;
  if (!crop.draft) setText(controls.live, viewer.says() || told);
}
