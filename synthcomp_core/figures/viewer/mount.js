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

const CALLS_KEPT = 8; // more than ever wait for the script at the same time

/**
 * @typedef {object} Mounted
 * @property {Viewer} viewer
 * @property {Component[]} calls that hold, latest last
 */

/** @type {WeakMap<ParentNode, Mounted>} by mounting element */
const mounted = new WeakMap();

/**
 * What a call returns is called when its element is gone - or while it is there, when the call was outdated before it
 * was made: of reruns that come while the script is loading, Streamlit makes every call, the older ones perhaps last.
 * @param {Component} component
 */
export default function (component) {
  const { parentElement, data } = component;
  const root = /** @type {HTMLElement} */ (parentElement.querySelector(".viewer"));
  const here = mounted.get(parentElement) ?? { viewer: new Viewer(root, data), calls: [] };
  mounted.set(parentElement, here);
  here.calls = [...here.calls, component].slice(-CALLS_KEPT);
  here.viewer.update(component);
  return () => {
    if (root.isConnected) {
      here.calls = here.calls.filter((call) => call !== component);
      const holding = here.calls.at(-1);
      if (holding) here.viewer.update(holding);
      return;
    }
    here.viewer.close();
    mounted.delete(parentElement);
  };
}
