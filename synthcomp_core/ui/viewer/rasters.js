// Decoded pictures: one decode a URL for the life of the page, pixel values, reduced copies, differences.

// Reduced and unreferenced copies are cheap to make again; this many unused pictures stay for going back to.
const UNUSED_KEPT = 12;

// No colour management and no premultiplication: the numbers in the file are the numbers on the screen.
const EXACT = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

const rasters = new Map(); // URL -> Promise<Raster>, least recently used first
const decodes = { count: 0 };

class Raster {
  constructor(bitmap) {
    this.bitmap = bitmap;
    this.width = bitmap.width;
    this.height = bitmap.height;
    this.reduced = []; // [1/2, 1/4, ...] as ImageBitmaps, made on first need
    this.reducing = false;
    this.users = 0;
  }

  /** The smallest copy that is still at least as large as wanted; starts making reduced copies when they would help. */
  atLeast(width, height, onReduced) {
    if (width * 2 <= this.width && height * 2 <= this.height) this.reduce(onReduced);
    return this.reduced.findLast((copy) => copy.width >= width && copy.height >= height) ?? this.bitmap;
  }

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
      this.reduced = []; // The full picture serves as well, only slower.
    }
  }

  close() {
    this.bitmap.close();
    for (const copy of this.reduced) copy.close();
  }
}

/** Where Streamlit is served, also behind a proxy that adds a path: beside its own scripts. */
function appRoot() {
  const script = document.querySelector('script[type="module"][src*="static/js/"]');
  return script ? script.src.replace(/static\/js\/.*$/, "") : window.location.origin + "/";
}

/** The decoded picture of a media URL; fetched and decoded once. Rejects with one sentence when it cannot be had. */
function loadRaster(url) {
  const known = rasters.get(url);
  if (known) {
    rasters.delete(url); // moves it to the most recently used end
    rasters.set(url, known);
    return known;
  }
  const loading = fetchRaster(url);
  rasters.set(url, loading);
  loading.catch(() => rasters.delete(url)); // so that a later rerun may try again
  return loading;
}

async function fetchRaster(url) {
  const response = await fetch(new URL(url.replace(/^\//, ""), appRoot()));
  if (!response.ok) throw new Error(`The picture could not be loaded (${response.status}); run the page again.`);
  const blob = await response.blob();
  decodes.count += 1;
  return new Raster(await createImageBitmap(blob, EXACT));
}

/** Closes the least recently used pictures that no viewer shows. */
async function dropUnused() {
  const unused = [];
  for (const [url, loading] of rasters) {
    const raster = await loading.catch(() => null);
    if (raster && raster.users === 0) unused.push([url, raster]);
  }
  for (const [url, raster] of unused.slice(0, Math.max(0, unused.length - UNUSED_KEPT))) {
    rasters.delete(url);
    raster.close();
  }
}

let scratch = null;

/** RGB values (RGBA bytes) of a w x h block at (x, y) of a raster, both within it. */
function readPixels(raster, x, y, w, h) {
  scratch ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  if (scratch.canvas.width < w) scratch.canvas.width = w;
  if (scratch.canvas.height < h) scratch.canvas.height = h;
  scratch.imageSmoothingEnabled = false;
  scratch.drawImage(raster.bitmap, x, y, w, h, 0, 0, w, h);
  return scratch.getImageData(0, 0, w, h).data;
}

/** The pixel of a raster that lies at fractions (fx, fy) of it. */
function pixelAt(raster, fx, fy) {
  return {
    x: clamp(Math.floor(fx * raster.width), 0, raster.width - 1),
    y: clamp(Math.floor(fy * raster.height), 0, raster.height - 1),
  };
}

const BAND_ROWS = 256; // bounds both the memory and the time between two breaths of the page

/**
 * |b - a| times gain, or 128 + gain (b - a) when signed, clipped to 0..255 per channel, at the size given.
 * A picture of another size is brought to it just as it is drawn: nearest when enlarged, smooth when reduced.
 */
async function differenceRaster(a, b, size, signed, gain) {
  const { width, height } = size;
  const rows = Math.min(BAND_ROWS, height);
  const options = { willReadFrequently: true };
  const bands = [a, b].map((raster) => {
    const context = new OffscreenCanvas(width, rows).getContext("2d", options);
    return { raster, context };
  });
  const table = new Uint8ClampedArray(511);
  for (let d = -255; d <= 255; d++) table[d + 255] = signed ? 128 + gain * d : gain * Math.abs(d);
  const result = new OffscreenCanvas(width, height);
  const target = result.getContext("2d");
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    const [pa, pb] = bands.map(({ raster, context }) => {
      context.imageSmoothingEnabled = raster.width > width || raster.height > height;
      context.imageSmoothingQuality = "high";
      context.drawImage(raster.bitmap, 0, -top, width, height);
      return context.getImageData(0, 0, width, count);
    });
    const from = pa.data;
    const to = pb.data;
    for (let i = 0; i < from.length; i += 4) {
      from[i] = table[to[i] - from[i] + 255];
      from[i + 1] = table[to[i + 1] - from[i + 1] + 255];
      from[i + 2] = table[to[i + 2] - from[i + 2] + 255];
      from[i + 3] = 255;
    }
    target.putImageData(pa, 0, top);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return new Raster(result.transferToImageBitmap());
}
