// The status line and the loupe: which picture, which pixel, which values.

/** Names the picture, the pixel and its values under the pointer, or at the centre without one. */
function readOut(viewer) {
  const { where, swatch, rgb, loupes } = viewer.controls;
  const pane = viewer.paneAt(viewer.pointer);
  const point = viewer.pointer ?? { x: pane.x + pane.w / 2, y: pane.y + pane.h / 2 };
  const place = placement(viewer.view, pane, viewer.scene.size);
  const fx = (point.x - place.left) / (place.zoom * viewer.scene.size.width);
  const fy = (point.y - place.top) / (place.zoom * viewer.scene.size.height);
  const outside = fx < 0 || fy < 0 || fx >= 1 || fy >= 1 || (viewer.pointer && !inside(pane.clip, point.x, point.y));
  const raster = viewer.scene.raster(pane.picture);
  swatch.hidden = rgb.hidden = outside || !raster || (!viewer.pointer && !loupes.hidden);
  if (swatch.hidden || !viewer.pointer) {
    swatch.hidden = rgb.hidden = true;
    setText(where, loupes.hidden ? "Point at a pixel to read it" : "Loupe at the centre; point at a pixel to read it");
  } else {
    const at = pixelAt(raster, fx, fy);
    const [r, g, b] = readPixels(raster, at.x, at.y, 1, 1);
    setText(where, `${pane.picture.label}  ·  x ${at.x}  y ${at.y}`);
    setText(rgb, `RGB ${r} ${g} ${b}`);
    swatch.style.backgroundColor = `rgb(${r} ${g} ${b})`;
  }
  if (!loupes.hidden) drawLoupes(viewer, clamp(fx, 0, 1), clamp(fy, 0, 1));
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
