// Crops for a figure, picked on the picture. The page keeps them; here they are drawn, added and taken away.

const MIN_CROP = 4; // pixels of the picture a side; less is a click

/** The crop as Python writes it: x,y,width,height in pixels of the reference. */
const cropText = ({ x, y, w, h }) => [x, y, w, h].join(",");

function parseCrop(text) {
  const [x, y, w, h] = text.split(",").map(Number);
  return { x, y, w, h };
}

class CropTool {
  constructor(viewer) {
    this.viewer = viewer;
    this.offered = false; // whether the page takes crops
    this.active = false; // whether the next drag picks one
    this.crops = [];
    this.colours = [];
    this.told = []; // what the page has not yet sent back
    this.known = ""; // the crops as the page sent them last
    this.start = null; // the pane and the fractions where the drag began
    this.draft = null;
    this.sentence = "";
  }

  update({ data, setTriggerValue }) {
    this.offered = data.pick_crops;
    this.colours = data.crop_colours;
    this.send = setTriggerValue;
    if (!this.offered) this.active = false;
    const sent = data.crops.join(" ");
    if (sent === this.known) return;
    this.known = sent;
    // What comes back of an earlier pick must not undo a later one; anything else is the page's own word.
    const at = this.told.lastIndexOf(sent);
    this.told = at >= 0 ? this.told.slice(at + 1) : [];
    if (this.told.length > 0) return;
    this.crops = data.crops.map(parseCrop);
    this.viewer.changed();
  }

  toggle(active = !this.active) {
    this.active = this.offered && active && this.viewer.scene !== null;
    this.start = this.draft = null;
    this.sentence = "";
    if (this.active && this.isFull()) {
      this.active = false;
      this.sentence = `A figure has at most ${this.colours.length} crops; Backspace takes the last one away`;
    }
    this.viewer.changed();
  }

  isFull() {
    return this.crops.length >= this.colours.length;
  }

  begin(point) {
    this.start = { pane: this.viewer.paneAt(point), point };
  }

  /** The drag has come to a point; `square` keeps the sides equal. */
  move(point, square) {
    if (!this.start) return;
    const { view, scene } = this.viewer;
    const { pane, point: from } = this.start;
    const { zoom, left, top } = placement(view, pane, scene.size);
    const at = (p) => ({ x: (p.x - left) / zoom, y: (p.y - top) / zoom });
    this.draft = cropBetween(at(from), at(point), scene.size, square);
    this.viewer.changed();
  }

  /** The drag is over: what it covers becomes a crop, and the next drag pans again. */
  end() {
    if (!this.start) return;
    const { draft } = this;
    const picked = draft && draft.w >= MIN_CROP && draft.h >= MIN_CROP;
    this.start = this.draft = null;
    if (picked) this.add(draft);
    this.viewer.changed();
  }

  cancel() {
    if (!this.start) return;
    this.start = this.draft = null;
    this.viewer.changed();
  }

  /** The pixel under the pointer is wanted again in the status line. */
  hush() {
    this.sentence = "";
  }

  /** What the first pane shows becomes a crop. */
  addScreen() {
    this.toggle(true);
    if (!this.active) return;
    const { scene, view } = this.viewer;
    const pane = this.viewer.paneAt(null);
    const { zoom, left, top } = placement(view, pane, scene.size);
    const at = (x, y) => ({ x: (x - left) / zoom, y: (y - top) / zoom });
    this.add(cropBetween(at(pane.x, pane.y), at(pane.x + pane.w - 1, pane.y + pane.h - 1), scene.size, false));
  }

  add(crop) {
    this.tell([...this.crops, crop]);
    this.sentence = `Crop ${this.crops.length} picked: ${cropName(crop)}`;
  }

  dropLast() {
    if (this.crops.length === 0) return;
    this.tell(this.crops.slice(0, -1));
    this.sentence = `Crop ${this.crops.length + 1} taken away`;
  }

  /** Shows the crops at once and tells the page, which sends them back. */
  tell(crops) {
    this.crops = crops;
    this.active = false;
    this.told.push(crops.map(cropText).join(" "));
    this.send("crops", this.told.at(-1));
    this.viewer.changed();
  }

  /** What a key does here, or null: Escape, for one, is the browser's unless a crop is being picked. */
  keyAction(key) {
    if (!this.offered) return null;
    if (key === "c") return () => this.toggle();
    if (key === "C") return () => this.addScreen();
    if (key === "Backspace") return () => this.dropLast();
    return key === "Escape" && this.active ? () => this.toggle(false) : null;
  }

  /** What there is to say instead of the pixel under the pointer; "" for nothing. */
  says() {
    if (this.draft) return `Crop: ${cropName(this.draft)}`;
    if (this.active) return "Crop: drag a rectangle (Shift: a square; Esc: none)";
    return this.sentence;
  }

  /** Outlines every crop and the one being picked, in the colours that the figure gives them, around their pixels. */
  draw(context, pane, view, size, ratio) {
    const crops = this.draft ? [...this.crops, this.draft] : this.crops;
    if (crops.length === 0) return;
    const { zoom, left, top } = placement(view, pane, size);
    const line = Math.max(1, Math.round(2 * ratio));
    context.save();
    context.beginPath();
    context.rect(pane.clip.x, pane.clip.y, pane.clip.w, pane.clip.h);
    context.clip();
    crops.forEach((crop, i) => {
      const x = Math.round(left + crop.x * zoom);
      const y = Math.round(top + crop.y * zoom);
      const w = Math.round(crop.w * zoom);
      const h = Math.round(crop.h * zoom);
      const frame = (colour, out, width) => {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.strokeRect(x - out, y - out, w + 2 * out, h + 2 * out);
      };
      frame("#000", line, 2 * line); // a dark edge on both sides, to be seen on any picture
      frame(this.colours[i % this.colours.length], line, line);
    });
    context.restore();
  }

  sync(controls) {
    const { crop, stage } = controls;
    crop.hidden = !this.offered;
    setAttribute(crop, "aria-pressed", String(this.active));
    stage.classList.toggle("cropping", this.active);
  }
}

const cropName = ({ x, y, w, h }) => `${w} × ${h} at x ${x} y ${y}`;
