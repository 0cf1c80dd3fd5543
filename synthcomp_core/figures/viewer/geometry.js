// Where things lie: the arithmetic of zoom, panes and crops, in device pixels unless named otherwise. No DOM here.

import { clamp } from "./view.js";

/** @import { View } from "./view.js" */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {{x: number, y: number, w: number, h: number}} Box */
/** @typedef {{zoom: number, left: number, top: number}} Placement where the reference lies on the canvas */

/**
 * @param {Box} box
 * @param {Point} point
 */
export const inside = ({ x, y, w, h }, point) => point.x >= x && point.y >= y && point.x < x + w && point.y < y + h;

const ROUNDING = 1e-6; // pixels; (k / 1920) * 1920 comes out a hair below k for some whole k

/**
 * The pixel that a coordinate of an image lies in; coordinates outside count as the nearest inside.
 * @param {number} value in pixels
 * @param {number} length of the image
 */
export const pixelOf = (value, length) => clamp(Math.floor(value + ROUNDING), 0, length - 1);

/**
 * The zoom that fits a size into a pane. Whole numbers above 1:1, so that all pixels come out equally large.
 * @param {Box} pane
 * @param {Size} size
 */
export function fitZoom(pane, size) {
  const zoom = Math.min(pane.w / size.width, pane.h / size.height);
  return zoom > 1 ? Math.floor(zoom) : zoom;
}

/**
 * Zoom and centre as they take effect in a pane: what fits is centred, there is nothing to pan to.
 * @param {View} view
 * @param {Box} pane
 * @param {Size} size of the reference
 */
export function effective(view, pane, size) {
  const zoom = view.zoom || fitZoom(pane, size);
  return {
    zoom,
    x: size.width * zoom <= pane.w ? 0.5 : view.x,
    y: size.height * zoom <= pane.h ? 0.5 : view.y,
  };
}

/**
 * Where the reference lies for a view in a pane: zoom and the whole-pixel position of its top left corner.
 * @param {View} view
 * @param {Box} pane
 * @param {Size} size
 * @returns {Placement}
 */
export function placement(view, pane, size) {
  const { zoom, x, y } = effective(view, pane, size);
  return {
    zoom,
    left: Math.round(pane.x + pane.w / 2 - x * size.width * zoom),
    top: Math.round(pane.y + pane.h / 2 - y * size.height * zoom),
  };
}

/**
 * The centre for another zoom that leaves what lies under a point of the pane where it is.
 * @param {Point} point
 * @param {number} zoom
 * @param {View} view
 * @param {Box} pane
 * @param {Size} size
 * @returns {Point}
 */
export function centreKeeping(point, zoom, view, pane, size) {
  const now = effective(view, pane, size);
  /** @type {(centre: number, from: number, length: number) => number} */
  const along = (centre, from, length) => clamp(centre + ((1 / now.zoom - 1 / zoom) * from) / length, 0, 1);
  return {
    x: along(now.x, point.x - pane.x - pane.w / 2, size.width),
    y: along(now.y, point.y - pane.y - pane.h / 2, size.height),
  };
}

/**
 * The crop from one point of the image to another, both pixels included; points outside count as the nearest inside.
 * @param {Point} from in pixels of the reference, like `to` and the crop
 * @param {Point} to
 * @param {Size} size
 * @param {boolean} square whether the sides are kept equal
 * @returns {Box}
 */
export function cropBetween(from, to, size, square) {
  /** @type {(at: number, d: number, length: number) => number} */
  const room = (at, d, length) => (d < 0 ? at : length - 1 - at);
  const [x, y] = [pixelOf(from.x, size.width), pixelOf(from.y, size.height)];
  let [dx, dy] = [pixelOf(to.x, size.width) - x, pixelOf(to.y, size.height) - y];
  if (square) {
    const wanted = Math.max(Math.abs(dx), Math.abs(dy));
    const side = Math.min(wanted, room(x, dx, size.width), room(y, dy, size.height));
    [dx, dy] = [dx < 0 ? -side : side, dy < 0 ? -side : side];
  }
  return { x: Math.min(x, x + dx), y: Math.min(y, y + dy), w: Math.abs(dx) + 1, h: Math.abs(dy) + 1 };
}

/**
 * Equal whole-pixel panes for so many images, in the columns that show each of them largest.
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 * @param {Size} size
 * @returns {Box[]}
 */
export function gridPanes(count, width, height, gap, size) {
  let best = { zoom: 0, columns: 1, w: 1, h: 1 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const w = Math.max(1, Math.floor((width - gap * (columns - 1)) / columns));
    const h = Math.max(1, Math.floor((height - gap * (rows - 1)) / rows));
    const zoom = Math.min(w / size.width, h / size.height);
    if (zoom > best.zoom * 1.001) best = { zoom, columns, w, h };
  }
  return Array.from({ length: count }, (_, i) => ({
    x: (i % best.columns) * (best.w + gap),
    y: Math.floor(i / best.columns) * (best.h + gap),
    w: best.w,
    h: best.h,
  }));
}
