// The whole page takes an image file that is dropped or pasted. Names come from outside: they only ever become text.

/**
 * What Streamlit hands to a component (Components v2).
 * @typedef {object} Component
 * @property {{max_bytes: number}} data
 * @property {ParentNode} parentElement
 * @property {(name: string, value: {name: string, content: string}) => void} setTriggerValue
 */

/** @param {Component} component */
export default function ({ data, parentElement, setTriggerValue }) {
  const note = /** @type {HTMLElement} */ (parentElement.querySelector(".drop"));
  const listening = new AbortController();
  const { signal } = listening;

  /** @param {string} text */
  const say = (text, over = false) => {
    note.textContent = text;
    note.classList.toggle("over", over);
  };

  /** @param {File} file */
  async function send(file) {
    if (file.size > data.max_bytes) {
      say(`${file.name} has ${Math.ceil(file.size / 2 ** 20)} MiB; at most ${data.max_bytes / 2 ** 20} are taken.`);
      return;
    }
    say(`Reading ${file.name} ...`);
    const url = await new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = () => resolve(null);
      reader.readAsDataURL(file);
    });
    if (url === null) {
      say(`${file.name} cannot be read; drop an image file, not a folder.`);
      return;
    }
    setTriggerValue("file", { name: file.name, content: String(url).split(",")[1] ?? "" });
    say("");
  }

  /** @param {DataTransfer | null} transfer */
  const fileOf = (transfer) => transfer?.files[0];

  document.addEventListener(
    "dragover",
    (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      say("Drop the image here", true);
    },
    { signal },
  );
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && say(""), { signal });
  document.addEventListener(
    "drop",
    (event) => {
      // The uploader's own field takes what is dropped on it.
      const taken = event.target instanceof Element && event.target.closest("[data-testid=stFileUploader]");
      say("");
      const file = fileOf(event.dataTransfer);
      if (taken || !file) return;
      event.preventDefault();
      void send(file);
    },
    { signal },
  );
  document.addEventListener(
    "paste",
    (event) => {
      const file = fileOf(event.clipboardData);
      if (file) void send(file);
    },
    { signal },
  );
  return () => listening.abort();
}
