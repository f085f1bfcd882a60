// The list of messages: drawing, editing, answering function calls.

import { pendingCalls, textOf } from "./conversation.js";
import { copy, el, icon, iconButton } from "./dom.js";
import { renderParts } from "./parts.js";

/** Distance from the bottom in pixels, up to which the list scrolls with a growing reply. */
const FOLLOW_DISTANCE = 60;

/**
 * Shows the messages of a conversation. `actions` has the functions `edit(index, text)`,
 * `regenerate(index)`, `showRaw(index)` and `respond(responses)`.
 */
export class MessageList {
  constructor(container, actions) {
    this.container = container;
    this.actions = actions;
  }

  /** Draws all messages. */
  draw(messages) {
    this.messages = messages;
    this.container.replaceChildren(
      ...messages.map((message, index) => this.#article(message, index)),
      ...this.#callForm(),
    );
    this.scrollToEnd();
  }

  /** Redraws the messages that another tab changed. Open editors of other messages stay open. */
  redraw(messages) {
    const follow = this.#isAtEnd();
    const before = this.messages;
    this.messages = messages;
    const isSameForm =
      messages.length === before.length && isEqual(pendingCalls(messages), pendingCalls(before));
    const form = this.container.querySelector(".call-form");
    if (!isSameForm) form?.remove();
    const articles = this.container.querySelectorAll("article");
    messages.forEach((message, index) => {
      if (index >= articles.length) this.container.append(this.#article(message, index));
      else if (!isEqual(message, before[index])) articles[index].replaceWith(this.#article(message, index));
    });
    for (const article of [...articles].slice(messages.length)) article.remove();
    if (!isSameForm) this.container.append(...this.#callForm());
    if (follow) this.scrollToEnd();
  }

  /** Draws the last message again, which grew or ended. */
  update() {
    const index = this.messages.length - 1;
    const article = this.container.querySelector(`article[data-index="${index}"]`);
    const follow = this.#isAtEnd();
    this.#fill(article, this.messages[index], index);
    this.container.querySelector(".call-form")?.remove();
    this.container.append(...this.#callForm());
    if (follow) this.scrollToEnd();
  }

  scrollToEnd() {
    const scroller = this.container.parentElement;
    scroller.scrollTop = scroller.scrollHeight;
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.container.parentElement;
    return scrollHeight - scrollTop - clientHeight < FOLLOW_DISTANCE;
  }

  #article(message, index) {
    const author = message.role === "user" ? "You" : "Model";
    const article = el(
      "article",
      { class: `message ${message.role}`, "data-index": index, "aria-label": author },
      el("div", { class: "parts" }),
      el("footer"),
    );
    this.#fill(article, message, index);
    return article;
  }

  #fill(article, message, index) {
    if (message.role === "model") article.dataset.end = message.end ?? "complete";
    const [parts, footer] = article.children;
    renderParts(parts, message);
    const waiting = message.end === "running" && message.parts.length === 0;
    article.classList.toggle("waiting", waiting);
    article.setAttribute("aria-busy", String(message.end === "running"));
    footer.replaceChildren(...this.#footer(message, index, article));
  }

  #footer(message, index, article) {
    if (message.end === "running") return [];
    const actions = el("div", { class: "actions" });
    const text = textOf(message.parts);
    if (text) actions.append(iconButton("copy", "Copy text", (event) => copy(text, event.currentTarget)));
    if (message.role === "user") {
      const editable = message.parts.some((part) => part.text !== undefined);
      if (editable) {
        actions.append(iconButton("edit", "Edit and resend", () => this.#edit(article, message, index)));
      }
      return [actions];
    }
    actions.append(iconButton("refresh", "Regenerate", () => this.actions.regenerate(index)));
    if (message.model) {
      actions.append(iconButton("braces", "Raw request and response", () => this.actions.showRaw(index)));
    }
    const status = statusOf(message);
    return [
      status && el("p", { class: "status", role: "status" }, status),
      el("div", { class: "row" }, actions, el("span", { class: "meta" }, metaOf(message))),
    ].filter(Boolean);
  }

  /** Turns a message of the user into an editor. */
  #edit(article, message, index) {
    const area = el("textarea", { class: "editor", "aria-label": "Edit message", rows: 3 });
    area.value = textOf(message.parts);
    const cancel = () => article.replaceWith(this.#article(message, index));
    const send = () => area.value.trim() && this.actions.edit(index, area.value);
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        // The handler of the page would stop the reply in progress.
        event.stopPropagation();
        cancel();
      } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        send();
      }
    });
    article.replaceChildren(
      el("div", { class: "editing" }, area),
      el(
        "footer",
        { class: "editing-actions" },
        el("button", { type: "button", click: cancel }, "Cancel"),
        el("button", { type: "button", class: "primary", click: send }, "Send"),
      ),
    );
    area.focus();
  }

  /** Starts editing the last message of the user. */
  editLast() {
    const index = this.messages.findLastIndex(({ role }) => role === "user");
    const article = this.container.querySelector(`article[data-index="${index}"]`);
    article?.querySelector('[title="Edit and resend"]')?.click();
  }

  /** The form that answers the function calls of the last message, if it has any. */
  #callForm() {
    const calls = pendingCalls(this.messages);
    if (calls.length === 0) return [];
    const fields = calls.map((call) => {
      const area = el("textarea", { rows: 3, spellcheck: false, "aria-label": `Response of ${call.name}` });
      area.value = '{\n  "result": ""\n}';
      const problem = el("p", { class: "problem", role: "alert" });
      return { call, area, problem };
    });
    const submit = (event) => {
      event.preventDefault();
      const responses = fields.map(({ call, area, problem }) => {
        const { response, message } = readResponse(area.value);
        problem.textContent = message;
        area.setAttribute("aria-invalid", String(Boolean(message)));
        return message ? null : { ...(call.id && { id: call.id }), name: call.name, response };
      });
      if (responses.every(Boolean)) this.actions.respond(responses);
    };
    return [
      el(
        "form",
        { class: "call-form", submit },
        el("p", {}, "The model called a function. Write what it returns:"),
        fields.map(({ call, area, problem }) => el("label", {}, `${call.name} →`, area, problem)),
        el("button", { type: "submit", class: "primary" }, icon("send"), "Send response"),
      ),
    ];
  }
}

/** Returns whether two values are the same as JSON. */
const isEqual = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function readResponse(text) {
  try {
    const value = JSON.parse(text);
    const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
    return { response: isObject ? value : { result: value }, message: "" };
  } catch (error) {
    return { message: `not valid JSON: ${error.message}` };
  }
}

function statusOf(message) {
  if (message.end === "failed") return message.error;
  if (message.end === "stopped") return "Stopped";
  if (message.finishReason === "MAX_TOKENS") return "The reply reached its maximum length.";
  return "";
}

/** Token counts and times of a reply. */
function metaOf({ usage, timing, modelVersion }) {
  const facts = [];
  if (modelVersion) facts.push(modelVersion);
  if (usage) {
    const { promptTokenCount, candidatesTokenCount, thoughtsTokenCount, cachedContentTokenCount } = usage;
    const cached = cachedContentTokenCount ? ` (${cachedContentTokenCount} cached)` : "";
    if (promptTokenCount !== undefined) facts.push(`${promptTokenCount}${cached} tokens in`);
    if (candidatesTokenCount !== undefined) facts.push(`${candidatesTokenCount} out`);
    if (thoughtsTokenCount) facts.push(`${thoughtsTokenCount} thinking`);
  }
  if (timing?.first !== undefined) facts.push(`${seconds(timing.first)} to first token`);
  // Absent if the page was left in the middle of the reply.
  if (timing?.total !== undefined) {
    facts.push(`${seconds(timing.total)} total`);
    const generating = timing.total - (timing.first ?? 0);
    const tokens = (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0);
    if (tokens > 1 && generating > 50) facts.push(`${((1000 * tokens) / generating).toFixed(0)} tokens/s`);
  }
  return facts.join(" · ");
}

const seconds = (milliseconds) =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
