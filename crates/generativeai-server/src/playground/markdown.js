// Markdown of the model as elements. The model's text never becomes script: HTML in it is shown as text, and a
// sanitizer filters the parser's output. The page's content security policy (trusted types) refuses all other
// conversions of strings to markup.

import DOMPurify from "./vendor/dompurify.js";
import highlighter from "./vendor/highlight.js";
import { Marked } from "./vendor/marked.js";

import { copy, el, iconButton } from "./dom.js";

/** Longest code that is highlighted, in characters: highlighting runs again with each chunk. */
const MAX_HIGHLIGHTED = 20_000;

const TAGS = [
  ..."p br hr h1 h2 h3 h4 h5 h6 strong em del a code pre blockquote ul ol li input".split(" "),
  ..."table thead tbody tr th td span".split(" "),
];
const SANITIZE = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ["href", "title", "align", "start", "class", "type", "checked", "disabled"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  // DOMPurify tests the values of attributes with the regular expression above, unless they are declared as safe.
  ADD_URI_SAFE_ATTR: ["align", "start", "type", "checked", "disabled"],
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

const escape = (text) =>
  text.replace(/[&<>"]/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char]);

const markdown = new Marked({
  gfm: true,
  renderer: {
    html: ({ raw, block }) => (block ? `<p>${escape(raw.trimEnd())}</p>` : escape(raw)),
    // A remote image would tell its server that this text was read.
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
  },
});

/** Keys of the blocks that a container shows. */
const shown = new WeakMap();

/**
 * Shows Markdown in a container. May be called again with a longer text: blocks that did not change
 * keep their elements, and with them the user's selection.
 */
export function renderMarkdown(container, text) {
  const tokens = markdown.lexer(text);
  const links = JSON.stringify(tokens.links);
  const blocks = tokens.filter(({ type }) => type !== "space" && type !== "def");
  const before = shown.get(container) ?? [];
  // Definitions at the end of a text change the links before them.
  const keys = blocks.map(({ raw }) => links + raw);
  keys.forEach((key, index) => {
    if (before[index] === key) return;
    const block = el("div", { class: "block" }, blockContent(markdown.parser([blocks[index]])));
    if (container.children[index]) container.children[index].replaceWith(block);
    else container.append(block);
  });
  while (container.children.length > keys.length) container.lastChild.remove();
  shown.set(container, keys);
}

function blockContent(html) {
  const content = DOMPurify.sanitize(html, SANITIZE);
  for (const link of content.querySelectorAll("a")) {
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer");
  }
  for (const input of content.querySelectorAll("input")) {
    if (input.type !== "checkbox") input.remove();
    else input.disabled = true;
  }
  for (const code of content.querySelectorAll("pre > code")) {
    const language = /language-(\S+)/.exec(code.className)?.[1] ?? "";
    code.parentElement.replaceWith(codeBlock(code.textContent.replace(/\n$/, ""), language));
  }
  for (const element of content.querySelectorAll("[class]")) {
    if (!element.closest(".code")) element.removeAttribute("class");
  }
  for (const table of content.querySelectorAll("table")) {
    const scroller = el("div", { class: "table", tabindex: 0 });
    table.replaceWith(scroller);
    scroller.append(table);
  }
  return content;
}

/** Creates a block of code with its language and a button that copies it. */
export function codeBlock(text, language) {
  const code = el("code");
  const known = highlighter.getLanguage(language);
  if (known && text.length <= MAX_HIGHLIGHTED) {
    const { value } = highlighter.highlight(text, { language, ignoreIllegals: true });
    code.append(DOMPurify.sanitize(value, SANITIZE));
  } else {
    code.textContent = text;
  }
  const button = iconButton("copy", "Copy code", (event) => copy(text, event.currentTarget));
  return el(
    "div",
    { class: "code" },
    el("div", { class: "code-head" }, el("span", {}, language || "text"), button),
    el("pre", { tabindex: 0 }, code),
  );
}
