// Mouse, touch and keyboard, turned into calls of the viewer.

import { Delayed } from "./delayed.js";
import { rootOf } from "./elements.js";
import { clamp } from "./view.js";

/** @import { Viewer } from "./viewer.js" */

const WHEEL_NOTCH = 60; // pixels of wheel travel per zoom step; a mouse's notch sends 100 to 120
const WHEEL_PAUSE_MS = 250;
const HINT_MS = 2000; // long enough to read the hint twice
const PAN_FRACTION = 0.125; // of the pane, for an arrow key
const DIVIDER_STEP = 0.02;

/** @param {Viewer} viewer */
export function listen(viewer) {
  const { stage, divider } = viewer.controls;
  listenToWheel(viewer, stage);
  listenToPointers(viewer, stage);
  listenToDivider(viewer, divider);
  viewer.root.addEventListener("keydown", (event) => onKey(viewer, event));
  viewer.root.addEventListener("keyup", (event) => {
    if (event.key === "o" || event.key === "O") viewer.setPeek(false);
  });
  viewer.root.addEventListener("focusout", () => viewer.setPeek(false));
}

/**
 * Whether an event of the stage is meant for what lies on it: the divider, or a button of a label.
 * @param {Event} event
 */
const isOnControl = ({ target }) => target instanceof Element && target.closest(".divider, button") !== null;

/**
 * Whether the wheel is meant for the images: they were clicked, or reached by key, or a key asks for it.
 * @param {Viewer} viewer
 * @param {WheelEvent} event
 */
function isForImages({ root }, event) {
  const { activeElement, fullscreenElement } = rootOf(root);
  return event.ctrlKey || event.metaKey || root.contains(activeElement) || fullscreenElement === root;
}

/**
 * The wheel zooms where it is meant to; else it scrolls the page, and a hint says how to zoom.
 * @param {Viewer} viewer
 * @param {HTMLElement} stage
 */
function listenToWheel(viewer, stage) {
  const { hint } = viewer.controls;
  const hiding = new Delayed(HINT_MS, () => {});
  let travel = 0;
  let last = 0;
  const onWheel = (/** @type {WheelEvent} */ event) => {
    const zooms = isForImages(viewer, event);
    hint.classList.toggle("shown", !zooms);
    hiding.ask(() => hint.classList.remove("shown"));
    if (!zooms) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? 400 : 1;
    if (event.timeStamp - last > WHEEL_PAUSE_MS || travel * event.deltaY < 0) travel = 0;
    last = event.timeStamp;
    // Pinching on a touch pad arrives as a wheel with Ctrl and small steps.
    travel += event.deltaY * unit * (event.ctrlKey ? 6 : 1);
    if (Math.abs(travel) < WHEEL_NOTCH) return;
    viewer.step(travel > 0 ? -1 : 1, viewer.surface.pointOf(event));
    travel = 0;
  };
  stage.addEventListener("wheel", onWheel, { passive: false });
}

/**
 * @param {Viewer} viewer
 * @param {HTMLElement} stage
 */
function listenToPointers(viewer, stage) {
  const pinch = new Pinch(viewer);
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || isOnControl(event)) return;
    const point = viewer.surface.pointOf(event);
    viewer.hush();
    viewer.setPointer(point); // a tap moves nothing
    stage.setPointerCapture(event.pointerId);
    pinch.down.set(event.pointerId, point);
    if (pinch.down.size === 2) pinch.begin();
    if (viewer.crop.active && pinch.down.size === 1) viewer.crop.begin(point);
    else if (viewer.crop.start) viewer.crop.cancel(); // two fingers zoom
    stage.classList.add("dragging");
  });
  stage.addEventListener("pointermove", (event) => {
    const point = viewer.surface.pointOf(event);
    viewer.hush();
    viewer.setPointer(isOnControl(event) ? null : point);
    const before = pinch.down.get(event.pointerId);
    if (!before) return;
    pinch.down.set(event.pointerId, point);
    if (viewer.crop.start) viewer.crop.move(point, event.shiftKey);
    else if (pinch.down.size === 1) viewer.panBy(point.x - before.x, point.y - before.y);
    else if (pinch.down.size === 2) pinch.move();
  });
  const up = (/** @type {PointerEvent} */ event) => {
    pinch.down.delete(event.pointerId);
    if (event.type === "pointerup") viewer.crop.end();
    else viewer.crop.cancel();
    if (pinch.down.size === 0) stage.classList.remove("dragging");
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("pointerleave", (event) => {
    // A finger leaves as soon as it is lifted: what it pointed at stays to be read.
    if (event.pointerType !== "touch") viewer.setPointer(null);
  });
  stage.addEventListener("dblclick", (event) => {
    if (!isOnControl(event)) viewer.setZoom(viewer.view.zoom === 1 ? 0 : 1, viewer.surface.pointOf(event));
  });
}

/** Two fingers: their spread zooms, their middle pans. */
class Pinch {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    /** @type {Map<number, import("./geometry.js").Point>} by pointer: where it was last */
    this.down = new Map();
    this.distance = 1;
    this.zoom = 1;
    this.middle = { x: 0, y: 0 };
  }

  spread() {
    const [a, b] = [...this.down.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y), middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } };
  }

  begin() {
    ({ distance: this.distance, middle: this.middle } = this.spread());
    this.zoom = this.viewer.zoom();
  }

  move() {
    const { distance, middle } = this.spread();
    this.viewer.panBy(middle.x - this.middle.x, middle.y - this.middle.y);
    this.middle = middle;
    this.viewer.zoomTowards((this.zoom * distance) / Math.max(1, this.distance), middle);
  }
}

/**
 * @param {Viewer} viewer
 * @param {HTMLElement} divider
 */
function listenToDivider(viewer, divider) {
  const moveTo = (/** @type {number} */ split) => viewer.change({ split: clamp(split, 0, 1) });
  divider.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    divider.setPointerCapture(event.pointerId);
    divider.focus({ preventScroll: true });
    event.preventDefault();
  });
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const point = viewer.surface.pointOf(event);
    const { width, height } = viewer.surface.canvas;
    moveTo(viewer.view.orient === "v" ? point.x / width : point.y / height);
  });
  divider.addEventListener("dblclick", () => moveTo(0.5));
  divider.addEventListener("keydown", (event) => {
    const { split } = viewer.view;
    const targets = new Map([
      ["ArrowLeft", split - DIVIDER_STEP],
      ["ArrowUp", split - DIVIDER_STEP],
      ["ArrowRight", split + DIVIDER_STEP],
      ["ArrowDown", split + DIVIDER_STEP],
      ["PageUp", split - 0.1],
      ["PageDown", split + 0.1],
      ["Home", 0],
      ["End", 1],
    ]);
    const target = targets.get(event.key);
    if (target === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(target);
  });
}

/**
 * @param {Viewer} viewer
 * @param {number} right
 * @param {number} down
 * @param {boolean} fine by one pixel instead of a part of the pane
 */
function panByKey(viewer, right, down, fine) {
  const pane = viewer.paneSize();
  const pixel = Math.max(1, viewer.zoom());
  viewer.panBy(-right * (fine ? pixel : pane.w * PAN_FRACTION), -down * (fine ? pixel : pane.h * PAN_FRACTION));
}

/** @type {Record<string, (viewer: Viewer, event: KeyboardEvent) => void>} */
const KEY_ACTIONS = {
  s: (viewer) => viewer.choosing.setMode("swipe"),
  g: (viewer) => viewer.choosing.setMode("grid"),
  k: (viewer) => viewer.choosing.setMode("flicker"),
  d: (viewer) => viewer.choosing.setMode("difference"),
  l: (viewer) => viewer.choosing.setMode("loupe"),
  a: (viewer) => viewer.choosing.cycle("left", 1),
  A: (viewer) => viewer.choosing.cycle("left", -1),
  b: (viewer) => viewer.choosing.cycle("right", 1),
  B: (viewer) => viewer.choosing.cycle("right", -1),
  x: (viewer) => viewer.choosing.swap(),
  v: (viewer) => viewer.choosing.turnDivider(),
  o: (viewer) => viewer.setPeek(true),
  " ": (viewer) => viewer.choosing.flip(),
  p: (viewer) => viewer.flicker.setPlaying(!viewer.flicker.playing),
  "+": (viewer) => viewer.step(1),
  "=": (viewer) => viewer.step(1),
  "-": (viewer) => viewer.step(-1),
  f: (viewer) => viewer.setZoom(0),
  0: (viewer) => viewer.setZoom(0),
  z: (viewer) => viewer.setZoom(1),
  m: (viewer) => viewer.choosing.nextOverlay(),
  w: (viewer) => viewer.toggleFullScreen(),
  "?": (viewer) => viewer.toggleHelp(),
  ",": (viewer) => viewer.change({ split: clamp(viewer.view.split - DIVIDER_STEP, 0, 1) }),
  ".": (viewer) => viewer.change({ split: clamp(viewer.view.split + DIVIDER_STEP, 0, 1) }),
  PageUp: (viewer) => viewer.choosing.changeGain(1),
  PageDown: (viewer) => viewer.choosing.changeGain(-1),
  ArrowLeft: (viewer, event) => panByKey(viewer, -1, 0, event.shiftKey),
  ArrowRight: (viewer, event) => panByKey(viewer, 1, 0, event.shiftKey),
  ArrowUp: (viewer, event) => panByKey(viewer, 0, -1, event.shiftKey),
  ArrowDown: (viewer, event) => panByKey(viewer, 0, 1, event.shiftKey),
};

/**
 * @param {Viewer} viewer
 * @param {KeyboardEvent} event
 */
function onKey(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !viewer.scene || viewer.controls.dialog.open) return;
  const { target, key } = event;
  if (target instanceof HTMLSelectElement || target instanceof HTMLInputElement) return; // they use keys too
  if (target instanceof HTMLButtonElement && (key === " " || key === "Enter")) return;
  const picture = /^[1-9]$/.test(key) ? viewer.scene.pictures[Number(key) - 1] : undefined;
  const action = picture ? () => viewer.choosing.showAlone(picture) : (viewer.crop.keyAction(key) ?? KEY_ACTIONS[key]);
  if (!action) return;
  event.preventDefault();
  event.stopPropagation(); // Streamlit has keys of its own
  if (event.repeat && !/^(Arrow|[+\-=,.])/.test(key)) return;
  action(viewer, event);
}
