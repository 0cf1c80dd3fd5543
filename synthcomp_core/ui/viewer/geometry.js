// What is shown and where: the view, its text form in the URL, and the arithmetic of zoom and panes. No DOM here.
//
// Lengths are device pixels unless named otherwise. Zoom is device pixels per pixel of the reference (the first
// picture), so that 1:1 means one picture pixel on one pixel of the screen whatever its scaling; 0 means "fit".

const ZOOM_STEPS = [1 / 8, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

const MODES = [
  { id: "single", label: "Single", key: "1", hint: "One picture at a time" },
  { id: "swipe", label: "Swipe", key: "s", hint: "Two pictures and a divider" },
  { id: "grid", label: "Grid", key: "g", hint: "All pictures side by side, zoom and position linked" },
  { id: "flicker", label: "Flicker", key: "k", hint: "Two pictures in turn at the same place" },
  { id: "difference", label: "Difference", key: "d", hint: "What separates two pictures" },
  { id: "loupe", label: "Loupe", key: "l", hint: "The same few pixels of every picture, with their values" },
];

const GAINS = [1, 2, 4, 8, 16, 32];

// "difference" is computed here; every other overlay is a picture that came with a label.
const DIFFERENCE_OVERLAY = "difference";

const DEFAULT_VIEW = Object.freeze({
  mode: "swipe",
  left: "",
  right: "",
  zoom: 0,
  x: 0.5,
  y: 0.5,
  split: 0.5,
  orient: "v",
  overlay: "",
  opacity: 0.8,
  kind: "abs",
  gain: 4,
});

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const short = (value, digits) => String(Number(value.toFixed(digits)));

const escapeField = (text) =>
  text.replace(/[%~]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0"));

// Streamlit compares the URL with what its server writes, character by character, and takes a difference for a new page.
const encodeLikePython = (text) =>
  encodeURIComponent(text)
    .replace(/%20/g, "+")
    .replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());

function unescapeField(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The view as one line: six fields that Python reads too, then whatever differs from the default, as name-value. */
function formatView(view) {
  const fields = [
    view.mode,
    escapeField(view.left),
    escapeField(view.right),
    view.zoom ? short(view.zoom, 6) : "fit",
    short(view.x, 6),
    short(view.y, 6),
  ];
  for (const name of ["split", "orient", "overlay", "opacity", "kind", "gain"]) {
    if (view[name] === DEFAULT_VIEW[name]) continue;
    const value = typeof view[name] === "number" ? short(view[name], 3) : escapeField(view[name]);
    fields.push(`${name}-${value}`);
  }
  return fields.join("~");
}

/** The view that a text describes, or null. Values out of range are brought into it; unknown extras are ignored. */
function parseView(text) {
  const fields = String(text ?? "").split("~");
  if (fields.length < 6 || !MODES.some((mode) => mode.id === fields[0])) return null;
  const zoom = fields[3] === "fit" ? 0 : Number(fields[3]);
  const x = Number(fields[4]);
  const y = Number(fields[5]);
  if (![zoom, x, y].every((n) => Number.isFinite(n) && n >= 0)) return null;
  const view = {
    ...DEFAULT_VIEW,
    mode: fields[0],
    left: unescapeField(fields[1]),
    right: unescapeField(fields[2]),
    zoom: zoom ? nearestStep(zoom) : 0,
    x: clamp(x, 0, 1),
    y: clamp(y, 0, 1),
  };
  for (const field of fields.slice(6)) {
    const at = field.indexOf("-");
    const name = field.slice(0, at);
    const value = unescapeField(field.slice(at + 1));
    if (name === "split" || name === "opacity") {
      if (value !== "" && Number.isFinite(Number(value))) view[name] = clamp(Number(value), 0, 1);
    } else if (name === "orient" && (value === "v" || value === "h")) view.orient = value;
    else if (name === "overlay" || name === "kind") view[name] = value;
    else if (name === "gain" && GAINS.includes(Number(value))) view.gain = Number(value);
  }
  return view;
}

function nearestStep(zoom) {
  const distance = (step) => Math.abs(Math.log2(step / zoom));
  return ZOOM_STEPS.reduce((best, step) => (distance(step) < distance(best) ? step : best));
}

/** The next step up or down from any zoom, the fitting one included. */
function nextStep(zoom, direction) {
  if (direction > 0) return ZOOM_STEPS.find((step) => step > zoom * 1.001) ?? ZOOM_STEPS[ZOOM_STEPS.length - 1];
  return ZOOM_STEPS.findLast((step) => step < zoom * 0.999) ?? ZOOM_STEPS[0];
}

/** How a zoom is called: "1/8" … "1:1" … "64×"; a fitting zoom between the steps in per cent. */
function zoomName(zoom) {
  if (zoom === 1) return "1:1";
  if (zoom > 1) return `${short(zoom, 2)}×`;
  return Number.isInteger(1 / zoom) ? `1/${1 / zoom}` : `${short(zoom * 100, zoom < 0.1 ? 1 : 0)} %`;
}

/** The zoom that fits a size into a pane. Whole numbers above 1:1, so that all pixels come out equally large. */
function fitZoom(pane, size) {
  const zoom = Math.min(pane.w / size.width, pane.h / size.height);
  return zoom > 1 ? Math.floor(zoom) : zoom;
}

/** Zoom and centre as they take effect in a pane: what fits is centred, there is nothing to pan to. */
function effective(view, pane, size) {
  const zoom = view.zoom || fitZoom(pane, size);
  return {
    zoom,
    x: size.width * zoom <= pane.w ? 0.5 : view.x,
    y: size.height * zoom <= pane.h ? 0.5 : view.y,
  };
}

/** Where the reference lies for a view in a pane: zoom and the whole-pixel position of its top left corner. */
function placement(view, pane, size) {
  const { zoom, x, y } = effective(view, pane, size);
  return {
    zoom,
    left: Math.round(pane.x + pane.w / 2 - x * size.width * zoom),
    top: Math.round(pane.y + pane.h / 2 - y * size.height * zoom),
  };
}

/** The centre for another zoom that leaves what lies under a point of the pane where it is. */
function centreKeeping(point, zoom, view, pane, size) {
  const now = effective(view, pane, size);
  const along = (centre, from, length) => clamp(centre + ((1 / now.zoom - 1 / zoom) * from) / length, 0, 1);
  return {
    x: along(now.x, point.x - pane.x - pane.w / 2, size.width),
    y: along(now.y, point.y - pane.y - pane.h / 2, size.height),
  };
}

/** The crop from one point of the picture to another, both pixels included; points beside it count as its nearest. */
function cropBetween(from, to, size, square) {
  const pixel = (value, length) => clamp(Math.floor(value), 0, length - 1);
  const room = (at, d, length) => (d < 0 ? at : length - 1 - at);
  const [x, y] = [pixel(from.x, size.width), pixel(from.y, size.height)];
  let [dx, dy] = [pixel(to.x, size.width) - x, pixel(to.y, size.height) - y];
  if (square) {
    const wanted = Math.max(Math.abs(dx), Math.abs(dy));
    const side = Math.min(wanted, room(x, dx, size.width), room(y, dy, size.height));
    [dx, dy] = [dx < 0 ? -side : side, dy < 0 ? -side : side];
  }
  return { x: Math.min(x, x + dx), y: Math.min(y, y + dy), w: Math.abs(dx) + 1, h: Math.abs(dy) + 1 };
}

/** Equal whole-pixel panes for so many pictures, in the columns that show each of them largest. */
function gridPanes(count, width, height, gap, size) {
  let best = null;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const w = Math.max(1, Math.floor((width - gap * (columns - 1)) / columns));
    const h = Math.max(1, Math.floor((height - gap * (rows - 1)) / rows));
    const zoom = Math.min(w / size.width, h / size.height);
    if (!best || zoom > best.zoom * 1.001) best = { zoom, columns, w, h };
  }
  return Array.from({ length: count }, (_, i) => ({
    x: (i % best.columns) * (best.w + gap),
    y: Math.floor(i / best.columns) * (best.h + gap),
    w: best.w,
    h: best.h,
  }));
}
