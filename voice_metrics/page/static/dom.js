// Elements made of text and attributes. Nothing here takes markup, so no name from the ledger can become any.

const SVG = ["svg", "path"];

export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = SVG.includes(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") element.classList.add(...value.split(" "));
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// A text that changes only if it differs, so that a selection and a screen reader are left alone.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Fits the children of `parent` to `items`: kept where the key is known, made where it is new, in the items' order.
export function fit(parent, items, key, make, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = known.get(name);
    known.delete(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
    }
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of known.values()) child.remove();
}

export function heading(title, ...beside) {
  return el("div.heading", {}, el("h1", { tabindex: "-1" }, title), ...beside);
}

// A tile: a number with its name, and a word about it.
export function tile(name) {
  const value = el("dd.value", {}, "–");
  const note = el("dd.note", {}, "\u00a0");
  return {
    element: el("div.tile", {}, el("dt", {}, name), value, note),
    show(text, about = "") {
      say(value, text);
      say(note, about || "\u00a0");
    },
    mark(look) {
      value.className = `value ${look}`.trim();
    },
  };
}
