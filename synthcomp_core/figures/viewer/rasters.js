// Decoded images: one decode per URL for the life of the page, pixel values, reduced copies, differences.

import { pixelOf } from "./geometry.js";

/** @import { Point, Size } from "./geometry.js" */

// Reduced and unreferenced copies are cheap to make again; this many unused images stay for going back to.
const UNUSED_KEPT = 12;

/**
 * No colour management and no premultiplication: the numbers in the file are the numbers on the screen.
 * @type {ImageBitmapOptions}
 */
const EXACT = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

/** @type {Map<string, Promise<Raster>>} by URL, least recently used first */
const rasters = new Map();
export const decodes = { count: 0 };

/**
 * A value that every browser able to run the app provides.
 * @template T
 * @param {T | null} value
 * @returns {T}
 */
export function required(value) {
  if (value === null) throw new Error("This browser cannot draw on a canvas.");
  return value;
}

export class Raster {
  /** @param {ImageBitmap} bitmap */
  constructor(bitmap) {
    this.bitmap = bitmap;
    this.width = bitmap.width;
    this.height = bitmap.height;
    /** @type {ImageBitmap[]} 1/2, 1/4, ... of the size, made on first need */
    this.reduced = [];
    this.reducing = false;
    this.users = 0;
  }

  /**
   * The smallest copy that is still at least as large as wanted; starts making reduced copies when they would help.
   * @param {number} width
   * @param {number} height
   * @param {() => void} onReduced
   */
  atLeast(width, height, onReduced) {
    if (width * 2 <= this.width && height * 2 <= this.height) void this.reduce(onReduced);
    return this.reduced.findLast((copy) => copy.width >= width && copy.height >= height) ?? this.bitmap;
  }

  /** @param {() => void} onReduced */
  async reduce(onReduced) {
    if (this.reducing) return;
    this.reducing = true;
    try {
      let copy = this.bitmap;
      while (Math.min(copy.width, copy.height) > 128) {
        const half = { resizeWidth: Math.ceil(copy.width / 2), resizeHeight: Math.ceil(copy.height / 2) };
        copy = await createImageBitmap(copy, { ...EXACT, ...half, resizeQuality: "high" });
        this.reduced.push(copy);
      }
      onReduced();
    } catch {
      this.reduced = []; // The full image serves as well, only slower.
    }
  }

  close() {
    this.bitmap.close();
    for (const copy of this.reduced) copy.close();
  }
}

/** Where Streamlit is served, also behind a proxy that adds a path: beside its own scripts. */
function appRoot() {
  /** @type {HTMLScriptElement | null} */
  const script = document.querySelector('script[type="module"][src*="static/js/"]');
  return script ? script.src.replace(/static\/js\/.*$/, "") : window.location.origin + "/";
}

/**
 * The decoded image of a media URL; fetched and decoded once. Rejects with one sentence if that fails.
 * @param {string} url
 * @returns {Promise<Raster>}
 */
export function loadRaster(url) {
  const known = rasters.get(url);
  if (known) {
    rasters.delete(url); // moves it to the most recently used end
    rasters.set(url, known);
    return known;
  }
  const loading = fetchRaster(url);
  rasters.set(url, loading);
  loading.catch(() => rasters.delete(url)); // so that it may be tried again
  return loading;
}

/** @param {string} url */
async function fetchRaster(url) {
  const whole = /^(blob|data):/.test(url) ? url : new URL(url.replace(/^\//, ""), appRoot());
  const response = await fetch(whole).catch(failing("the server does not answer"));
  if (!response.ok) return failing(String(response.status))();
  const blob = await response.blob().catch(failing("the connection broke"));
  decodes.count += 1;
  return new Raster(await createImageBitmap(blob, EXACT).catch(failing("this browser cannot decode it")));
}

/**
 * Throws the sentence for people, in place of a browser's own.
 * @param {string} reason
 * @returns {() => never}
 */
const failing = (reason) => () => {
  throw new Error(`The image could not be loaded (${reason}); try again.`);
};

/** Closes the least recently used images that no viewer shows. */
export async function dropUnused() {
  /** @type {Map<Promise<Raster>, Raster | null>} */
  const loaded = new Map();
  for (const loading of [...rasters.values()]) loaded.set(loading, await loading.catch(() => null));
  // Only now, at one go: while the last was awaited, a viewer may have taken the first.
  const unused = [...rasters].filter(([, loading]) => loaded.get(loading)?.users === 0);
  for (const [url, loading] of unused.slice(0, Math.max(0, unused.length - UNUSED_KEPT))) {
    rasters.delete(url);
    loaded.get(loading)?.close();
  }
}

/** @type {OffscreenCanvasRenderingContext2D | undefined} */
let scratch;

/**
 * RGB of one pixel of a raster.
 * @param {Raster} raster
 * @param {Point} at whole numbers, within the raster
 * @returns {number[]}
 */
export function readPixel(raster, at) {
  scratch ??= required(new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true }));
  scratch.imageSmoothingEnabled = false;
  scratch.drawImage(raster.bitmap, at.x, at.y, 1, 1, 0, 0, 1, 1);
  return [...scratch.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

/**
 * The pixel of a raster that lies at fractions of it.
 * @param {Raster} raster
 * @param {Point} fraction
 * @returns {Point}
 */
export function pixelAt(raster, fraction) {
  return {
    x: pixelOf(fraction.x * raster.width, raster.width),
    y: pixelOf(fraction.y * raster.height, raster.height),
  };
}

const BAND_ROWS = 256; // bounds both the memory and the time between two breaths of the page

/**
 * |b - a| times gain, or 128 + gain (b - a) when signed, clipped to 0..255 per channel, at the size given.
 *
 * An image of another size is brought to it just as it is drawn: nearest when enlarged, smooth when reduced.
 * @param {Raster} a
 * @param {Raster} b
 * @param {Size} size
 * @param {boolean} signed
 * @param {number} gain
 */
export async function differenceRaster(a, b, size, signed, gain) {
  const { width, height } = size;
  const rows = Math.min(BAND_ROWS, height);
  const [bandA, bandB] = [band(width, rows), band(width, rows)];
  const table = new Uint8ClampedArray(511);
  for (let d = -255; d <= 255; d++) table[d + 255] = signed ? 128 + gain * d : gain * Math.abs(d);
  const result = new OffscreenCanvas(width, height);
  const target = required(result.getContext("2d"));
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    const pixels = bandOf(a, bandA, size, top, count);
    const from = pixels.data;
    const to = bandOf(b, bandB, size, top, count).data;
    for (let i = 0; i < from.length; i += 4) {
      from[i] = table[to[i] - from[i] + 255];
      from[i + 1] = table[to[i + 1] - from[i + 1] + 255];
      from[i + 2] = table[to[i + 2] - from[i + 2] + 255];
      from[i + 3] = 255;
    }
    target.putImageData(pixels, 0, top);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return new Raster(result.transferToImageBitmap());
}

/**
 * A raster made from another one's pixels, band by band; `change` is given RGBA, four numbers a pixel.
 * @param {Raster} raster
 * @param {(pixels: Uint8ClampedArray) => void} change
 */
export async function bandwise(raster, change) {
  const { width, height } = raster;
  const rows = Math.min(BAND_ROWS, height);
  const source = band(width, rows);
  const result = new OffscreenCanvas(width, height);
  const target = required(result.getContext("2d"));
  for (let top = 0; top < height; top += rows) {
    const pixels = bandOf(raster, source, raster, top, Math.min(rows, height - top));
    change(pixels.data);
    target.putImageData(pixels, 0, top);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return new Raster(result.transferToImageBitmap());
}

const SAMPLED_ROWS = 48; // of a frame; enough for a percentile, and done within a few milliseconds

/**
 * The difference of two images, 0 to 255, that only 1 in 200 of their pixels exceeds in any channel.
 * @param {Raster} a
 * @param {Raster} b
 * @param {Size} size at which they are compared
 */
export function highDifference(a, b, size) {
  const { width, height } = size;
  const [bandA, bandB] = [band(width, 1), band(width, 1)];
  const counts = new Uint32Array(256);
  const rows = Math.min(SAMPLED_ROWS, height);
  for (let row = 0; row < rows; row++) {
    const top = Math.floor(((row + 0.5) * height) / rows);
    const from = bandOf(a, bandA, size, top, 1).data;
    const to = bandOf(b, bandB, size, top, 1).data;
    for (let i = 0; i < from.length; i += 4) {
      const [dr, dg, db] = [to[i] - from[i], to[i + 1] - from[i + 1], to[i + 2] - from[i + 2]];
      counts[Math.max(Math.abs(dr), Math.abs(dg), Math.abs(db))] += 1;
    }
  }
  let above = (width * rows) / 200;
  return counts.findLastIndex((count) => (above -= count) < 0);
}

/**
 * @param {number} width
 * @param {number} rows
 */
const band = (width, rows) => required(new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true }));

/**
 * Some rows of a raster, drawn at a size.
 * @param {Raster} raster
 * @param {OffscreenCanvasRenderingContext2D} context
 * @param {Size} size
 * @param {number} top
 * @param {number} count
 */
function bandOf(raster, context, { width, height }, top, count) {
  context.imageSmoothingEnabled = raster.width > width || raster.height > height;
  context.imageSmoothingQuality = "high";
  context.drawImage(raster.bitmap, 0, -top, width, height);
  return context.getImageData(0, 0, width, count);
}
