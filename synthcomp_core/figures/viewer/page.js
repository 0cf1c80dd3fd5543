// Where a shared page enters (page.py): one viewer, with all that it shows in the page itself.

import { Viewer } from "./viewer.js";

/** @import { ViewerData } from "./mount.js" */

const DATA_ID = "viewer-data";

/**
 * A short URL for the bytes of a long one, which the viewer uses as a name too.
 * @param {string} dataUrl of the form data:TYPE;base64,BYTES
 */
function shortUrl(dataUrl) {
  const [head, body] = dataUrl.split(",");
  const text = atob(body);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return URL.createObjectURL(new Blob([bytes], { type: head.replace(/^data:|;base64$/g, "") }));
}

function open() {
  const held = document.getElementById(DATA_ID);
  const root = /** @type {HTMLElement | null} */ (document.querySelector(".viewer"));
  if (!held || !root) return;
  /** @type {ViewerData} */
  const data = JSON.parse(held.textContent ?? "");
  held.remove(); // tens of megabytes of text
  for (const picture of [...data.pictures, ...data.overlays]) picture.url = shortUrl(picture.url);
  const nobody = () => {};
  const viewer = new Viewer(root, data);
  viewer.update({ data, parentElement: document, setStateValue: nobody, setTriggerValue: nobody });
}

open();
