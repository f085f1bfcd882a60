// Creating elements. Text is only ever set as text, never parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Returns the element with an id. */
export const byId = (id) => document.getElementById(id);

/**
 * Creates an element. Properties whose values are functions become event listeners, `class` and other
 * properties become attributes; `false`, `null` and `undefined` are left out.
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Creates an icon from the sprite in index.html. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** Creates a button with an icon and a label that screen readers and tooltips show. */
export function iconButton(name, label, click, properties = {}) {
  return el(
    "button",
    { type: "button", class: "icon-button", title: label, "aria-label": label, click, ...properties },
    icon(name),
  );
}

/** Copies text, and shows on the button that it was copied. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages on plain HTTP have no clipboard unless they come from this machine.
    const area = el("textarea", { class: "offscreen", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
}

/** Lets the user save text as a file. */
export function download(name, text, type = "application/json") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  // The browser reads the URL only after `click` has returned.
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
