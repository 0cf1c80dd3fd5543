// What a viewer shows: the view, its choices, and its text form in the URL. No DOM here.

/** @typedef {"single" | "swipe" | "grid" | "flicker" | "difference" | "loupe"} Mode */

/**
 * Mode, the pair of images by key ("" = the viewer's choice), zoom and centre, then what only the browser knows.
 *
 * `zoom` is in device pixels per pixel of the reference (the first image), so that 1:1 means one image pixel on one
 * pixel of the screen whatever its scaling; 0 fits the image. `x` and `y` are the centre, as fractions of the image;
 * `split` is the divider's place, as a fraction of the canvas, and `orient` its direction: vertical or horizontal.
 * @typedef {object} View
 * @property {Mode} mode
 * @property {string} left
 * @property {string} right
 * @property {number} zoom
 * @property {number} x
 * @property {number} y
 * @property {number} split
 * @property {"v" | "h"} orient
 * @property {string} overlay the label of the images laid over, DIFFERENCE_OVERLAY, or "" for none
 * @property {number} opacity of the overlay, 0 to 1
 * @property {string} kind what the mode "difference" shows: "abs", "signed", or the label of a map
 * @property {number} gain
 */

/** @type {readonly {id: Mode, label: string, key: string, hint: string}[]} */
export const MODES = [
  { id: "single", label: "Single", key: "1", hint: "One image at a time" },
  { id: "swipe", label: "Swipe", key: "s", hint: "Two images and a divider" },
  { id: "grid", label: "Grid", key: "g", hint: "All images side by side, zoom and position linked" },
  { id: "flicker", label: "Flicker", key: "k", hint: "Two images in turn at the same place" },
  { id: "difference", label: "Difference", key: "d", hint: "What separates two images" },
  { id: "loupe", label: "Loupe", key: "l", hint: "The same few pixels of every image, with their values" },
];

export const ZOOM_STEPS = [1 / 8, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

export const GAINS = [1, 2, 4, 8, 16, 32, 64];

// "difference" is computed here; every other overlay is an image that came with a label.
export const DIFFERENCE_OVERLAY = "difference";

/** @type {Readonly<View>} */
export const DEFAULT_VIEW = Object.freeze({
  mode: "swipe",
  left: "",
  right: "",
  zoom: 0,
  x: 0.5,
  y: 0.5,
  split: 0.5,
  orient: "v",
  overlay: "",
  opacity: 1,
  kind: "abs",
  gain: 4,
});

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * A number with so many decimals at most.
 * @param {number} value
 * @param {number} digits
 */
export const short = (value, digits) => String(Number(value.toFixed(digits)));

/** @param {string} text */
const escapeField = (text) =>
  text.replace(/[%~]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"));

/** @param {string} text */
function unescapeField(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The view as one line: six fields that Python reads too, then whatever differs from the default, as name-value.
 * @param {View} view
 */
export function formatView(view) {
  const fields = [
    view.mode,
    escapeField(view.left),
    escapeField(view.right),
    view.zoom ? short(view.zoom, 6) : "fit",
    short(view.x, 6),
    short(view.y, 6),
  ];
  for (const name of /** @type {const} */ (["split", "orient", "overlay", "opacity", "kind", "gain"])) {
    const value = view[name];
    if (value === DEFAULT_VIEW[name]) continue;
    fields.push(`${name}-${typeof value === "number" ? short(value, 3) : escapeField(value)}`);
  }
  return fields.join("~");
}

/**
 * The view that a text describes, or null. Values out of range are brought into it; unknown extras are ignored.
 * @param {string | null} text
 * @returns {View | null}
 */
export function parseView(text) {
  const fields = (text ?? "").split("~");
  const mode = MODES.find(({ id }) => id === fields[0])?.id;
  if (fields.length < 6 || !mode) return null;
  const zoom = fields[3] === "fit" ? 0 : Number(fields[3]);
  const x = Number(fields[4]);
  const y = Number(fields[5]);
  if (![zoom, x, y].every((n) => Number.isFinite(n) && n >= 0)) return null;
  const view = {
    ...DEFAULT_VIEW,
    mode,
    left: unescapeField(fields[1]),
    right: unescapeField(fields[2]),
    zoom: zoom ? nearestStep(zoom) : 0,
    x: clamp(x, 0, 1),
    y: clamp(y, 0, 1),
  };
  for (const field of fields.slice(6)) {
    const at = field.indexOf("-");
    readExtra(view, field.slice(0, at), unescapeField(field.slice(at + 1)));
  }
  return view;
}

/**
 * Puts one name and value from the end of a view's text into the view, if they make sense.
 * @param {View} view
 * @param {string} name
 * @param {string} value
 */
function readExtra(view, name, value) {
  if (name === "split" || name === "opacity") {
    if (value !== "" && Number.isFinite(Number(value))) view[name] = clamp(Number(value), 0, 1);
  } else if (name === "orient" && (value === "v" || value === "h")) view.orient = value;
  else if (name === "overlay" || name === "kind") view[name] = value;
  else if (name === "gain" && GAINS.includes(Number(value))) view.gain = Number(value);
}

/**
 * The highest gain at which a difference, 0 to 255, is not clipped.
 * @param {number} difference
 */
export const gainFor = (difference) => GAINS.findLast((gain) => gain * difference <= 255) ?? GAINS[0];

/** @param {number} zoom */
export function nearestStep(zoom) {
  const distance = (/** @type {number} */ step) => Math.abs(Math.log2(step / zoom));
  return ZOOM_STEPS.reduce((best, step) => (distance(step) < distance(best) ? step : best));
}

/**
 * The next step up or down from any zoom; beyond the last step 0, the fitting zoom, where that lies further on still,
 * else the zoom as it is.
 * @param {number} zoom
 * @param {number} direction above 0: up
 * @param {number} fit the fitting zoom
 */
export function nextStep(zoom, direction, fit) {
  if (direction > 0) return ZOOM_STEPS.find((step) => step > zoom * 1.001) ?? (fit > zoom * 1.001 ? 0 : zoom);
  return ZOOM_STEPS.findLast((step) => step < zoom * 0.999) ?? (fit < zoom * 0.999 ? 0 : zoom);
}

/**
 * What a zoom is called: "1/8" … "1:1" … "64×"; a fitting zoom between the steps in per cent.
 * @param {number} zoom
 */
export function zoomName(zoom) {
  if (zoom === 1) return "1:1";
  if (zoom > 1) return `${short(zoom, 2)}×`;
  return Number.isInteger(1 / zoom) ? `1/${1 / zoom}` : `${short(zoom * 100, zoom < 0.1 ? 1 : 0)} %`;
}
