// Dialogs: raw request and response, "Get code", API key.

import { SAMPLES } from "./codegen.js";
import { byId, el } from "./dom.js";
import { codeBlock } from "./markdown.js";

const LANGUAGES = { curl: "bash", Rust: "rust", Python: "python", JavaScript: "javascript" };

/** Shows tabs of code in a dialog. `tabs` are pairs of a name and a function that returns an element. */
function showTabs(dialog, tabs, selected) {
  const bar = dialog.querySelector("[role=tablist]");
  const body = dialog.querySelector(".dialog-body");
  const select = (index) => {
    [...bar.children].forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
    });
    body.replaceChildren(tabs[index][1]());
    dialog.dataset.tab = tabs[index][0];
  };
  bar.replaceChildren(
    ...tabs.map(([name], index) =>
      el("button", { type: "button", role: "tab", click: () => select(index) }, name),
    ),
  );
  bar.onkeydown = ({ key }) => {
    const at = [...bar.children].indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (at < 0 || !step) return;
    const next = (at + step + tabs.length) % tabs.length;
    select(next);
    bar.children[next].focus();
  };
  select(Math.max(0, tabs.findIndex(([name]) => name === selected)));
  if (!dialog.open) dialog.showModal();
}

/** Shows the conversation as code. */
export function showCode(request) {
  const dialog = byId("code-dialog");
  const tabs = Object.entries(SAMPLES).map(([name, generate]) => [
    name,
    () => codeBlock(generate(request), LANGUAGES[name]),
  ]);
  showTabs(dialog, tabs, dialog.dataset.tab);
}

/** Shows the raw request and response of a reply. */
export function showRaw({ path, body, chunks, error }) {
  const json = (value) => JSON.stringify(value, null, 2);
  const request = `POST ${path}\n\n${json(body)}`;
  const response = chunks.map(json).join("\n\n") + (error ? `\n\n${error}` : "");
  showTabs(byId("raw-dialog"), [
    ["Request", () => codeBlock(request, "json")],
    ["Response", () => codeBlock(response.trim() || "nothing was received", "json")],
  ]);
}

/** Asks for the API key of the server. Resolves with the key, or with `null` if it was cancelled. */
export function askForKey() {
  const dialog = byId("key-dialog");
  const input = byId("key");
  input.value = "";
  if (!dialog.open) dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "ok" && input.value ? input.value : null);
  });
}
