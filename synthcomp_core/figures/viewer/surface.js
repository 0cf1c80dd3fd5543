// The canvas in device pixels: kept at the size of the screen's pixels that it covers.

import { required } from "./rasters.js";

/** @import { Point } from "./geometry.js" */

/**
 * The browser knows best how many device pixels an element got, except where a device is only emulated.
 * @param {number} computed
 * @param {number | undefined} given
 */
const wholePixels = (computed, given = NaN) =>
  Math.abs(given - computed) < 1 ? given : Math.max(1, Math.round(computed));

export class Surface {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} stage the element that it fills
   * @param {() => void} onResize is called when the canvas was resized, and so is blank
   */
  constructor(canvas, stage, onResize) {
    this.canvas = canvas;
    this.ratio = window.devicePixelRatio || 1;
    this.resizing = new ResizeObserver(([entry]) => {
      const box = entry.devicePixelContentBoxSize?.[0];
      this.ratio = window.devicePixelRatio || 1;
      const width = wholePixels(stage.clientWidth * this.ratio, box?.inlineSize);
      const height = wholePixels(stage.clientHeight * this.ratio, box?.blockSize);
      if (canvas.width === width && canvas.height === height) return;
      canvas.width = width;
      canvas.height = height;
      onResize();
    });
    try {
      this.resizing.observe(canvas, { box: "device-pixel-content-box" });
    } catch {
      this.resizing.observe(canvas); // Safari before device pixels could be observed
    }
  }

  close() {
    this.resizing.disconnect();
  }

  get context() {
    return required(this.canvas.getContext("2d", { alpha: false }));
  }

  /**
   * A mouse event's place on the canvas, in device pixels.
   * @param {MouseEvent} event
   * @returns {Point}
   */
  pointOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.canvas;
    const x = ((event.clientX - box.left) * width) / box.width;
    return { x, y: ((event.clientY - box.top) * height) / box.height };
  }
}
