// Crops for a figure, picked on the image. The page keeps them; here they are drawn, added and removed.

import { setAttribute } from "./elements.js";
import { cropBetween, placement } from "./geometry.js";

/** @import { Controls } from "./controls.js" */
/** @import { Box, Point, Size } from "./geometry.js" */
/** @import { Component } from "./mount.js" */
/** @import { Pane, Scene } from "./scene.js" */
/** @import { View } from "./view.js" */
/** @import { Viewer } from "./viewer.js" */

const MIN_CROP = 4; // pixels of the image per side; less is a click

/**
 * The crop as Python writes it: x,y,width,height in pixels of the reference.
 * @param {Box} crop
 */
export const cropText = ({ x, y, w, h }) => [x, y, w, h].join(",");

/** @param {Box} crop */
const cropName = ({ x, y, w, h }) => `${w} × ${h} at x ${x} y ${y}`;

/**
 * @param {string} text
 * @returns {Box}
 */
function parseCrop(text) {
  const [x, y, w, h] = text.split(",").map(Number);
  return { x, y, w, h };
}

export class CropTool {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.offered = false; // whether the page takes crops
    this.active = false; // whether the next drag picks one
    /** @type {Box[]} */
    this.crops = [];
    /** @type {string[]} */
    this.colours = [];
    /** @type {string[]} what the page has not yet sent back */
    this.sent = [];
    this.known = ""; // the crops as the page sent them last
    /** @type {{pane: Pane, point: Point, scene: Scene} | null} where the drag began */
    this.start = null;
    /** @type {Box | null} */
    this.draft = null;
    this.sentence = "";
    /** @type {Component["setTriggerValue"] | null} */
    this.send = null;
  }

  /** @param {Component} component */
  update({ data, setTriggerValue }) {
    this.offered = data.pick_crops;
    this.colours = data.crop_colours;
    this.send = setTriggerValue;
    if (!this.offered) this.active = false;
    const known = data.crops.join(" ");
    if (known === this.known) return;
    this.known = known;
    // What comes back from an earlier pick must not undo a later one; anything else is the page's own word.
    const at = this.sent.lastIndexOf(known);
    this.sent = at >= 0 ? this.sent.slice(at + 1) : [];
    if (this.sent.length > 0) return;
    this.crops = data.crops.map(parseCrop);
    this.viewer.changed();
  }

  toggle(active = !this.active) {
    this.active = this.offered && active && this.viewer.scene !== null;
    this.start = this.draft = null;
    this.sentence = "";
    if (this.active && this.crops.length >= this.colours.length) {
      this.active = false;
      this.sentence = `A figure has at most ${this.colours.length} crops; Backspace removes the last one`;
    }
    this.viewer.changed();
  }

  /** @param {Point} point */
  begin(point) {
    const { scene } = this.viewer;
    if (scene) this.start = { pane: this.viewer.paneAt(scene, point), point, scene };
  }

  /**
   * The drag has come to a point; `square` keeps the sides equal.
   * @param {Point} point
   * @param {boolean} square
   */
  move(point, square) {
    if (!this.start) return;
    const { pane, point: from, scene } = this.start;
    this.draft = this.between(scene, pane, from, point, square);
    this.viewer.changed();
  }

  /**
   * @param {Scene} scene
   * @param {Pane} pane
   * @param {Point} from on the canvas, like `to`
   * @param {Point} to
   * @param {boolean} square
   */
  between(scene, pane, from, to, square) {
    const { zoom, left, top } = placement(this.viewer.view, pane, scene.size);
    const at = (/** @type {Point} */ point) => ({ x: (point.x - left) / zoom, y: (point.y - top) / zoom });
    return cropBetween(at(from), at(to), scene.size, square);
  }

  /** The drag is over: what it covers becomes a crop, and the next drag pans again. */
  end() {
    if (!this.start) return;
    const { draft } = this;
    this.start = this.draft = null;
    if (draft && draft.w >= MIN_CROP && draft.h >= MIN_CROP) this.add(draft);
    this.viewer.changed();
  }

  cancel() {
    if (!this.start) return;
    this.start = this.draft = null;
    this.viewer.changed();
  }

  /** The pixel under the pointer is wanted again in the status line. */
  hush() {
    this.sentence = "";
  }

  /** What the first pane shows becomes a crop. */
  addScreen() {
    this.toggle(true);
    const { scene } = this.viewer;
    if (!this.active || !scene) return;
    const pane = this.viewer.paneAt(scene, null);
    const last = { x: pane.x + pane.w - 1, y: pane.y + pane.h - 1 };
    this.add(this.between(scene, pane, pane, last, false));
  }

  /** @param {Box} crop */
  add(crop) {
    this.show([...this.crops, crop]);
    this.sentence = `Crop ${this.crops.length} picked: ${cropName(crop)}`;
  }

  dropLast() {
    if (this.crops.length === 0) return;
    this.show(this.crops.slice(0, -1));
    this.sentence = `Crop ${this.crops.length + 1} removed`;
  }

  /**
   * Shows the crops at once and tells the page, which sends them back.
   * @param {Box[]} crops
   */
  show(crops) {
    this.crops = crops;
    this.active = false;
    const text = crops.map(cropText).join(" ");
    this.sent.push(text);
    this.send?.("crops", text);
    this.viewer.changed();
  }

  /**
   * What a key does here, or null: Escape, for one, is the browser's unless a crop is being picked.
   * @param {string} key
   * @returns {(() => void) | null}
   */
  keyAction(key) {
    if (!this.offered) return null;
    if (key === "c") return () => this.toggle();
    if (key === "C") return () => this.addScreen();
    if (key === "Backspace") return () => this.dropLast();
    return key === "Escape" && this.active ? () => this.toggle(false) : null;
  }

  /** What there is to say instead of the pixel under the pointer; "" for nothing. */
  says() {
    if (this.draft) return `Crop: ${cropName(this.draft)}`;
    if (this.active) return "Crop: drag a rectangle (Shift: a square; Esc: cancel)";
    return this.sentence;
  }

  /**
   * Outlines every crop and the one being picked, in the figure's colours, around their pixels.
   * @param {CanvasRenderingContext2D} context
   * @param {Pane} pane
   * @param {View} view
   * @param {Size} size
   * @param {number} ratio device pixels per CSS pixel
   */
  draw(context, pane, view, size, ratio) {
    const crops = this.draft ? [...this.crops, this.draft] : this.crops;
    if (crops.length === 0) return;
    const { zoom, left, top } = placement(view, pane, size);
    const line = Math.max(1, Math.round(2 * ratio));
    context.save();
    context.beginPath();
    context.rect(pane.clip.x, pane.clip.y, pane.clip.w, pane.clip.h);
    context.clip();
    crops.forEach((crop, i) => {
      const x = Math.round(left + crop.x * zoom);
      const y = Math.round(top + crop.y * zoom);
      const w = Math.round(crop.w * zoom);
      const h = Math.round(crop.h * zoom);
      const frame = (/** @type {string} */ colour, /** @type {number} */ width) => {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.strokeRect(x - line, y - line, w + 2 * line, h + 2 * line);
      };
      frame("#000", 2 * line); // a dark edge on both sides, to be seen on any image
      frame(this.colours[i % this.colours.length], line);
    });
    context.restore();
  }

  /** @param {Controls} controls */
  sync({ crop, stage }) {
    crop.hidden = !this.offered;
    setAttribute(crop, "aria-pressed", String(this.active));
    stage.classList.toggle("cropping", this.active);
  }
}
