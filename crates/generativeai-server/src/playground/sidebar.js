// The list of conversations: select, rename, delete, import.

import { titleOf } from "./conversation.js";
import { byId, el, iconButton } from "./dom.js";

/**
 * Shows the conversations. `actions` has the functions `select(id)`, `rename(id, title)`,
 * `remove(id)` and `exportJson(id)`.
 */
export class Sidebar {
  constructor(actions) {
    this.actions = actions;
    this.list = byId("conversations");
  }

  /** Whether the user renames a conversation, or is asked before one is deleted. */
  get isEditing() {
    return this.list.querySelector("input, .question") !== null;
  }

  draw(conversations, currentId) {
    const sorted = [...conversations].sort((a, b) => b.updated - a.updated);
    this.list.replaceChildren(...sorted.map((one) => this.#item(one, one.id === currentId)));
  }

  #item(conversation, isCurrent) {
    const { id } = conversation;
    const title = titleOf(conversation);
    const item = el("li", { class: isCurrent ? "current" : "", "data-id": id });
    item.append(
      el(
        "button",
        {
          type: "button",
          class: "conversation",
          "aria-current": isCurrent && "true",
          title,
          click: () => this.actions.select(id),
        },
        title,
      ),
      el(
        "span",
        { class: "actions" },
        iconButton("edit", "Rename", () => this.#rename(item, conversation)),
        iconButton("download", "Export as JSON", () => this.actions.exportJson(id)),
        iconButton("trash", "Delete", () => this.#confirmDelete(item, conversation, isCurrent)),
      ),
    );
    return item;
  }

  #rename(item, conversation) {
    const input = el("input", { "aria-label": "Name of the conversation", maxlength: 100 });
    input.value = titleOf(conversation);
    // Enter removes the input, which fires `blur` as well.
    let done = false;
    const end = (title) => {
      if (done) return;
      done = true;
      this.actions.rename(conversation.id, title);
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") end(input.value.trim());
      if (event.key === "Escape") {
        event.stopPropagation();
        end(conversation.title);
      }
    });
    input.addEventListener("blur", () => end(input.value.trim()));
    item.replaceChildren(input);
    input.select();
  }

  #confirmDelete(item, conversation, isCurrent) {
    const restore = () => item.replaceWith(this.#item(conversation, isCurrent));
    const confirm = el(
      "button",
      { type: "button", class: "danger", click: () => this.actions.remove(conversation.id) },
      "Delete",
    );
    item.replaceChildren(
      el("span", { class: "question" }, "Delete this?"),
      confirm,
      el("button", { type: "button", click: restore }, "Keep"),
    );
    confirm.focus();
  }
}
