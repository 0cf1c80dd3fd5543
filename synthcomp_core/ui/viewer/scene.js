// The pictures of one viewer: what Python sent, decoded; and which of them a view shows in which pane.

const DIFFERENCES_KEPT = 12;

const sameSize = (a, b) => a.size.width === b.size.width && a.size.height === b.size.height;

/** Pictures and overlays of one rerun with their rasters; it replaces the one before when all of it is decoded. */
class Scene {
  constructor(data) {
    this.pictures = data.pictures;
    this.overlays = data.overlays;
    this.size = { width: data.pictures[0].width, height: data.pictures[0].height };
    this.rasters = new Map(); // URL -> Raster
    this.failures = new Map(); // URL -> sentence
    this.differences = new Map(); // name -> Raster, or null while it is being computed
  }

  /** Loads every picture; overlays wait until they are looked at. Never rejects: a failure becomes a sentence. */
  async load() {
    await Promise.all(this.pictures.map((picture) => this.fetch(picture)));
  }

  async fetch(picture) {
    const { url } = picture;
    if (this.rasters.has(url) || this.failures.has(url)) return;
    try {
      const raster = await loadRaster(url);
      if (this.released || this.rasters.has(url)) return;
      this.rasters.set(url, raster);
      raster.users += 1;
    } catch (error) {
      this.failures.set(url, error.message);
    }
  }

  release() {
    this.released = true;
    for (const raster of this.rasters.values()) raster.users -= 1;
    for (const raster of this.differences.values()) raster?.close();
    this.rasters.clear();
    this.differences.clear();
  }

  /** Takes over the differences that were computed from pictures that are still here. */
  inherit(old) {
    const urls = new Set(this.pictures.map((picture) => picture.url));
    for (const [name, raster] of old.differences) {
      const [a, b] = name.split(" ");
      if (!raster || !urls.has(a) || !urls.has(b)) continue;
      this.differences.set(name, raster);
      old.differences.delete(name);
    }
  }

  picture(key) {
    return this.pictures.find((picture) => picture.key === key);
  }

  number(picture) {
    return this.pictures.indexOf(picture) + 1;
  }

  raster(picture) {
    return this.rasters.get(picture.url) ?? null;
  }

  overlayLabels() {
    return [...new Set(this.overlays.map((overlay) => overlay.label))];
  }

  overlay(label, picture) {
    return this.overlays.find((overlay) => overlay.label === label && overlay.overlay_of === picture.key);
  }

  /** The two pictures of a view; where it names none that exist, the last two of the first three (A and B). */
  pair(view) {
    const preferred = this.pictures.length > 2 ? [...this.pictures.slice(1), this.pictures[0]] : this.pictures;
    const wanted = this.picture(view.right);
    const left = this.picture(view.left) ?? preferred.find((picture) => picture !== wanted) ?? preferred[0];
    const right = wanted ?? preferred.find((picture) => picture !== left) ?? left;
    return [left, right];
  }

  /** The mode that can be shown: one picture alone has no pair. */
  mode(view) {
    return this.pictures.length > 1 || view.mode === "loupe" ? view.mode : "single";
  }

  /** The view with every choice that does not exist here replaced by one that does. */
  settled(view) {
    const labels = this.overlayLabels();
    const kind = ["abs", "signed", ...labels].includes(view.kind) ? view.kind : DEFAULT_VIEW.kind;
    const overlay = [DIFFERENCE_OVERLAY, ...labels].includes(view.overlay) ? view.overlay : "";
    return { ...view, kind, overlay };
  }

  /** The raster of an overlay picture, or null until it is decoded; `onReady` is called then. */
  overlayRaster(overlay, onReady) {
    const raster = this.raster(overlay);
    if (!raster && !this.failures.has(overlay.url)) this.fetch(overlay).then(onReady);
    return raster;
  }

  /** The difference of two pictures, or null until it is computed; `onReady` is called then. */
  difference(left, right, signed, gain, onReady) {
    const [a, b] = [this.raster(left), this.raster(right)];
    if (!a || !b) return null;
    const name = `${left.url} ${right.url} ${signed} ${gain}`;
    const known = this.differences.get(name);
    if (known !== undefined) return known;
    this.differences.set(name, null);
    differenceRaster(a, b, this.size, signed, gain).then((raster) => {
      if (!this.differences.has(name)) return raster.close(); // released meanwhile
      this.differences.set(name, raster);
      this.dropDifferences();
      onReady();
    });
    return null;
  }

  dropDifferences() {
    for (const [name, raster] of this.differences) {
      if (this.differences.size <= DIFFERENCES_KEPT) return;
      if (!raster) continue;
      raster.close();
      this.differences.delete(name);
    }
  }

  /**
   * What a view shows: panes {x, y, w, h, picture, clip} in device pixels. The pane fixes where the picture lies, the
   * clip how much of it shows. `side` is whose turn it is in flicker.
   */
  panes(view, width, height, gap, side) {
    const whole = { x: 0, y: 0, w: width, h: height };
    const mode = this.mode(view);
    const [left, right] = this.pair(view);
    if (mode === "grid") {
      const panes = gridPanes(this.pictures.length, width, height, gap, this.size);
      return panes.map((pane, i) => ({ ...pane, clip: pane, picture: this.pictures[i] }));
    }
    if (mode === "swipe") {
      const upright = view.orient === "v";
      const at = Math.round(view.split * (upright ? width : height));
      const before = upright ? { ...whole, w: at } : { ...whole, h: at };
      const after = upright ? { ...whole, x: at, w: width - at } : { ...whole, y: at, h: height - at };
      return [
        { ...whole, clip: before, picture: left },
        { ...whole, clip: after, picture: right },
      ];
    }
    const picture = mode === "flicker" && side === 1 ? right : left;
    return [{ ...whole, clip: whole, picture, difference: mode === "difference" ? right : null }];
  }
}
