// The viewer itself: holds the view, redraws on change, and keeps the page's address and the server in step.

import { Choosing } from "./choosing.js";
import { buildControls } from "./controls.js";
import { CropTool } from "./crop.js";
import { Delayed } from "./delayed.js";
import { rootOf } from "./elements.js";
import { Filling } from "./filling.js";
import { Flicker } from "./flicker.js";
import { syncState } from "./footer.js";
import { centreKeeping, effective, fitZoom, inside } from "./geometry.js";
import { listen } from "./input.js";
import { Link } from "./link.js";
import { notePending, paint } from "./painting.js";
import { dropUnused } from "./rasters.js";
import { readOut } from "./readout.js";
import { Scene } from "./scene.js";
import { addSkip } from "./skip.js";
import { Surface } from "./surface.js";
import { clamp, DEFAULT_VIEW, formatView, nearestStep, nextStep, parseView } from "./view.js";

/** @import { Box, Point } from "./geometry.js" */
/** @import { Component, ViewerData } from "./mount.js" */
/** @import { Pane } from "./scene.js" */
/** @import { View } from "./view.js" */

const LABEL_GAP = 2; // CSS pixels between the panes of the grid
const REPORT_DELAY_MS = 1000;

/** @type {Map<string, {view: View, wish: string}>} by viewer key: outlives a viewer that is removed and shown again */
const lastViews = new Map();

export class Viewer {
  /**
   * @param {HTMLElement} root
   * @param {ViewerData} data
   */
  constructor(root, data) {
    this.root = root;
    this.key = data.key;
    /** @type {Scene | null} */
    this.scene = null;
    /** @type {Scene | null} the next one, being decoded */
    this.waiting = null;
    /** @type {Point | null} */
    this.pointer = null;
    this.peek = false;
    this.notice = ""; // in the status line until a pointer moves
    this.flicker = new Flicker(() => this.changed());
    this.frame = 0;
    this.stale = false;
    this.retrying = false; // what could not be loaded or computed, after a click
    this.reloading = false; // what could not be loaded, by itself
    /** @type {Component["setStateValue"] | null} */
    this.report = null;
    this.reported = "";
    this.reporting = new Delayed(REPORT_DELAY_MS, () => notePending(this));
    this.crop = new CropTool(this);
    /** @type {(() => void) | null} tells Python to stop */
    this.stop = null;
    this.filling = new Filling(root);
    this.controls = buildControls(root, this);
    this.controls.message.textContent = "Loading…";
    this.surface = new Surface(this.controls.canvas, this.controls.stage, () => {
      this.stale = true;
      this.draw(); // at once: a resized canvas is blank
    });
    this.link = new Link(data.url_param, (view) => this.change(view), () => notePending(this));
    // On a page of its own the images come first anyway.
    this.removeSkip = rootOf(root) === document ? () => {} : addSkip(this.controls.stage);
    listen(this);
    // The first view: the link's, else the one this viewer had before, else Python's, else the default.
    const linked = this.link.view();
    const before = lastViews.get(this.key);
    this.wish = before?.wish ?? wishOf(data);
    /** @type {View} */
    this.view = { ...(linked ?? before?.view ?? parseView(data.state) ?? DEFAULT_VIEW) };
    this.choosing = new Choosing(this);
    if (linked || before) this.link.wanted = formatView(this.view);
  }

  /** @param {Component} component */
  update(component) {
    const { data } = component;
    this.link.parameter = data.url_param;
    this.report = data.report ? component.setStateValue : null;
    if (data.height === null) this.root.style.removeProperty("--height");
    else this.root.style.setProperty("--height", `${data.height}px`);
    this.filling.measure();
    this.stop = data.stoppable ? () => component.setTriggerValue("stop", true) : null;
    syncState(this.controls.footer, data.footer, data.stoppable);
    this.crop.update(component);
    if (wishOf(data) !== this.wish) {
      this.wish = wishOf(data);
      const wished = parseView(data.state);
      if (wished) {
        const { mode, left, right, zoom, x, y } = wished; // the rest is the browser's own
        this.change({ mode, left, right, zoom, x, y });
      }
    }
    this.link.keep();
    const scene = new Scene(data);
    if (!this.waiting && this.scene?.shows(scene)) {
      this.scene.rename(scene);
      this.changed();
      this.reload(this.scene);
      return;
    }
    if (this.waiting?.shows(scene)) return this.waiting.rename(scene); // numbers must not keep images from coming
    this.waiting = scene;
    void scene.load().then(() => this.take(scene));
  }

  /**
   * Swaps to a decoded scene at once, so that labels and images always belong together.
   * @param {Scene} scene
   */
  take(scene) {
    if (this.waiting !== scene) return scene.release();
    const old = this.scene;
    this.waiting = null;
    this.scene = scene;
    if (old) {
      if (old.size.width === scene.size.width && old.size.height === scene.size.height) scene.inherit(old);
      old.release();
    }
    this.controls.message.textContent = "";
    this.changed();
    void dropUnused();
  }

  /**
   * Tries once more, without a word, what could not be loaded; a page that polls asks for it with every run.
   * @param {Scene} scene
   */
  reload(scene) {
    if (scene.failures.size === 0 || this.reloading || this.retrying) return;
    this.reloading = true;
    void scene.retry().then(() => {
      this.reloading = false;
      this.changed();
    });
  }

  /** Tries once more what could not be loaded or computed; the click on the button that says so. */
  retry() {
    if (!this.scene) return;
    this.retrying = true;
    this.changed();
    void this.scene.retry({ computed: true }).then(() => {
      this.retrying = false;
      this.changed();
    });
  }

  close() {
    this.link.close();
    this.surface.close();
    this.filling.close();
    this.removeSkip();
    this.flicker.run(false);
    this.reporting.cancel();
    cancelAnimationFrame(this.frame);
    this.waiting = null;
    this.scene?.release();
    this.scene = null;
  }

  // --- Changing the view ---

  /** @param {Partial<View>} changes */
  change(changes) {
    Object.assign(this.view, changes);
    this.changed();
    const text = formatView(this.view);
    lastViews.set(this.key, { view: { ...this.view }, wish: this.wish });
    this.link.write(text);
    this.reporting.cancel();
    if (!this.report || text === this.reported) return;
    this.reporting.ask(() => {
      this.reported = text;
      this.report?.("view", text);
    });
  }

  /** Redraws with the next frame. */
  changed() {
    this.stale = true;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** @returns {Box} */
  paneSize() {
    const { width, height } = this.surface.canvas;
    return this.scene?.panes(this.view, { width, height }, this.gap(), 0)[0] ?? { x: 0, y: 0, w: width, h: height };
  }

  gap() {
    return Math.round(LABEL_GAP * this.surface.ratio);
  }

  /** The zoom as it takes effect. */
  zoom() {
    return this.view.zoom || this.fit();
  }

  /** The zoom that shows the whole image. */
  fit() {
    return this.scene ? fitZoom(this.paneSize(), this.scene.size) : 1;
  }

  /**
   * The pane under a point; the first one where there is none, as between the panes of the grid.
   * @param {Scene} scene
   * @param {Point | null} point
   */
  paneAt(scene, point) {
    const panes = this.panes(scene);
    return panes.find((pane) => point && inside(pane.clip, point)) ?? panes[0];
  }

  /**
   * @param {Scene} scene
   * @returns {Pane[]}
   */
  panes(scene) {
    const { canvas } = this.surface;
    if (!this.peek) return scene.panes(this.view, canvas, this.gap(), this.flicker.side);
    return scene.panes({ ...this.view, mode: "single", left: scene.pictures[0].key }, canvas, 0, 0);
  }

  /**
   * @param {number} direction above 0: zoom in
   * @param {Point | null} point
   */
  step(direction, point = null) {
    const zoom = this.zoom();
    const next = nextStep(zoom, direction, this.fit());
    if (next !== zoom) this.setZoom(next, point);
  }

  /**
   * To the step nearest to a zoom, unless that lies in the other direction.
   * @param {number} zoom
   * @param {Point} point
   */
  zoomTowards(zoom, point) {
    const now = this.zoom();
    const step = nearestStep(zoom);
    if ((step - now) * (zoom - now) > 0) this.setZoom(step, point);
  }

  /**
   * Zooms (0 = fit) so that what lies under the point stays there; without a point, about the centre.
   * @param {number} zoom
   * @param {Point | null} point
   */
  setZoom(zoom, point = null) {
    if (!this.scene) return;
    if (!zoom) return this.change({ zoom: 0, x: 0.5, y: 0.5 });
    const pane = this.paneAt(this.scene, point);
    const at = point ?? { x: pane.x + pane.w / 2, y: pane.y + pane.h / 2 };
    this.change({ zoom, ...centreKeeping(at, zoom, this.view, pane, this.scene.size) });
  }

  /**
   * @param {number} dx device pixels, like `dy`
   * @param {number} dy
   */
  panBy(dx, dy) {
    if (!this.scene) return;
    const pane = this.paneSize();
    const { size } = this.scene;
    const { zoom } = effective(this.view, pane, size);
    /** @type {(centre: number, d: number, length: number, extent: number) => number} */
    const along = (centre, d, length, extent) =>
      length * zoom <= extent ? centre : clamp(centre - d / (length * zoom), 0, 1);
    this.change({ x: along(this.view.x, dx, size.width, pane.w), y: along(this.view.y, dy, size.height, pane.h) });
  }

  /** @param {boolean} peek whether the original is shown instead, for as long as a key is held */
  setPeek(peek) {
    if (this.peek === peek) return;
    this.peek = peek;
    this.changed();
  }

  /** @param {Point | null} point */
  setPointer(point) {
    this.pointer = point;
    this.frame ||= requestAnimationFrame(() => this.draw()); // the pixels stay as they are
  }

  toggleFullScreen() {
    const full = rootOf(this.root).fullscreenElement === this.root;
    const refused = () => {
      this.notice = "The browser does not allow full screen here";
      this.changed();
    };
    if (!document.fullscreenEnabled) refused();
    else (full ? document.exitFullscreen() : this.root.requestFullscreen()).catch(refused);
  }

  /** What there is to say instead of the pixel under the pointer; "" for nothing. */
  says() {
    return this.notice || this.crop.says();
  }

  /** The pixel under the pointer is wanted again in the status line. */
  hush() {
    this.notice = "";
    this.crop.hush();
  }

  toggleHelp() {
    const { dialog } = this.controls;
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  // --- Drawing ---

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.scene) return;
    if (this.stale) paint(this, this.scene);
    this.stale = false;
    readOut(this, this.scene);
  }
}

/** @param {ViewerData} data */
const wishOf = (data) => `${data.jump} ${data.state}`;
