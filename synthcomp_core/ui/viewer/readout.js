// The status line and the loupe: which picture, which pixel, which values.

/** Names the picture, the pixel and its values under the pointer, or at the centre without one. */
function readOut(viewer) {
  const { where, swatch, rgb, loupes } = viewer.controls;
  const pane = viewer.paneAt(viewer.pointer);
  const { x: fx, y: fy } = viewer.pointer ? fractionsAt(viewer, pane) : effective(viewer.view, pane, viewer.scene.size);
  const outside = fx < 0 || fy < 0 || fx >= 1 || fy >= 1 || !(viewer.pointer && inside(pane.clip, viewer.pointer));
  const raster = viewer.scene.raster(pane.picture);
  const said = viewer.crop.says();
  swatch.hidden = rgb.hidden = outside || !raster || said !== "";
  if (said) {
    setText(where, said);
  } else if (rgb.hidden) {
    const atCentre = !viewer.pointer && !loupes.hidden;
    setText(where, atCentre ? "Loupe at the centre; point at a pixel to read it" : "Point at a pixel to read it");
  } else {
    const at = pixelAt(raster, fx, fy);
    const [r, g, b] = rgbAt(raster, fx, fy);
    const other = pane.difference && viewer.scene.raster(pane.difference);
    const against = other ? ` against ${pane.difference.label}` : "";
    setText(where, `${pane.picture.label}${against} · x ${at.x} y ${at.y}`);
    setText(rgb, other ? `RGB ${r} ${g} ${b} against ${rgbAt(other, fx, fy).join(" ")}` : `RGB ${r} ${g} ${b}`);
    swatch.style.backgroundColor = `rgb(${r} ${g} ${b})`;
  }
  if (!loupes.hidden) drawLoupes(viewer, clamp(fx, 0, 1), clamp(fy, 0, 1));
}

/** Where the pointer is, as fractions of the picture in its pane; outside 0 to 1 beside the picture. */
function fractionsAt(viewer, pane) {
  const { width, height } = viewer.scene.size;
  const { zoom, left, top } = placement(viewer.view, pane, viewer.scene.size);
  return { x: (viewer.pointer.x - left) / (zoom * width), y: (viewer.pointer.y - top) / (zoom * height) };
}

function rgbAt(raster, fx, fy) {
  const at = pixelAt(raster, fx, fy);
  return [...readPixels(raster, at.x, at.y, 1, 1).slice(0, 3)];
}

function drawLoupes(viewer, fx, fy) {
  const { loupes } = viewer.controls;
  const { pictures } = viewer.scene;
  const edge = Math.round(13 * viewer.ratio) * LOUPE_PIXELS;
  while (loupes.childElementCount > pictures.length) loupes.lastElementChild.remove();
  while (loupes.childElementCount < pictures.length) {
    const parts = ["name", "values", "change"].map((name) => element("span", { class: name }));
    loupes.append(element("div", { class: "loupe" }, element("canvas", { "aria-hidden": "true" }), ...parts));
  }
  let reference = null;
  pictures.forEach((picture, i) => {
    const [canvas, name, values, change] = loupes.children[i].children;
    if (canvas.width !== edge) canvas.width = canvas.height = edge;
    canvas.style.width = canvas.style.height = `${edge / viewer.ratio}px`;
    setText(name, `${i + 1} · ${picture.label}`);
    const raster = viewer.scene.raster(picture);
    if (!raster) return;
    const rgb = drawLoupe(canvas, raster, fx, fy);
    reference ??= rgb;
    setText(values, rgb.join(" "));
    const signed = rgb.map((value, k) => value - reference[k]).map((d) => (d > 0 ? `+${d}` : d < 0 ? `−${-d}` : "0"));
    setText(change, i === 0 ? "reference" : `Δ ${signed.join(" ")}`);
  });
}
