// The form at the bottom: text, attachments by button, drag and paste, and its keys.

import { byId, el, iconButton } from "./dom.js";
import { attachment } from "./parts.js";

/** Maximum size of all attachments, in bytes. Base64 is a third longer, and the server accepts 20 MiB by default. */
const MAX_ATTACHED = 14 * 1024 * 1024;

/** Text files whose media type browsers do not know, by the ending of their name. */
const TEXT_FILES =
  /\.(c|cc|cpp|cs|css|csv|go|h|hpp|html?|ini|java|js|json|jsonl|jsx|kt|lua|md|mjs|php|pl|py|rb|rs|sh|sql|swift|toml|ts|tsx|txt|xml|ya?ml|zig)$/i;

/** The message that the user writes. `actions` has the function `send(parts)`. */
export class Composer {
  constructor(actions) {
    this.actions = actions;
    this.form = byId("composer");
    this.area = byId("message");
    this.list = byId("attachments");
    this.problem = byId("composer-problem");
    this.attached = [];
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.area.addEventListener("input", () => this.#resize());
    this.area.addEventListener("keydown", (event) => {
      // While an input method composes a character, Enter confirms it.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.form.requestSubmit();
      }
    });
    this.area.addEventListener("paste", (event) => {
      if (event.clipboardData.files.length === 0) return;
      event.preventDefault();
      this.attach(event.clipboardData.files);
    });
    byId("attach").addEventListener("click", () => byId("files").click());
    byId("files").addEventListener("change", ({ target }) => {
      // Emptied, because choosing the same file again would cause no `change` event.
      this.attach(target.files).then(() => (target.value = ""));
    });
    this.#acceptDrops(byId("main"));
  }

  #acceptDrops(zone) {
    const isFiles = (event) => event.dataTransfer.types.includes("Files");
    zone.addEventListener("dragover", (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      zone.classList.add("drop");
    });
    zone.addEventListener("dragleave", (event) => {
      // The event also fires when the pointer enters a child of the zone.
      if (!zone.contains(event.relatedTarget)) zone.classList.remove("drop");
    });
    zone.addEventListener("drop", (event) => {
      zone.classList.remove("drop");
      if (!isFiles(event)) return;
      event.preventDefault();
      this.attach(event.dataTransfer.files);
    });
  }

  /** Adds files to the message. */
  async attach(files) {
    this.show("");
    for (const file of files) {
      const size = this.attached.reduce((sum, { bytes }) => sum + bytes, file.size);
      if (size > MAX_ATTACHED) {
        this.show(`${file.name} is too large: attachments may have 14 MiB together`);
        continue;
      }
      const text = TEXT_FILES.test(file.name) && !file.type.startsWith("image/");
      const mimeType = text ? "text/plain" : file.type || "application/octet-stream";
      this.attached.push({ bytes: file.size, name: file.name, mimeType, data: await base64(file) });
    }
    this.#drawAttachments();
    this.area.focus();
  }

  /** Puts parts back into the form, unless it contains another message. */
  restore(parts) {
    if (!this.isEmpty()) return;
    this.area.value = parts.map((part) => part.text ?? "").join("");
    this.attached = parts
      .filter((part) => part.inlineData)
      .map(({ inlineData: { mimeType, data } }) => ({
        bytes: Math.ceil((data.length * 3) / 4),
        name: mimeType,
        mimeType,
        data,
      }));
    this.#drawAttachments();
    this.#resize();
    this.focus();
  }

  isEmpty() {
    return !this.area.value.trim() && this.attached.length === 0;
  }

  clear() {
    this.area.value = "";
    this.attached = [];
    this.show("");
    this.#drawAttachments();
    this.#resize();
  }

  focus() {
    this.area.focus();
  }

  /** Shows a problem under the form; an empty text hides it. */
  show(problem) {
    this.problem.textContent = problem;
  }

  #submit() {
    const text = this.area.value.trim();
    const files = this.attached.map(({ mimeType, data }) => ({ inlineData: { mimeType, data } }));
    if (!text && files.length === 0) return;
    const sent = this.actions.send([...files, ...(text ? [{ text }] : [])]);
    if (sent) this.clear();
  }

  #drawAttachments() {
    this.list.replaceChildren(
      ...this.attached.map((one, index) => {
        const remove = () => {
          this.attached.splice(index, 1);
          this.#drawAttachments();
        };
        return el(
          "li",
          {},
          attachment({ ...one, displayName: one.name }),
          iconButton("close", `Remove ${one.name}`, remove),
        );
      }),
    );
  }

  /** Grows the text area with its text. The maximum height is in the style sheet. */
  #resize() {
    this.area.style.height = "auto";
    this.area.style.height = `${this.area.scrollHeight}px`;
  }
}

/** Returns the bytes of a file in base64. */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
