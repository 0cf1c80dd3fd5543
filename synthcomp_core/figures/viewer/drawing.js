// Drawing: rasters into panes of the canvas, exact above 1:1, smooth below.

import { placement } from "./geometry.js";
import { pixelAt, readPixel, required } from "./rasters.js";
import { clamp, DIFFERENCE_OVERLAY } from "./view.js";

/** @import { Box, Placement, Point, Size } from "./geometry.js" */
/** @import { Raster } from "./rasters.js" */
/** @import { Pane, Picture, Scene } from "./scene.js" */
/** @import { View } from "./view.js" */

/**
 * Draws a raster over the place of the reference, whatever its own size.
 * @param {CanvasRenderingContext2D} context
 * @param {Raster} raster
 * @param {Placement} place
 * @param {Box} clip
 * @param {Size} size of the reference
 * @param {() => void} onReduced
 */
function drawRaster(context, raster, place, clip, size, onReduced) {
  const width = size.width * place.zoom;
  const height = size.height * place.zoom;
  const scaleX = width / raster.width;
  const scaleY = height / raster.height;
  if (scaleX < 1 || scaleY < 1) {
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(raster.atLeast(width, height, onReduced), place.left, place.top, width, height);
    return;
  }
  // Only the visible pixels: an image 4096 pixels wide would be 262144 wide at 64x, beyond what canvases take exactly.
  const x0 = clamp(Math.floor((clip.x - place.left) / scaleX), 0, raster.width);
  const y0 = clamp(Math.floor((clip.y - place.top) / scaleY), 0, raster.height);
  const x1 = clamp(Math.ceil((clip.x + clip.w - place.left) / scaleX), 0, raster.width);
  const y1 = clamp(Math.ceil((clip.y + clip.h - place.top) / scaleY), 0, raster.height);
  if (x1 <= x0 || y1 <= y0) return;
  context.imageSmoothingEnabled = false;
  context.drawImage(
    raster.bitmap,
    x0,
    y0,
    x1 - x0,
    y1 - y0,
    place.left + x0 * scaleX,
    place.top + y0 * scaleY,
    (x1 - x0) * scaleX,
    (y1 - y0) * scaleY,
  );
}

/**
 * Draws one pane with its overlay. Returns the sentence to show instead of an image or overlay, or "".
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {View} view
 * @param {Pane} pane
 * @param {() => void} onReady is called when something that is still missing could be drawn
 */
export function drawPane(context, scene, view, pane, onReady) {
  const { picture } = pane;
  const place = placement(view, pane, scene.size);
  const raster = scene.raster(picture);
  if (!raster) return scene.failures.get(picture.url) ?? "";
  const draw = (/** @type {Raster} */ what) => drawRaster(context, what, place, pane.clip, scene.size, onReady);
  let sentence = "";
  context.save();
  context.beginPath();
  context.rect(pane.clip.x, pane.clip.y, pane.clip.w, pane.clip.h);
  context.clip();
  if (pane.difference) {
    sentence = drawDifference(scene, view, picture, pane.difference, draw, onReady);
  } else {
    draw(raster);
    context.globalAlpha = view.opacity;
    sentence = drawOverlay(scene, view, picture, draw, onReady);
  }
  context.restore();
  return sentence;
}

/**
 * @param {Scene} scene
 * @param {View} view
 * @param {Picture} picture
 * @param {Picture} other
 * @param {(raster: Raster) => void} draw
 * @param {() => void} onReady
 */
function drawDifference(scene, view, picture, other, draw, onReady) {
  if (view.kind === "abs" || view.kind === "signed") {
    const raster = scene.difference(picture, other, view.kind === "signed", view.gain, onReady);
    if (raster) draw(raster);
    return raster ? "" : scene.failure(picture, other) || "Computing the difference…";
  }
  const map = scene.overlay(view.kind, other);
  if (!map) return `There is no ${view.kind} of ${other.label}; choose another image on the right.`;
  const raster = scene.overlayRaster(map, onReady);
  if (raster) draw(raster);
  return raster ? "" : scene.failure(map) || "Loading…";
}

/**
 * Draws what a view lays over an image, if there is such a thing. Returns the sentence that says why it failed, or "".
 * @param {Scene} scene
 * @param {View} view
 * @param {Picture} picture
 * @param {(raster: Raster) => void} draw
 * @param {() => void} onReady
 */
function drawOverlay(scene, view, picture, draw, onReady) {
  const reference = scene.pictures[0];
  const isDifference = view.overlay === DIFFERENCE_OVERLAY && picture !== reference;
  const map = scene.overlay(view.overlay, picture);
  if (!isDifference && !map) return "";
  const raster = map
    ? scene.overlayRaster(map, onReady)
    : scene.difference(reference, picture, false, view.gain, onReady);
  if (raster) draw(raster);
  if (raster) return "";
  const why = map ? scene.failure(map) : scene.failure(reference, picture);
  return why && `${map?.label ?? "Difference to 1"}: ${why}`;
}

export const LOUPE_PIXELS = 9; // odd, so that one pixel is in the middle

/**
 * Draws the pixels around a place of a raster into a loupe's canvas; returns RGB of the middle one.
 * @param {HTMLCanvasElement} canvas
 * @param {Raster} raster
 * @param {Point} fraction of the raster
 */
export function drawLoupe(canvas, raster, fraction) {
  const context = required(canvas.getContext("2d", { alpha: false }));
  const cell = canvas.width / LOUPE_PIXELS;
  const middle = (LOUPE_PIXELS - 1) / 2;
  const at = pixelAt(raster, fraction);
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const x0 = Math.max(0, at.x - middle);
  const y0 = Math.max(0, at.y - middle);
  const x1 = Math.min(raster.width, at.x + middle + 1);
  const y1 = Math.min(raster.height, at.y + middle + 1);
  context.imageSmoothingEnabled = false;
  context.drawImage(
    raster.bitmap,
    x0,
    y0,
    x1 - x0,
    y1 - y0,
    (x0 - at.x + middle) * cell,
    (y0 - at.y + middle) * cell,
    (x1 - x0) * cell,
    (y1 - y0) * cell,
  );
  // Two rings, so that the marked pixel stands out on bright and on dark ground alike.
  context.lineWidth = 2;
  context.strokeStyle = "#000";
  context.strokeRect(middle * cell - 2, middle * cell - 2, cell + 4, cell + 4);
  context.strokeStyle = "#fff";
  context.strokeRect(middle * cell - 1, middle * cell - 1, cell + 2, cell + 2);
  return readPixel(raster, at);
}
