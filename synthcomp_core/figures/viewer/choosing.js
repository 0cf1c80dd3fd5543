// What is compared, and how: mode, pair, overlay and gain, with what to return to.

import { clamp, DEFAULT_VIEW, DIFFERENCE_OVERLAY, GAINS } from "./view.js";

/** @import { Picture } from "./scene.js" */
/** @import { Mode, View } from "./view.js" */
/** @import { Viewer } from "./viewer.js" */

export class Choosing {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    /** @type {{left: string, right: string} | null} the pair to return to from a difference */
    this.compared = null;
    /** @type {{mode: Mode, left: string} | null} to return to from an image shown alone */
    this.before = null;
    this.gainChosen = viewer.view.gain !== DEFAULT_VIEW.gain; // by hand
  }

  get view() {
    return this.viewer.view;
  }

  get scene() {
    return this.viewer.scene;
  }

  /** @param {Partial<View>} changes */
  change(changes) {
    this.viewer.change(changes);
  }

  /** @param {Mode} mode */
  setMode(mode) {
    const from = this.view.mode;
    const alone = from === "single" ? this.before : null;
    const back = from === "difference" || from === "single" ? this.compared : null;
    this.before = null;
    this.viewer.flicker.side = 0;
    if (mode === "difference" || !back) return this.open(mode, alone);
    this.compared = null;
    this.change({ ...back, mode });
  }

  /**
   * @param {Mode} mode
   * @param {{mode: Mode, left: string} | null} alone what was left for an image alone
   */
  open(mode, alone) {
    const opens = mode === "difference" && this.view.mode !== mode && alone?.mode !== mode;
    this.change({ ...(alone ? { left: alone.left } : {}), mode });
    if (opens) this.openDifference();
  }

  /** The difference opens between the original and the image that was seen most of, at a gain at which it is seen. */
  openDifference() {
    if (!this.scene || this.scene.pictures.length < 2) return;
    const [left, right] = this.scene.pair(this.view);
    const original = this.scene.pictures[0];
    const seen = left === original || (right !== original && this.view.split < 0.5) ? right : left;
    if (seen === original) return;
    this.compared = { left: this.view.left, right: this.view.right };
    this.change({ left: original.key, right: seen.key, ...this.gainToSee(seen) });
  }

  /**
   * The gain at which an image's difference to the original is seen, unless one was chosen by hand.
   * @param {Picture} picture
   */
  gainToSee(picture) {
    const gain = this.gainChosen ? null : this.scene?.bestGain(this.scene.pictures[0], picture);
    return gain ? { gain } : {};
  }

  /** @param {string} overlay */
  setOverlay(overlay) {
    const [left, right] = this.scene?.pair(this.view) ?? [];
    const seen = left === this.scene?.pictures[0] ? right : left;
    this.change({ overlay, ...(overlay === DIFFERENCE_OVERLAY && seen ? this.gainToSee(seen) : {}) });
  }

  /** @param {number} gain chosen by hand, which later differences keep */
  setGain(gain) {
    this.gainChosen = true;
    this.change({ gain });
  }

  /**
   * An image alone; the same one again returns to the previous mode.
   * @param {Picture} picture
   */
  showAlone(picture) {
    if (!this.scene) return;
    const [left, right] = this.scene.pair(this.view);
    if (this.view.mode === "single") {
      if (left === picture && this.before) return this.setMode(this.before.mode);
      return this.change({ left: picture.key });
    }
    this.before = { mode: this.view.mode, left: left.key };
    this.change({ mode: "single", left: picture.key, right: right.key });
  }

  /**
   * @param {"left" | "right"} side
   * @param {1 | -1} direction
   */
  cycle(side, direction) {
    if (!this.scene) return;
    const { pictures } = this.scene;
    const [left, right] = this.scene.pair(this.view);
    const at = pictures.indexOf(side === "left" ? left : right);
    const next = pictures[(at + direction + pictures.length) % pictures.length];
    this.change({ left: left.key, right: right.key, [side]: next.key });
  }

  swap() {
    if (!this.scene) return;
    const [left, right] = this.scene.pair(this.view);
    this.change({ left: right.key, right: left.key });
  }

  turnDivider() {
    this.change({ orient: this.view.orient === "v" ? "h" : "v" });
  }

  /** Left or right by hand: the other side in flicker, the pair swapped elsewhere. */
  flip() {
    if (this.scene?.mode(this.view) !== "flicker") return this.swap();
    this.viewer.flicker.playing = false;
    this.viewer.flicker.turn();
  }

  nextOverlay() {
    const choices = ["", DIFFERENCE_OVERLAY, ...(this.scene?.overlayLabels() ?? [])];
    this.setOverlay(choices[(choices.indexOf(this.view.overlay) + 1) % choices.length]);
  }

  /** @param {1 | -1} direction */
  changeGain(direction) {
    const at = GAINS.indexOf(this.view.gain) + direction;
    this.setGain(GAINS[clamp(at, 0, GAINS.length - 1)]);
  }
}
