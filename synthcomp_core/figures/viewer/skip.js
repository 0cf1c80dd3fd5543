// The page's first stop for the Tab key: a button, unseen until it is reached, that leads past all else to the images.

import { button } from "./elements.js";

const STYLE = {
  position: "fixed",
  left: "8px",
  padding: "8px 14px",
  border: "2px solid #fff",
  borderRadius: "6px",
  background: "#101218",
  color: "#fff",
  font: "600 14px sans-serif",
  zIndex: "2147483647",
};

/**
 * Puts the button before everything on the page; returns what takes it away again.
 * @param {HTMLElement} stage
 */
export function addSkip(stage) {
  const skip = button({}, () => {
    stage.focus();
    stage.scrollIntoView({ block: "nearest" });
  });
  skip.textContent = "Skip to the images";
  Object.assign(skip.style, STYLE);
  const show = (/** @type {boolean} */ shown) => (skip.style.top = shown ? "8px" : "-80px");
  skip.addEventListener("focus", () => show(true));
  skip.addEventListener("blur", () => show(false));
  show(false);
  document.body.prepend(skip);
  return () => skip.remove();
}
