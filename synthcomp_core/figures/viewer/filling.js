// The height of a viewer that fills the window: what lies above it on the page, told to the style sheet.

/**
 * The element around a node that scrolls, also beyond shadow roots, or the page itself.
 * @param {Element} node
 * @returns {Element}
 */
function scrollerOf(node) {
  /** @type {Node | null} */
  let parent = node.parentNode;
  while (parent) {
    if (parent instanceof ShadowRoot) parent = parent.host;
    if (parent instanceof Element && /auto|scroll/.test(getComputedStyle(parent).overflowY)) return parent;
    parent = parent.parentNode;
  }
  return document.documentElement;
}

/** Keeps `--above` at the distance from the window's upper edge to the viewer on a page that is not scrolled. */
export class Filling {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.above = -1;
    this.measure = this.measure.bind(this);
    window.addEventListener("resize", this.measure);
    // Whatever grows or shrinks above the viewer changes the height of what scrolls.
    this.watching = new ResizeObserver(this.measure);
    const content = scrollerOf(root).firstElementChild;
    if (content) this.watching.observe(content);
    this.measure();
  }

  close() {
    window.removeEventListener("resize", this.measure);
    this.watching.disconnect();
  }

  measure() {
    const box = this.root.getBoundingClientRect();
    const full = this.root.matches(":fullscreen");
    if (full || box.width === 0) return; // its place on the page cannot be seen now
    const above = Math.round(box.top + scrollerOf(this.root).scrollTop);
    if (above === this.above || above < 0) return;
    this.above = above;
    this.root.style.setProperty("--above", `${above}px`);
  }
}
