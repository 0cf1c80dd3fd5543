// The status line and the loupe: which image, which pixel, which values.

import { loupeParts } from "./controls.js";
import { drawLoupe, LOUPE_PIXELS } from "./drawing.js";
import { setCount, setText } from "./elements.js";
import { effective, inside, placement } from "./geometry.js";
import { pixelAt, readPixel } from "./rasters.js";
import { clamp } from "./view.js";

/** @import { Point } from "./geometry.js" */
/** @import { Raster } from "./rasters.js" */
/** @import { Pane, Scene } from "./scene.js" */
/** @import { Viewer } from "./viewer.js" */

/**
 * Names the image, the pixel and its values under the pointer, or at the centre without one.
 * @param {Viewer} viewer
 * @param {Scene} scene
 */
export function readOut(viewer, scene) {
  const { where, swatch, rgb, maps, loupes } = viewer.controls;
  const { pointer } = viewer;
  const pane = viewer.paneAt(scene, pointer);
  const at = pointer ? fractionsAt(viewer, scene, pane, pointer) : effective(viewer.view, pane, scene.size);
  const said = viewer.says();
  const raster = !said && pointer && inside(pane.clip, pointer) && isWithin(at) ? scene.raster(pane.picture) : null;
  swatch.hidden = rgb.hidden = maps.hidden = !raster;
  if (said) {
    setText(where, said);
  } else if (raster) {
    namePixel(viewer, scene, pane, raster, at);
  } else {
    const atCentre = !pointer && !loupes.hidden;
    setText(where, atCentre ? "Loupe at the centre; point at a pixel to read it" : "Point at a pixel to read it");
  }
  if (!loupes.hidden) drawLoupes(viewer, scene, { x: clamp(at.x, 0, 1), y: clamp(at.y, 0, 1) });
}

/** @param {Point} fraction */
const isWithin = ({ x, y }) => x >= 0 && y >= 0 && x < 1 && y < 1;

/**
 * @param {Viewer} viewer
 * @param {Scene} scene
 * @param {Pane} pane
 * @param {Raster} raster of the pane's image
 * @param {Point} fraction of the image
 */
function namePixel(viewer, scene, pane, raster, fraction) {
  const { where, swatch, rgb, maps } = viewer.controls;
  const at = pixelAt(raster, fraction);
  const values = readPixel(raster, at).join(" ");
  const other = pane.difference && scene.raster(pane.difference);
  const against = other ? ` against ${pane.difference?.label}` : "";
  setText(where, `${pane.picture.label}${against} · x ${at.x} y ${at.y}`);
  setText(rgb, `RGB ${values}` + (other ? ` against ${readPixel(other, pixelAt(other, fraction)).join(" ")}` : ""));
  swatch.style.backgroundColor = `rgb(${values})`;
  const mapped = pane.difference ?? pane.picture; // the difference to the original has the maps of the other image
  const onReady = () => viewer.setPointer(viewer.pointer);
  setText(maps, scene.mapNumbers(mapped, fraction, onReady).join(" · "));
}

/**
 * Where the pointer is, as fractions of the image in its pane; outside 0 to 1 beside the image.
 * @param {Viewer} viewer
 * @param {Scene} scene
 * @param {Pane} pane
 * @param {Point} pointer
 */
function fractionsAt(viewer, scene, pane, pointer) {
  const { width, height } = scene.size;
  const { zoom, left, top } = placement(viewer.view, pane, scene.size);
  return { x: (pointer.x - left) / (zoom * width), y: (pointer.y - top) / (zoom * height) };
}

/**
 * @param {Viewer} viewer
 * @param {Scene} scene
 * @param {Point} fraction
 */
function drawLoupes(viewer, scene, fraction) {
  const { loupes, loupeList } = viewer.controls;
  const { ratio } = viewer.surface;
  const edge = Math.round(13 * ratio) * LOUPE_PIXELS;
  setCount(loupes, loupeList, scene.pictures.length, loupeParts);
  /** @type {number[] | undefined} */
  let reference;
  scene.pictures.forEach((picture, i) => {
    const { canvas, name, values, change } = loupeList[i];
    if (canvas.width !== edge) canvas.width = canvas.height = edge;
    canvas.style.width = canvas.style.height = `${edge / ratio}px`;
    setText(name, `${i + 1} · ${picture.label}`);
    const raster = scene.raster(picture);
    if (!raster) return;
    const rgb = drawLoupe(canvas, raster, fraction);
    setText(values, rgb.join(" "));
    setText(change, reference ? `Δ ${changes(reference, rgb)}` : "reference");
    reference ??= rgb;
  });
}

/**
 * @param {number[]} from
 * @param {number[]} to
 */
function changes(from, to) {
  const signed = (/** @type {number} */ d) => (d > 0 ? `+${d}` : d < 0 ? `−${-d}` : "0");
  return to.map((value, i) => signed(value - from[i])).join(" ");
}
