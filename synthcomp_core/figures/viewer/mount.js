// Where Streamlit enters: one viewer for each element that it gives, for as long as the element is there.

import { Viewer } from "./viewer.js";

/** @import { FooterData } from "./footer.js" */
/** @import { Picture } from "./scene.js" */

/**
 * What Python sends with every rerun (`show_viewer` in __init__.py).
 * @typedef {object} ViewerData
 * @property {string} key
 * @property {number | null} height of the whole viewer, in CSS pixels; null: what the window leaves
 * @property {Picture[]} pictures
 * @property {Picture[]} overlays
 * @property {FooterData | null} footer
 * @property {boolean} stoppable whether Python wants to hear of Stop
 * @property {string | null} state the view that Python wants, as text
 * @property {number} jump another number moves the viewer to `state` once more
 * @property {string | null} url_param
 * @property {boolean} report whether Python wants to hear of the view
 * @property {string[]} crops
 * @property {string[]} crop_colours
 * @property {boolean} pick_crops
 */

/**
 * What Streamlit hands to a component (Components v2).
 * @typedef {object} Component
 * @property {ViewerData} data
 * @property {ParentNode} parentElement
 * @property {(name: string, value: string) => void} setStateValue
 * @property {(name: string, value: string | boolean) => void} setTriggerValue
 */

/** @type {WeakMap<ParentNode, Viewer>} by mounting element */
const viewers = new WeakMap();

/** @param {Component} component */
export default function (component) {
  const { parentElement, data } = component;
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".viewer"));
  const viewer = viewers.get(parentElement) ?? new Viewer(root, data);
  viewers.set(parentElement, viewer);
  viewer.update(component);
  return () => {
    viewer.close();
    viewers.delete(parentElement);
  };
}
