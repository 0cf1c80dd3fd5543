// Mouse, touch and keyboard, turned into calls of the viewer.

const WHEEL_NOTCH = 60; // pixels of wheel travel a zoom step takes; a mouse's notch sends 100 to 120
const WHEEL_PAUSE_MS = 250;
const PAN_FRACTION = 0.125; // of the pane, for an arrow key
const DIVIDER_STEP = 0.02;

function listen(viewer) {
  const { stage, divider } = viewer.controls;
  listenToWheel(viewer, stage);
  listenToPointers(viewer, stage);
  listenToDivider(viewer, divider);
  viewer.root.addEventListener("keydown", (event) => onKey(viewer, event));
  viewer.root.addEventListener("keyup", (event) => {
    if (event.key === "o" || event.key === "O") viewer.setPeek(false);
  });
  viewer.root.addEventListener("focusout", () => viewer.setPeek(false));
}

function listenToWheel(viewer, stage) {
  let travel = 0;
  let last = 0;
  const onWheel = (event) => {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? 400 : 1;
    if (event.timeStamp - last > WHEEL_PAUSE_MS || travel * event.deltaY < 0) travel = 0;
    last = event.timeStamp;
    // Pinching on a touch pad arrives as a wheel with Ctrl and small steps.
    travel += event.deltaY * unit * (event.ctrlKey ? 6 : 1);
    if (Math.abs(travel) < WHEEL_NOTCH) return;
    viewer.step(travel > 0 ? -1 : 1, viewer.pointOf(event));
    travel = 0;
  };
  stage.addEventListener("wheel", onWheel, { passive: false });
}

function listenToPointers(viewer, stage) {
  const down = new Map(); // pointer id -> last point
  let pinch = null;
  const spread = () => {
    const [a, b] = [...down.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest(".divider")) return;
    stage.setPointerCapture(event.pointerId);
    down.set(event.pointerId, viewer.pointOf(event));
    if (down.size === 2) pinch = { ...spread(), zoom: viewer.zoom() };
    if (viewer.crop.active && down.size === 1) viewer.crop.begin(viewer.pointOf(event));
    else if (viewer.crop.start) viewer.crop.cancel(); // two fingers zoom
    stage.classList.add("dragging");
  });
  stage.addEventListener("pointermove", (event) => {
    const point = viewer.pointOf(event);
    viewer.crop.hush();
    viewer.setPointer(event.target.closest(".divider") ? null : point);
    const before = down.get(event.pointerId);
    if (!before) return;
    down.set(event.pointerId, point);
    if (viewer.crop.start) viewer.crop.move(point, event.shiftKey);
    else if (down.size === 1) viewer.panBy(point.x - before.x, point.y - before.y);
    else if (pinch && down.size === 2) {
      const now = spread();
      viewer.panBy(now.x - pinch.x, now.y - pinch.y);
      pinch = { ...pinch, x: now.x, y: now.y };
      viewer.setZoom(nearestStep((pinch.zoom * now.distance) / Math.max(1, pinch.distance)), now);
    }
  });
  const up = (event) => {
    down.delete(event.pointerId);
    if (down.size < 2) pinch = null;
    if (event.type === "pointerup") viewer.crop.end();
    else viewer.crop.cancel();
    if (down.size === 0) stage.classList.remove("dragging");
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("pointerleave", () => viewer.setPointer(null));
  stage.addEventListener("dblclick", (event) => {
    if (event.target.closest(".divider")) return;
    viewer.setZoom(viewer.view.zoom === 1 ? 0 : 1, viewer.pointOf(event));
  });
}

function listenToDivider(viewer, divider) {
  const moveTo = (event) => {
    const point = viewer.pointOf(event);
    const { width, height } = viewer.controls.canvas;
    viewer.change({ split: clamp(viewer.view.orient === "v" ? point.x / width : point.y / height, 0, 1) });
  };
  divider.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    divider.setPointerCapture(event.pointerId);
    divider.focus({ preventScroll: true });
    event.preventDefault();
  });
  divider.addEventListener("pointermove", (event) => {
    if (divider.hasPointerCapture(event.pointerId)) moveTo(event);
  });
  divider.addEventListener("dblclick", () => viewer.change({ split: 0.5 }));
  divider.addEventListener("keydown", (event) => {
    const split = viewer.view.split;
    const targets = {
      ArrowLeft: split - DIVIDER_STEP,
      ArrowUp: split - DIVIDER_STEP,
      ArrowRight: split + DIVIDER_STEP,
      ArrowDown: split + DIVIDER_STEP,
      PageUp: split - 0.1,
      PageDown: split + 0.1,
      Home: 0,
      End: 1,
    };
    if (!(event.key in targets) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    viewer.change({ split: clamp(targets[event.key], 0, 1) });
  });
}

function panByKey(viewer, right, down, fine) {
  const pane = viewer.paneSize();
  const pixel = Math.max(1, viewer.zoom());
  viewer.panBy(-right * (fine ? pixel : pane.w * PAN_FRACTION), -down * (fine ? pixel : pane.h * PAN_FRACTION));
}

const KEY_ACTIONS = {
  s: (viewer) => viewer.setMode("swipe"),
  g: (viewer) => viewer.setMode("grid"),
  k: (viewer) => viewer.setMode("flicker"),
  d: (viewer) => viewer.setMode("difference"),
  l: (viewer) => viewer.setMode("loupe"),
  a: (viewer) => viewer.cycle("left", 1),
  A: (viewer) => viewer.cycle("left", -1),
  b: (viewer) => viewer.cycle("right", 1),
  B: (viewer) => viewer.cycle("right", -1),
  x: (viewer) => viewer.swap(),
  v: (viewer) => viewer.turnDivider(),
  o: (viewer) => viewer.setPeek(true),
  " ": (viewer) => viewer.flip(),
  p: (viewer) => viewer.setPlaying(!viewer.playing),
  "+": (viewer) => viewer.step(1),
  "=": (viewer) => viewer.step(1),
  "-": (viewer) => viewer.step(-1),
  f: (viewer) => viewer.setZoom(0),
  0: (viewer) => viewer.setZoom(0),
  z: (viewer) => viewer.setZoom(1),
  m: (viewer) => viewer.nextOverlay(),
  w: (viewer) => viewer.toggleFullScreen(),
  "?": (viewer) => viewer.toggleHelp(),
  ",": (viewer) => viewer.change({ split: clamp(viewer.view.split - DIVIDER_STEP, 0, 1) }),
  ".": (viewer) => viewer.change({ split: clamp(viewer.view.split + DIVIDER_STEP, 0, 1) }),
  PageUp: (viewer) => viewer.changeGain(1),
  PageDown: (viewer) => viewer.changeGain(-1),
  ArrowLeft: (viewer, event) => panByKey(viewer, -1, 0, event.shiftKey),
  ArrowRight: (viewer, event) => panByKey(viewer, 1, 0, event.shiftKey),
  ArrowUp: (viewer, event) => panByKey(viewer, 0, -1, event.shiftKey),
  ArrowDown: (viewer, event) => panByKey(viewer, 0, 1, event.shiftKey),
};

function onKey(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !viewer.scene || viewer.controls.dialog.open) return;
  const tag = event.target.tagName;
  if (tag === "SELECT" || tag === "INPUT") return; // they use letters and arrows themselves
  if (tag === "BUTTON" && (event.key === " " || event.key === "Enter")) return;
  const picture = /^[1-9]$/.test(event.key) ? viewer.scene.pictures[Number(event.key) - 1] : null;
  const action = picture
    ? () => viewer.showAlone(picture)
    : (viewer.crop.keyAction(event.key) ?? KEY_ACTIONS[event.key]);
  if (!action) return;
  event.preventDefault();
  event.stopPropagation(); // Streamlit has keys of its own
  if (event.repeat && !/^(Arrow|[+\-=,.])/.test(event.key)) return;
  action(viewer, event);
}
