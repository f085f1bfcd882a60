// The parts of a message as elements.

import { el } from "./dom.js";
import { codeBlock, renderMarkdown } from "./markdown.js";

const pretty = (value) => JSON.stringify(value, null, 2);

/** Returns the kind of a part. Its element is updated as long as the kind is the same, and replaced otherwise. */
function kindOf(part) {
  if (part.text !== undefined) return part.thought ? "thought" : "text";
  return ["functionCall", "functionResponse", "inlineData", "fileData", "executableCode", "codeExecutionResult"]
    .find((kind) => part[kind]) ?? "unknown";
}

/** Shows the parts of a message, updating the elements of those that grew. */
export function renderParts(container, message) {
  message.parts.forEach((part, index) => {
    const kind = kindOf(part);
    let element = container.children[index];
    if (element?.dataset.kind !== kind) {
      const created = create(kind, part, message.role);
      created.dataset.kind = kind;
      if (element) element.replaceWith(created);
      else container.append(created);
      element = created;
    }
    if (kind === "text" && message.role === "model") renderMarkdown(element, part.text);
    if (kind === "text" && message.role === "user") element.textContent = part.text;
    if (kind === "thought") renderMarkdown(element.lastChild, part.text);
  });
  while (container.children.length > message.parts.length) container.lastChild.remove();
}

function create(kind, part, role) {
  switch (kind) {
    case "text":
      return el("div", { class: role === "model" ? "markdown" : "plain" });
    case "thought":
      return el(
        "details",
        { class: "thought" },
        el("summary", {}, "Thoughts"),
        el("div", { class: "markdown" }),
      );
    case "functionCall":
      return card("Function call", part.functionCall.name, pretty(part.functionCall.args ?? {}), "json");
    case "functionResponse":
      return card(
        "Function response",
        part.functionResponse.name,
        pretty(part.functionResponse.response ?? {}),
        "json",
      );
    case "inlineData":
      return attachment(part.inlineData);
    case "fileData":
      return el("div", { class: "chip" }, part.fileData.fileUri ?? "file");
    case "executableCode":
      return codeBlock(part.executableCode.code ?? "", (part.executableCode.language ?? "").toLowerCase());
    case "codeExecutionResult":
      return card("Code result", part.codeExecutionResult.outcome, part.codeExecutionResult.output ?? "", "");
    default:
      return card("Part", "", pretty(part), "json");
  }
}

function card(title, name, text, language) {
  return el(
    "div",
    { class: "card" },
    el("div", { class: "card-head" }, el("span", {}, title), el("strong", {}, name ?? "")),
    codeBlock(text, language),
  );
}

/** Creates the element of an attachment: a picture, or its type and size. */
export function attachment({ mimeType = "application/octet-stream", data = "", displayName }) {
  if (/^image\/(png|jpeg|gif|webp|avif|bmp)$/.test(mimeType)) {
    const name = displayName ?? "attached picture";
    return el("img", { class: "picture", src: `data:${mimeType};base64,${data}`, alt: name });
  }
  const size = Math.ceil((data.length * 3) / 4);
  return el("div", { class: "chip" }, `${displayName ?? mimeType} · ${formatBytes(size)}`);
}

/** Formats a number of bytes. */
export function formatBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
