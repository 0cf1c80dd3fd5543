// Maps whose colours stand for numbers: reading a number back, the colour scale, one scale for all maps of a kind.

import { bandwise, readPixel } from "./rasters.js";
import { clamp, short } from "./view.js";

/** @import { Point } from "./geometry.js" */
/** @import { Raster } from "./rasters.js" */
/** @import { Picture } from "./scene.js" */

/**
 * How the colours of a map give its numbers back (`ColourScale` in maps.py): the colour at place i of the 256 stands
 * for `first` + i / 255 (`last` - `first`); the scale that is drawn goes from 0 to `highest`.
 * @typedef {object} Scale
 * @property {string} quantity "FLIP error"
 * @property {string} unit "" if the quantity has none
 * @property {string} colours 256 colours as six hexadecimal digits each
 * @property {number} first
 * @property {number} last
 * @property {number} highest
 */

const LEVELS = 256;

/** @type {Map<string, Colours>} by their digits */
const known = new Map();

/** The 256 colours of a scale, and the way back from a colour to its place. */
class Colours {
  /** @param {string} digits */
  constructor(digits) {
    this.rgb = Array.from({ length: LEVELS }, (_, i) => parseInt(digits.slice(6 * i, 6 * i + 6), 16));
    /** @type {Map<number, number>} */
    this.places = new Map();
    // A few neighbours may share a colour, which then stands for the first of them.
    this.rgb.forEach((rgb, i) => this.places.has(rgb) || this.places.set(rgb, i));
  }

  /** @param {string} digits */
  static of(digits) {
    const colours = known.get(digits) ?? new Colours(digits);
    known.set(digits, colours);
    return colours;
  }
}

/**
 * @param {Scale} scale
 * @param {number} place 0 to 255
 */
const numberAt = (scale, place) => scale.first + (place / (LEVELS - 1)) * (scale.last - scale.first);

/**
 * The number that a map holds at a place, as text with its quantity; null where its colour stands for none.
 * @param {Scale} scale
 * @param {Raster} raster of the map
 * @param {Point} at whole numbers, within the raster
 */
export function readMap(scale, raster, at) {
  const [r, g, b] = readPixel(raster, at);
  const place = Colours.of(scale.colours).places.get((r << 16) | (g << 8) | b);
  return place === undefined ? null : `${scale.quantity} ${numberText(numberAt(scale, place), scale.highest)}`;
}

/**
 * A number of a scale, with as many decimals as its 256 steps tell apart.
 * @param {number} number
 * @param {number} highest
 */
function numberText(number, highest) {
  const decimals = clamp(Math.ceil(Math.log10(LEVELS / highest)), 0, 6);
  return number.toFixed(decimals);
}

/**
 * A map's raster with the colours of a scale that reaches further, so that maps of one kind can be compared.
 * @param {Raster} raster
 * @param {Scale} from
 * @param {Scale} to
 * @returns {Promise<Raster>}
 */
export function rescaled(raster, from, to) {
  const { places, rgb } = Colours.of(from.colours);
  const step = (LEVELS - 1) / (to.last - to.first);
  const moved = rgb.map((_, place) => {
    const wanted = clamp(Math.round((numberAt(from, place) - to.first) * step), 0, LEVELS - 1);
    return Colours.of(to.colours).rgb[wanted];
  });
  return bandwise(raster, (pixels) => {
    for (let i = 0; i < pixels.length; i += 4) {
      const place = places.get((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
      if (place === undefined) continue;
      pixels[i] = moved[place] >> 16;
      pixels[i + 1] = (moved[place] >> 8) & 255;
      pixels[i + 2] = moved[place] & 255;
    }
  });
}

/**
 * The scale of all maps of a kind: the one that reaches furthest; null for overlays without numbers.
 * @param {Picture[]} overlays
 * @returns {Scale | null}
 */
export function commonScale(overlays) {
  const scales = overlays.flatMap(({ scale }) => (scale ? [scale] : []));
  return scales.sort((a, b) => b.highest - a.highest)[0] ?? null;
}

const PARTS = 4; // of the scale, between its numbers

/**
 * The numbers below a colour scale, from 0 to the highest.
 * @param {Scale} scale
 */
export function ticks({ highest }) {
  const digits = clamp(2 - Math.floor(Math.log10(highest)), 0, 6);
  return Array.from({ length: PARTS + 1 }, (_, i) => short((highest * i) / PARTS, digits));
}

/**
 * The colours of a scale, lowest on the left, as a background.
 * @param {Scale} scale
 */
export function gradient({ colours }) {
  const stops = Colours.of(colours).rgb.map((rgb) => `#${rgb.toString(16).padStart(6, "0")}`);
  return `linear-gradient(to right, ${stops.join(",")})`;
}
