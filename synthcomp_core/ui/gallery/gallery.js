// A strip of thumbnails. Labels are file names from outside: they only ever become text nodes.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const strip = parentElement.querySelector(".strip");
  const shown = JSON.stringify(data.items.map((item) => [item.id, item.png.length]));
  if (strip.dataset.shown !== shown) {
    strip.dataset.shown = shown;
    strip.replaceChildren(...data.items.map(makeItem));
  }
  for (const element of strip.children) {
    const selected = element.dataset.id === data.selected;
    element.setAttribute("aria-selected", String(selected));
    if (selected) element.scrollIntoView({ block: "nearest", inline: "nearest" });
    element.onclick = () => setTriggerValue("picked", element.dataset.id);
  }

  function makeItem(item) {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "item";
    element.dataset.id = item.id;
    element.setAttribute("role", "option");
    element.title = item.label;
    const image = document.createElement("img");
    image.src = item.png;
    image.alt = "";
    const label = document.createElement("span");
    label.textContent = item.label;
    element.append(image, label);
    return element;
  }
}
