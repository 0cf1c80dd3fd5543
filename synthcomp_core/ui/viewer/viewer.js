// The viewer itself: holds the view, redraws on change, keeps the URL in step, and is mounted by Streamlit.

const LABEL_GAP = 2; // CSS pixels between the panes of the grid
const URL_DELAY_MS = 250;
const REPORT_DELAY_MS = 1000;
const WATCH_MS = 1000;

// The browser knows best how many device pixels an element got, except where a device is only emulated.
const wholePixels = (computed, given) => (Math.abs(given - computed) < 1 ? given : Math.max(1, Math.round(computed)));

const viewers = new WeakMap(); // mounting element -> Viewer
const lastViews = new Map(); // viewer key -> {view, sent}: outlives a viewer that is taken away and shown again

class Viewer {
  constructor(root, data) {
    this.root = root;
    this.key = data.key;
    this.scene = null;
    this.waiting = null;
    this.view = { ...DEFAULT_VIEW };
    this.ratio = window.devicePixelRatio || 1;
    this.pointer = null;
    this.peek = false;
    this.side = 0;
    this.before = null; // {mode, left} to return to from a picture shown alone
    this.playing = !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.period = 700;
    this.frame = 0;
    this.pathname = window.location.pathname;
    this.linked = null; // the view as it should stand in the URL; null: leave the URL alone
    this.timers = {};
    this.crop = new CropTool(this);
    this.controls = buildControls(root, this);
    this.controls.message.textContent = "Loading…";
    listen(this);
    this.observe();
    this.open(data);
  }

  // --- Life with Streamlit ---

  /** The first view: the link's, else the one this viewer had before, else Python's, else the default. */
  open(data) {
    this.urlParam = data.url_param;
    const linked = parseView(this.urlText());
    const before = lastViews.get(this.key);
    this.sent = before?.sent ?? data.state;
    const view = linked ?? before?.view ?? parseView(data.state);
    if (view) this.view = { ...view };
    if (linked || before) this.linked = formatView(this.view);
  }

  update(component) {
    const { data } = component;
    this.urlParam = data.url_param;
    this.report = data.report ? component.setStateValue : null;
    this.root.style.setProperty("--height", `${data.height}px`);
    this.crop.update(component);
    if (data.state !== this.sent) {
      this.sent = data.state;
      const view = parseView(data.state);
      if (view) this.change({ mode: view.mode, left: view.left, right: view.right, zoom: view.zoom, x: view.x, y: view.y });
    }
    this.keepUrl();
    const scene = new Scene(data);
    this.waiting = scene;
    scene.load().then(() => this.take(scene));
  }

  /** Swaps to a decoded scene at once, so that labels and pictures always belong together. */
  take(scene) {
    if (this.waiting !== scene) return scene.release();
    const old = this.scene;
    this.waiting = null;
    this.scene = scene;
    if (old) {
      if (sameSize(old, scene)) scene.inherit(old); // their names carry the pictures' URLs
      old.release();
    }
    this.controls.message.textContent = "";
    this.root.dataset.ready = scene.pictures.map((picture) => picture.url).join(" ");
    this.changed();
    dropUnused();
  }

  observe() {
    const { canvas, stage } = this.controls;
    this.resizing = new ResizeObserver((entries) => {
      const box = entries[0].devicePixelContentBoxSize?.[0];
      this.ratio = window.devicePixelRatio || 1;
      const width = wholePixels(stage.clientWidth * this.ratio, box?.inlineSize);
      const height = wholePixels(stage.clientHeight * this.ratio, box?.blockSize);
      if (canvas.width === width && canvas.height === height) return;
      canvas.width = width;
      canvas.height = height;
      this.stale = true;
      this.draw(); // at once: a resized canvas is blank
    });
    try {
      this.resizing.observe(canvas, { box: "device-pixel-content-box" });
    } catch {
      this.resizing.observe(canvas); // Safari before device pixels could be observed
    }
    this.onPop = () => {
      const view = parseView(this.urlText());
      if (view) this.change(view);
      else this.keepUrl();
    };
    this.onEntry = () => this.keepUrl();
    window.addEventListener("popstate", this.onPop);
    window.navigation?.addEventListener("currententrychange", this.onEntry);
    // Where the Navigation API is missing, looking now and then does.
    this.timers.watch = window.setInterval(this.onEntry, WATCH_MS);
  }

  close() {
    window.removeEventListener("popstate", this.onPop);
    window.navigation?.removeEventListener("currententrychange", this.onEntry);
    this.resizing.disconnect();
    for (const timer of Object.values(this.timers)) window.clearInterval(timer);
    cancelAnimationFrame(this.frame);
    this.waiting = null;
    this.scene?.release();
    this.scene = null;
  }

  urlText() {
    return this.urlParam ? new URLSearchParams(window.location.search).get(this.urlParam) : null;
  }

  /** Puts the view back into the URL when Streamlit has rewritten it from the parameters it knows. */
  keepUrl() {
    if (!this.linked || !this.urlParam || window.location.pathname !== this.pathname) return;
    if (this.urlText() === this.linked) return;
    const { pathname, search, hash } = window.location;
    const others = search.slice(1).split("&").filter((part) => part && part.split("=")[0] !== this.urlParam);
    const query = [...others, `${this.urlParam}=${encodeLikePython(this.linked)}`].join("&");
    window.history.replaceState(window.history.state, "", `${pathname}?${query}${hash}`);
  }

  // --- Changing the view ---

  change(changes) {
    Object.assign(this.view, changes);
    this.changed();
    const text = formatView(this.view);
    lastViews.set(this.key, { view: { ...this.view }, sent: this.sent });
    window.clearTimeout(this.timers.url);
    this.timers.url = window.setTimeout(() => {
      this.linked = text;
      this.keepUrl();
    }, URL_DELAY_MS);
    window.clearTimeout(this.timers.report);
    if (this.report && text !== this.reported) {
      this.timers.report = window.setTimeout(() => {
        this.reported = text;
        this.report("view", text);
      }, REPORT_DELAY_MS);
    }
  }

  /** Redraws with the next frame. */
  changed() {
    this.stale = true;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  paneSize() {
    const { width, height } = this.controls.canvas;
    const pane = this.scene?.panes(this.view, width, height, this.gap(), 0)[0];
    return pane ?? { x: 0, y: 0, w: width, h: height };
  }

  gap() {
    return Math.round(LABEL_GAP * this.ratio);
  }

  zoom() {
    return this.view.zoom || fitZoom(this.paneSize(), this.scene.size);
  }

  /** A pointer event's place on the canvas, in device pixels. */
  pointOf(event) {
    const box = this.controls.canvas.getBoundingClientRect();
    const { width, height } = this.controls.canvas;
    return { x: ((event.clientX - box.left) * width) / box.width, y: ((event.clientY - box.top) * height) / box.height };
  }

  /** The pane under a point; the first one where there is none, as between the panes of the grid. */
  paneAt(point) {
    const { width, height } = this.controls.canvas;
    const panes = this.panes(width, height);
    return panes.find((pane) => point && inside(pane.clip, point)) ?? panes[0];
  }

  panes(width, height) {
    if (!this.peek) return this.scene.panes(this.view, width, height, this.gap(), this.side);
    return this.scene.panes({ ...this.view, mode: "single", left: this.scene.pictures[0].key }, width, height, 0, 0);
  }

  step(direction, point = null) {
    if (!this.scene) return;
    this.setZoom(nextStep(this.zoom(), direction), point);
  }

  /** Zooms (0 = fit) so that what lies under the point stays there; without a point, about the centre. */
  setZoom(zoom, point = null) {
    if (!this.scene) return;
    if (!zoom) return this.change({ zoom: 0, x: 0.5, y: 0.5 });
    const pane = this.paneAt(point);
    const at = point ?? { x: pane.x + pane.w / 2, y: pane.y + pane.h / 2 };
    this.change({ zoom, ...centreKeeping(at, zoom, this.view, pane, this.scene.size) });
  }

  panBy(dx, dy) {
    if (!this.scene) return;
    const pane = this.paneSize();
    const { size } = this.scene;
    const { zoom } = effective(this.view, pane, size);
    const along = (centre, d, length, extent) =>
      length * zoom <= extent ? centre : clamp(centre - d / (length * zoom), 0, 1);
    this.change({ x: along(this.view.x, dx, size.width, pane.w), y: along(this.view.y, dy, size.height, pane.h) });
  }

  setMode(mode) {
    const restored = this.before && this.view.mode === "single" ? { left: this.before.left } : {};
    this.before = null;
    this.side = 0;
    this.change({ ...restored, mode });
  }

  /** A picture alone; the same one again returns to the mode before. */
  showAlone(picture) {
    if (this.view.mode === "single") {
      const shown = this.scene.pair(this.view)[0];
      if (shown === picture && this.before) return this.setMode(this.before.mode);
      return this.change({ left: picture.key });
    }
    const [left, right] = this.scene.pair(this.view);
    this.before = { mode: this.view.mode, left: left.key };
    this.change({ mode: "single", left: picture.key, right: right.key });
  }

  cycle(side, direction) {
    const { pictures } = this.scene;
    const [left, right] = this.scene.pair(this.view);
    const at = pictures.indexOf(side === "left" ? left : right);
    const next = pictures[(at + direction + pictures.length) % pictures.length];
    this.change({ left: left.key, right: right.key, [side]: next.key });
  }

  swap() {
    const [left, right] = this.scene.pair(this.view);
    this.change({ left: right.key, right: left.key });
  }

  turnDivider() {
    this.change({ orient: this.view.orient === "v" ? "h" : "v" });
  }

  /** Left or right by hand: the other side in flicker, the pair swapped elsewhere. */
  flip() {
    if (this.scene.mode(this.view) !== "flicker") return this.swap();
    this.setPlaying(false);
    this.side = 1 - this.side;
    this.changed();
  }

  setPlaying(playing) {
    this.playing = playing;
    this.changed();
  }

  setPeriod(period) {
    this.period = period;
    this.changed();
  }

  setPeek(peek) {
    if (this.peek === peek) return;
    this.peek = peek;
    this.changed();
  }

  setPointer(point) {
    this.pointer = point;
    this.frame ||= requestAnimationFrame(() => this.draw()); // the pixels stay as they are
  }

  nextOverlay() {
    const choices = ["", DIFFERENCE_OVERLAY, ...this.scene.overlayLabels()];
    this.change({ overlay: choices[(choices.indexOf(this.view.overlay) + 1) % choices.length] });
  }

  changeGain(direction) {
    const at = GAINS.indexOf(this.view.gain) + direction;
    this.change({ gain: GAINS[clamp(at, 0, GAINS.length - 1)] });
  }

  toggleFullScreen() {
    const full = this.root.getRootNode().fullscreenElement === this.root;
    const done = full ? document.exitFullscreen() : this.root.requestFullscreen?.();
    done?.catch(() => {
      this.controls.live.textContent = "The browser does not allow the whole screen here.";
    });
  }

  toggleHelp() {
    const { dialog } = this.controls;
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  // --- Drawing ---

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.scene) return;
    if (this.stale) this.drawPictures();
    this.stale = false;
    readOut(this);
  }

  drawPictures() {
    const { canvas } = this.controls;
    this.context ??= canvas.getContext("2d", { alpha: false });
    this.context.fillStyle = getComputedStyle(this.controls.stage).backgroundColor;
    this.context.fillRect(0, 0, canvas.width, canvas.height);
    const view = this.scene.settled(this.peek ? { ...this.view, overlay: "" } : this.view);
    const panes = this.panes(canvas.width, canvas.height);
    const onReady = () => this.changed();
    const sentences = panes.map((pane) => drawPane(this.context, this.scene, view, pane, onReady));
    for (const pane of panes) this.crop.draw(this.context, pane, this.view, this.scene.size, this.ratio);
    const focused = this.root.getRootNode().activeElement;
    syncControls(this.controls, this, this.scene.settled(this.view));
    // The keys must go on working when the mode takes the focused control away.
    if (focused?.closest("[hidden]") && this.root.contains(focused)) this.controls.stage.focus({ preventScroll: true });
    syncLabels(this.controls, this, view, panes, sentences);
    this.flicker();
    this.describe();
  }

  /** Keeps the flicker's clock running exactly while it is seen. */
  flicker() {
    const wanted = this.playing && this.scene.mode(this.view) === "flicker" ? this.period : 0;
    if (wanted === this.ticking) return;
    this.ticking = wanted;
    window.clearInterval(this.timers.flicker);
    if (!wanted) return;
    this.timers.flicker = window.setInterval(() => {
      this.side = 1 - this.side;
      this.changed();
    }, wanted);
  }

  /** The view for tests, style sheets and screen readers. */
  describe() {
    const { dataset } = this.root;
    const mode = this.scene.mode(this.view);
    const [left, right] = this.scene.pair(this.view);
    const facts = {
      mode: this.peek ? "original" : mode,
      left: left.key,
      right: right.key,
      zoom: String(this.zoom()),
      x: short(this.view.x, 6),
      y: short(this.view.y, 6),
      decodes: String(decodes.count),
      crops: this.crop.crops.map(cropText).join(" "),
    };
    for (const [name, value] of Object.entries(facts)) if (dataset[name] !== value) dataset[name] = value;
    const names = { single: left.label, loupe: left.label, grid: `${this.scene.pictures.length} pictures` };
    const what = names[mode] ?? `${left.label} and ${right.label}`;
    const zoom = this.view.zoom ? zoomName(this.view.zoom) : "fit";
    const view = this.peek ? this.scene.pictures[0].label : `${mode}: ${what}, zoom ${zoom}`;
    if (!this.crop.draft) setText(this.controls.live, this.crop.says() || view);
  }
}

export default function (component) {
  const { parentElement, data } = component;
  let viewer = viewers.get(parentElement);
  if (!viewer) {
    viewer = new Viewer(parentElement.querySelector(".viewer"), data);
    viewers.set(parentElement, viewer);
  }
  viewer.update(component);
  return () => {
    viewer.close();
    viewers.delete(parentElement);
  };
}
