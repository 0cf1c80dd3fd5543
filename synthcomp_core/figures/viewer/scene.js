// The images of one viewer: what Python sent, decoded; and which of them a view shows in which pane.

import { gridPanes } from "./geometry.js";
import { commonScale, readMap, rescaled } from "./maps.js";
import { differenceRaster, highDifference, loadRaster, pixelAt } from "./rasters.js";
import { DEFAULT_VIEW, DIFFERENCE_OVERLAY, gainFor } from "./view.js";

/** @import { FooterData } from "./footer.js" */
/** @import { Box, Point, Size } from "./geometry.js" */
/** @import { Scale } from "./maps.js" */
/** @import { Raster } from "./rasters.js" */
/** @import { Mode, View } from "./view.js" */

/**
 * An image, or an overlay over one, as Python describes it (`_described` in __init__.py).
 * @typedef {object} Picture
 * @property {string} key
 * @property {string} label
 * @property {string} detail
 * @property {number} width
 * @property {number} height
 * @property {string | null} overlay_of the key of the image it covers
 * @property {string} url
 * @property {Scale | null} scale of a map whose colours stand for numbers
 */

/**
 * The pane fixes where the image lies, the clip how much of it shows; `difference` is the image it is compared with.
 * @typedef {Box & {clip: Box, picture: Picture, difference: Picture | null}} Pane
 */

const DIFFERENCES_KEPT = 12;

/** Images and overlays of one rerun with their rasters; it replaces the one before when all of it is decoded. */
export class Scene {
  /** @param {{pictures: Picture[], overlays: Picture[], footer: FooterData | null}} data */
  constructor(data) {
    this.pictures = data.pictures;
    this.overlays = data.overlays;
    this.sides = data.footer?.sides ?? [];
    /** @type {Size} */
    this.size = { width: data.pictures[0].width, height: data.pictures[0].height };
    this.released = false;
    /** @type {Map<string, Raster>} by URL */
    this.rasters = new Map();
    /** @type {Map<string, string>} URL, or both of what was to be computed -> sentence */
    this.failures = new Map();
    /** @type {Map<string, Raster | null>} differences and maps on another scale; null while one is being computed */
    this.differences = new Map();
    this.awaited = 0; // overlays and differences that are on their way
  }

  /** Loads every image; overlays wait until they are looked at. Never rejects: a failure becomes a sentence. */
  async load() {
    await Promise.all(this.pictures.map((picture) => this.fetch(picture)));
  }

  /** @param {Picture} picture */
  async fetch(picture) {
    const { url } = picture;
    if (this.rasters.has(url)) return;
    try {
      const raster = await loadRaster(url);
      if (this.released || this.rasters.has(url)) return;
      this.failures.delete(url);
      this.rasters.set(url, raster);
      raster.users += 1;
    } catch (error) {
      this.failures.set(url, error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * Tries once more to load what could not be loaded; until then, what was said of it stays.
   * @param {{computed?: boolean}} what computed: also forgets what could not be computed, so that it is computed anew
   *   where it is looked at; for a click, as it takes as much memory as before
   */
  async retry({ computed = false } = {}) {
    for (const name of this.failures.keys()) {
      if (computed && name.includes(" ")) this.failures.delete(name);
    }
    const failed = [...this.pictures, ...this.overlays].filter(({ url }) => this.failures.has(url));
    await Promise.all(failed.map((picture) => this.fetch(picture)));
  }

  release() {
    this.released = true;
    for (const raster of this.rasters.values()) raster.users -= 1;
    for (const raster of this.differences.values()) raster?.close();
    this.rasters.clear();
    this.differences.clear();
  }

  /**
   * Whether another scene has the same images and overlays, whatever they are called.
   * @param {Scene} other
   */
  shows(other) {
    const named = (/** @type {Scene} */ { pictures, overlays }) =>
      [...pictures, ...overlays].map(({ key, overlay_of, url }) => `${key} ${overlay_of} ${url}`).join("\n");
    return named(this) === named(other);
  }

  /**
   * Takes names and numbers from a scene with the same images; what is being computed goes on.
   * @param {Scene} other
   */
  rename(other) {
    this.pictures = other.pictures;
    this.overlays = other.overlays;
    this.sides = other.sides;
  }

  /**
   * Takes over the differences that were computed from images that are still here.
   * @param {Scene} old of the same size
   */
  inherit(old) {
    const urls = new Set([...this.pictures, ...this.overlays].map((picture) => picture.url));
    for (const [name, raster] of old.differences) {
      const [a, b] = name.split(" "); // their names carry the images' URLs
      if (!raster || !urls.has(a) || !urls.has(b)) continue;
      this.differences.set(name, raster);
      old.differences.delete(name);
    }
  }

  /** @param {string} key */
  picture(key) {
    return this.pictures.find((picture) => picture.key === key);
  }

  /** @param {Picture} picture */
  number(picture) {
    return this.pictures.indexOf(picture) + 1;
  }

  /** @param {Picture} picture */
  raster(picture) {
    return this.rasters.get(picture.url) ?? null;
  }

  overlayLabels() {
    return [...new Set(this.overlays.map((overlay) => overlay.label))];
  }

  /**
   * @param {string} label
   * @param {Picture} picture
   */
  overlay(label, picture) {
    return this.overlays.find((overlay) => overlay.label === label && overlay.overlay_of === picture.key);
  }

  /**
   * The two images of a view; where it names none that exist, the last two of the first three (A and B).
   * @param {View} view
   * @returns {[Picture, Picture]}
   */
  pair(view) {
    const preferred = this.pictures.length > 2 ? [...this.pictures.slice(1), this.pictures[0]] : this.pictures;
    const wanted = this.picture(view.right);
    const left = this.picture(view.left) ?? preferred.find((picture) => picture !== wanted) ?? preferred[0];
    const right = wanted ?? preferred.find((picture) => picture !== left) ?? left;
    return [left, right];
  }

  /**
   * The mode that can be shown: a single image has no pair.
   * @param {View} view
   * @returns {Mode}
   */
  mode(view) {
    return this.pictures.length > 1 || view.mode === "loupe" ? view.mode : "single";
  }

  /**
   * The view with every choice that does not exist here replaced by one that does.
   * @param {View} view
   * @returns {View}
   */
  settled(view) {
    const labels = this.overlayLabels();
    const kind = ["abs", "signed", ...labels].includes(view.kind) ? view.kind : DEFAULT_VIEW.kind;
    const overlay = [DIFFERENCE_OVERLAY, ...labels].includes(view.overlay) ? view.overlay : "";
    return { ...view, kind, overlay };
  }

  /**
   * The scale of the maps with a label, or null.
   * @param {string} label
   */
  scale(label) {
    return commonScale(this.overlays.filter((overlay) => overlay.label === label));
  }

  /**
   * The raster of an overlay, or null until it is decoded and on its scale; `onReady` is called then.
   * @param {Picture} overlay
   * @param {() => void} onReady
   */
  overlayRaster(overlay, onReady) {
    const raster = this.fileRaster(overlay, onReady);
    const [own, common] = [overlay.scale, this.scale(overlay.label)];
    if (!raster || !own || !common || own.highest === common.highest) return raster;
    const name = `${overlay.url} ${overlay.url} ${common.highest}`;
    return this.computed(name, () => rescaled(raster, own, common), onReady);
  }

  /**
   * The raster of an overlay as its file has it, or null until it is decoded; `onReady` is called then.
   * @param {Picture} overlay
   * @param {() => void} onReady
   */
  fileRaster(overlay, onReady) {
    const raster = this.raster(overlay);
    if (!raster && !this.failures.has(overlay.url)) void this.awaiting(this.fetch(overlay)).then(onReady);
    return raster;
  }

  /**
   * The numbers that an image's maps hold at a place, each with its quantity; maps are loaded when first read.
   * @param {Picture} picture
   * @param {Point} fraction of the image
   * @param {() => void} onReady
   */
  mapNumbers(picture, fraction, onReady) {
    return this.overlays.flatMap((overlay) => {
      if (overlay.overlay_of !== picture.key || !overlay.scale) return [];
      const raster = this.fileRaster(overlay, onReady);
      return (raster && readMap(overlay.scale, raster, pixelAt(raster, fraction))) ?? [];
    });
  }

  /**
   * The difference of two images, or null until it is computed; `onReady` is called then.
   * @param {Picture} left
   * @param {Picture} right
   * @param {boolean} signed
   * @param {number} gain
   * @param {() => void} onReady
   */
  difference(left, right, signed, gain, onReady) {
    const [a, b] = [this.raster(left), this.raster(right)];
    if (!a || !b) return null;
    const name = `${left.url} ${right.url} ${signed} ${gain}`;
    return this.computed(name, () => differenceRaster(a, b, this.size, signed, gain), onReady);
  }

  /**
   * Why what is made of two images, or of one map, will not come: they or it have failed. "" if it may come.
   * @param {Picture} left
   * @param {Picture} right
   */
  failure(left, right = left) {
    const names = [left.url, right.url, `${left.url} ${right.url}`];
    return names.map((name) => this.failures.get(name)).find(Boolean) ?? "";
  }

  /**
   * What was computed under a name, or null until it is; `onReady` is called then.
   * @param {string} name that begins with the URLs of both images that it is made of
   * @param {() => Promise<Raster>} compute
   * @param {() => void} onReady
   */
  computed(name, compute, onReady) {
    const images = name.split(" ", 2).join(" ");
    const known = this.differences.get(name);
    if (known !== undefined || this.failures.has(images)) return known ?? null;
    this.differences.set(name, null);
    const done = (/** @type {Raster} */ raster) => {
      if (!this.differences.has(name)) return raster.close(); // released meanwhile
      this.differences.set(name, raster);
      this.dropDifferences();
      onReady();
    };
    const failed = () => {
      this.differences.delete(name);
      const why = "This browser could not compute it, perhaps for lack of memory; close other pages and try again.";
      this.failures.set(images, why);
      onReady();
    };
    this.awaiting(compute()).then(done, failed);
    return null;
  }

  /**
   * The gain at which the difference of two images is seen best, or null for an image that could not be loaded.
   * @param {Picture} left
   * @param {Picture} right
   */
  bestGain(left, right) {
    const [a, b] = [this.raster(left), this.raster(right)];
    return a && b && gainFor(highDifference(a, b, this.size));
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   */
  async awaiting(promise) {
    this.awaited += 1;
    try {
      return await promise;
    } finally {
      this.awaited -= 1;
    }
  }

  dropDifferences() {
    for (const [name, raster] of this.differences) {
      if (this.differences.size <= DIFFERENCES_KEPT) return;
      if (!raster) continue;
      raster.close();
      this.differences.delete(name);
    }
  }

  /**
   * What a view shows, pane by pane, in device pixels.
   * @param {View} view
   * @param {Size} canvas
   * @param {number} gap between the panes of the grid
   * @param {number} side whose turn it is in flicker: 0 left, 1 right
   * @returns {Pane[]}
   */
  panes(view, { width, height }, gap, side) {
    const whole = { x: 0, y: 0, w: width, h: height, difference: null };
    const mode = this.mode(view);
    const [left, right] = this.pair(view);
    if (mode === "grid") {
      const panes = gridPanes(this.pictures.length, width, height, gap, this.size);
      return panes.map((pane, i) => ({ ...pane, clip: pane, picture: this.pictures[i], difference: null }));
    }
    if (mode === "swipe") {
      const upright = view.orient === "v";
      const at = Math.round(view.split * (upright ? width : height));
      const before = upright ? { ...whole, w: at } : { ...whole, h: at };
      const after = upright ? { ...whole, x: at, w: width - at } : { ...whole, y: at, h: height - at };
      return [
        { ...whole, clip: before, picture: left },
        { ...whole, clip: after, picture: right },
      ];
    }
    const picture = mode === "flicker" && side === 1 ? right : left;
    return [{ ...whole, clip: whole, picture, difference: mode === "difference" ? right : null }];
  }
}
