// The elements around the canvas: toolbar, labels, divider, loupe, status line, key list. Text only by textContent.

const SVG = "http://www.w3.org/2000/svg";

// 16 x 16 outlines, drawn with a stroke of the text colour.
const ICONS = {
  swap: "M2 5.5h11M10 2.5l3 3-3 3M14 10.5H3M6 7.5l-3 3 3 3",
  minus: "M3 8h10",
  plus: "M3 8h10M8 3v10",
  upright: "M8 1.5v13M2.5 4h3v8h-3zM10.5 4h3v8h-3z",
  level: "M1.5 8h13M4 2.5v3h8v-3zM4 10.5v3h8v-3z",
  play: "M5 3l8 5-8 5z",
  pause: "M5 3v10M11 3v10",
  crop: "M4.5 1v10.5H15M1 4.5h10.5V15",
  full: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  help: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.8M8 12.6v.4",
};

const PERIODS = [
  [400, "0.4 s"],
  [700, "0.7 s"],
  [1000, "1 s"],
  [2000, "2 s"],
];

const KEYS = [
  ["1 … 9", "Show that picture alone; again: back to the mode before"],
  ["o (hold)", "Show the original"],
  ["s  g  k  d  l", "Swipe, grid, flicker, difference, loupe"],
  ["a  b", "Next picture on the left, on the right (with Shift: the one before)"],
  ["x", "Swap left and right"],
  [",  .", "Move the divider"],
  ["v", "Turn the divider: upright or level"],
  ["Space", "Flip between left and right by hand"],
  ["p", "Run or pause flicker"],
  ["+  −  wheel", "Zoom in, zoom out"],
  ["f  0", "Fit the picture"],
  ["z", "1:1, one picture pixel on one screen pixel (also double click)"],
  ["Arrows, drag", "Move the picture (with Shift: by one pixel)"],
  ["m", "Next overlay: none, difference, maps"],
  ["Page Up, Page Down", "Raise or lower the gain"],
  ["c", "Crop for a figure, where the page draws any: drag a rectangle (with Shift: a square)"],
  ["C", "Crop what is on screen"],
  ["Backspace", "Take the last crop away"],
  ["w", "Whole screen"],
  ["?", "This list"],
];

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else if (value !== false && value !== null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const iconButton = (name, label, onclick) =>
  element("button", { type: "button", class: "icon", title: label, "aria-label": label, onclick }, icon(name));

function setIcon(button, name, label) {
  if (button.title === label) return;
  button.title = label;
  button.setAttribute("aria-label", label);
  button.replaceChildren(icon(name));
}

function choice(label, onchange) {
  const select = element("select", { "aria-label": label, onchange: (event) => onchange(event.target.value) });
  const caption = element("span", { text: label });
  return { field: element("label", { class: "field" }, caption, select), caption, select };
}

/** Fills a select, only where it differs, so that an open list stays open while the page runs. */
function setOptions(select, options, value) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.dataset.options = wanted;
    select.replaceChildren(...options.map(([id, text]) => element("option", { value: id, text })));
  }
  if (select.value !== value) select.value = value;
}

const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

const setAttribute = (node, name, value) => {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
};

/** Builds the viewer's elements inside `root`; `viewer` is called when one of them is used. */
function buildControls(root, viewer) {
  const c = {};
  c.modes = new Map(
    MODES.map(({ id, label, key, hint }) => [
      id,
      element("button", { type: "button", title: `${hint} (${key})`, onclick: () => viewer.setMode(id), text: label }),
    ]),
  );
  c.left = choice("Left", (key) => viewer.change({ left: key }));
  c.right = choice("Right", (key) => viewer.change({ right: key }));
  c.swap = iconButton("swap", "Swap left and right (x)", () => viewer.swap());
  c.orient = iconButton("upright", "Turn the divider (v)", () => viewer.turnDivider());
  c.play = iconButton("pause", "Pause (p)", () => viewer.setPlaying(!viewer.playing));
  c.period = choice("Every", (value) => viewer.setPeriod(Number(value)));
  c.kind = choice("Show", (kind) => viewer.change({ kind }));
  c.overlay = choice("Overlay", (overlay) => viewer.change({ overlay }));
  c.opacity = element("input", {
    type: "range",
    min: 0,
    max: 100,
    "aria-label": "Opacity of the overlay",
    title: "Opacity of the overlay",
    oninput: (event) => viewer.change({ opacity: Number(event.target.value) / 100 }),
  });
  c.gain = choice("Gain", (gain) => viewer.change({ gain: Number(gain) }));
  c.zoomOut = iconButton("minus", "Zoom out (−)", () => viewer.step(-1));
  c.zoom = choice("Zoom", (zoom) => viewer.setZoom(Number(zoom)));
  c.zoomIn = iconButton("plus", "Zoom in (+)", () => viewer.step(1));
  c.crop = iconButton("crop", "Crop for a figure (c)", () => viewer.crop.toggle());
  c.full = iconButton("full", "Whole screen (w)", () => viewer.toggleFullScreen());
  c.help = iconButton("help", "Keys (?)", () => viewer.toggleHelp());

  const group = (label, ...children) => element("div", { class: "group", role: "group", "aria-label": label }, ...children);
  c.modeGroup = element("div", { class: "modes", role: "group", "aria-label": "Mode" }, ...c.modes.values());
  const spring = () => element("div", { class: "spring" });
  const zoom = group("Zoom", c.zoomOut, c.zoom.field, c.zoomIn);
  const pair = group("Pictures", c.left.field, c.swap, c.right.field, c.orient);
  const options = group("Options", c.play, c.period.field, c.kind.field, c.overlay.field, c.opacity, c.gain.field);
  c.toolbar = element(
    "div",
    { class: "toolbar" },
    // Two rows whatever the mode, so that the pictures keep their size when it changes.
    element("div", { class: "row" }, c.modeGroup, spring(), zoom, group("Viewer", c.crop, c.full, c.help)),
    element("div", { class: "row" }, pair, spring(), options),
  );
  c.zoom.field.classList.add("bare");

  c.canvas = element("canvas", { "aria-hidden": "true" });
  c.labels = element("div", { class: "labels" });
  c.divider = element("div", { class: "divider", role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": 100 });
  c.divider.append(element("span", { class: "grip", "aria-hidden": "true" }));
  c.message = element("div", { class: "message", role: "status" });
  c.stage = element(
    "div",
    { class: "stage", role: "application", tabindex: 0, "aria-label": "Pictures; press ? for the keys" },
    c.canvas,
    c.labels,
    c.divider,
    c.message,
  );
  c.loupes = element("div", { class: "loupes", role: "group", "aria-label": "Loupe" });
  c.where = element("span", { class: "where" });
  c.swatch = element("span", { class: "swatch", "aria-hidden": "true" });
  c.rgb = element("span", { class: "rgb" });
  c.pictureSize = element("span", { class: "size" });
  c.status = element("div", { class: "status" }, c.where, c.swatch, c.rgb, spring(), c.pictureSize);
  c.live = element("div", { class: "unseen", "aria-live": "polite" });
  c.dialog = helpDialog();
  root.replaceChildren(c.toolbar, c.stage, c.loupes, c.status, c.live, c.dialog);
  return c;
}

function helpDialog() {
  const rows = KEYS.map(([keys, what]) =>
    element("div", {}, element("dt", {}, element("kbd", { text: keys })), element("dd", { text: what })),
  );
  const dialog = element("dialog", { "aria-label": "Keys of the viewer" });
  const close = element("button", { type: "button", text: "Close", onclick: () => dialog.close() });
  dialog.append(element("h2", { text: "Keys" }), element("dl", {}, ...rows), close);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}

/** Brings every control in line with the view. */
function syncControls(c, viewer, view) {
  const { scene } = viewer;
  const mode = scene.mode(view);
  const [left, right] = scene.pair(view);
  const options = scene.pictures.map((picture) => [picture.key, `${scene.number(picture)} · ${picture.label}`]);
  for (const [id, button] of c.modes) {
    setAttribute(button, "aria-pressed", String(id === mode));
    button.disabled = scene.pictures.length < 2 && id !== "single" && id !== "loupe";
  }
  const one = mode === "single" || mode === "loupe";
  const two = !one && mode !== "grid";
  setText(c.left.caption, one ? "Picture" : "Left");
  setAttribute(c.left.select, "aria-label", c.left.caption.textContent);
  setOptions(c.left.select, options, left.key);
  setOptions(c.right.select, options, right.key);
  c.left.field.hidden = mode === "grid";
  c.right.field.hidden = c.swap.hidden = !two;
  c.orient.hidden = mode !== "swipe";
  setIcon(c.orient, view.orient === "v" ? "level" : "upright", `Turn the divider ${view.orient === "v" ? "level" : "upright"} (v)`);
  c.play.hidden = c.period.field.hidden = mode !== "flicker";
  setIcon(c.play, viewer.playing ? "pause" : "play", viewer.playing ? "Pause (p)" : "Run (p)");
  setOptions(c.period.select, PERIODS.map(([ms, text]) => [String(ms), text]), String(viewer.period));

  const maps = scene.overlayLabels().map((label) => [label, label]);
  c.kind.field.hidden = mode !== "difference";
  setOptions(c.kind.select, [["abs", "Absolute"], ["signed", "Signed"], ...maps], view.kind);
  c.overlay.field.hidden = mode === "difference" || (scene.pictures.length < 2 && maps.length === 0);
  setOptions(c.overlay.select, [["", "None"], [DIFFERENCE_OVERLAY, "Difference to 1"], ...maps], view.overlay);
  const shown = mode === "difference" ? "" : view.overlay;
  c.opacity.hidden = !shown;
  if (c.opacity.value !== String(Math.round(view.opacity * 100))) c.opacity.value = Math.round(view.opacity * 100);
  c.gain.field.hidden = mode === "difference" ? view.kind !== "abs" && view.kind !== "signed" : shown !== DIFFERENCE_OVERLAY;
  setOptions(c.gain.select, GAINS.map((gain) => [String(gain), `× ${gain}`]), String(view.gain));

  const fit = fitZoom(viewer.paneSize(), scene.size);
  const zooms = [["0", `Fit (${zoomName(fit)})`], ...ZOOM_STEPS.map((step) => [String(step), zoomName(step)])];
  setOptions(c.zoom.select, zooms, String(view.zoom));
  setText(c.pictureSize, `${scene.size.width} × ${scene.size.height}`);
  syncDivider(c, view, mode, left, right);
  viewer.crop.sync(c);
  c.loupes.hidden = mode !== "loupe";
}

function syncDivider(c, view, mode, left, right) {
  c.divider.hidden = mode !== "swipe";
  if (c.divider.hidden) return;
  const percent = Math.round(view.split * 100);
  const upright = view.orient === "v";
  c.divider.classList.toggle("level", !upright);
  c.divider.style.setProperty("--split", `${view.split * 100}%`);
  // The slider's axis is the direction in which it moves, across the line that is drawn.
  setAttribute(c.divider, "aria-orientation", upright ? "horizontal" : "vertical");
  setAttribute(c.divider, "aria-label", `Divider between ${left.label} and ${right.label}`);
  setAttribute(c.divider, "aria-valuenow", String(percent));
  setAttribute(c.divider, "aria-valuetext", `${percent} % ${left.label}, ${100 - percent} % ${right.label}`);
}

/** One label a pane: number, name and detail of the picture in it, at a corner that is the pane's own. */
function syncLabels(c, viewer, view, panes, sentences) {
  const { scene, ratio } = viewer;
  const mode = scene.mode(view);
  while (c.labels.childElementCount > panes.length) c.labels.lastElementChild.remove();
  while (c.labels.childElementCount < panes.length) {
    const parts = ["number", "name", "detail", "sentence"].map((name) => element("span", { class: name }));
    c.labels.append(element("div", { class: "label" }, ...parts));
  }
  panes.forEach((pane, i) => {
    const node = c.labels.children[i];
    const [number, name, detail, sentence] = node.children;
    const other = pane.difference;
    setText(number, other ? "Δ" : String(scene.number(pane.picture)));
    setText(name, other ? differenceName(view, pane.picture, other) : pane.picture.label);
    setText(detail, other ? "" : pane.picture.detail);
    setText(sentence, sentences[i]);
    node.title = [name.textContent, detail.textContent].filter(Boolean).join(" · ");
    const last = mode === "swipe" && i === 1;
    const level = last && view.orient === "h";
    node.classList.toggle("last", last && !level);
    const half = mode === "swipe" && view.orient === "v" ? 2 : 1;
    node.style.setProperty("--x", `${pane.x / ratio}px`);
    node.style.setProperty("--y", `${pane.y / ratio}px`);
    node.style.setProperty("--w", `${pane.w / ratio / half}px`);
    node.classList.toggle("low", level);
    // A label belongs to what is seen: with the divider at the edge, only one picture is.
    node.hidden = pane.clip.w <= 0 || pane.clip.h <= 0;
  });
}

function differenceName(view, left, right) {
  if (view.kind === "abs") return `|${left.label} − ${right.label}| × ${view.gain}`;
  if (view.kind === "signed") return `${right.label} − ${left.label}, × ${view.gain} around grey`;
  return `${view.kind} of ${right.label}`;
}
