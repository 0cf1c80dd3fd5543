// The view in the page's address, beside parameters that Streamlit writes, so that a link opens it elsewhere.

import { Delayed } from "./delayed.js";
import { parseView } from "./view.js";

/** @import { View } from "./view.js" */

const WRITE_DELAY_MS = 250; // the view has come to rest
const WATCH_MS = 1000; // where the Navigation API is missing, looking now and then does

/** The browser's Navigation API. */
const navigation = "navigation" in window ? /** @type {EventTarget} */ (window.navigation) : null;

/**
 * Streamlit compares the URL with what its server writes, character by character; a difference is a new page to it.
 * @param {string} text
 */
const encodeLikePython = (text) =>
  encodeURIComponent(text)
    .replace(/%20/g, "+")
    .replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());

export class Link {
  /**
   * @param {string | null} parameter of the URL; null: the URL is left alone
   * @param {(view: View) => void} onVisit is called with a view that the browser's history brings back
   * @param {() => void} onWritten
   */
  constructor(parameter, onVisit, onWritten) {
    this.parameter = parameter;
    /** @type {string | null} the view as it should stand in the URL; null: not yet any */
    this.wanted = null;
    this.pathname = window.location.pathname;
    this.writing = new Delayed(WRITE_DELAY_MS, onWritten);
    this.onVisit = () => {
      const view = this.view();
      if (view) onVisit(view);
      else this.keep();
    };
    this.onEntry = () => this.keep();
    window.addEventListener("popstate", this.onVisit);
    navigation?.addEventListener("currententrychange", this.onEntry);
    this.watching = window.setInterval(this.onEntry, WATCH_MS);
  }

  close() {
    window.removeEventListener("popstate", this.onVisit);
    navigation?.removeEventListener("currententrychange", this.onEntry);
    window.clearInterval(this.watching);
    this.writing.cancel();
  }

  text() {
    return this.parameter ? new URLSearchParams(window.location.search).get(this.parameter) : null;
  }

  /** The view in the URL, or null. */
  view() {
    return parseView(this.text());
  }

  /**
   * Puts a view into the URL once it has rested.
   * @param {string} text
   */
  write(text) {
    this.writing.ask(() => {
      this.wanted = text;
      this.keep();
    });
  }

  /** Puts the view back into the URL when Streamlit has rewritten it from the parameters it knows. */
  keep() {
    if (!this.wanted || !this.parameter || window.location.pathname !== this.pathname) return;
    if (this.text() === this.wanted) return;
    const { pathname, search, hash } = window.location;
    const others = search.slice(1).split("&").filter((part) => part && part.split("=")[0] !== this.parameter);
    const query = [...others, `${this.parameter}=${encodeLikePython(this.wanted)}`].join("&");
    window.history.replaceState(window.history.state, "", `${pathname}?${query}${hash}`);
  }
}
