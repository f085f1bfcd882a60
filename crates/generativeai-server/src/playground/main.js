// The playground: ties the views to the conversations, and runs the requests.

import { ApiError, key, listModels, streamPath, streamReply } from "./api.js";
import { Composer } from "./composer.js";
import {
  contentsToSend,
  exportContents,
  importContents,
  mergeParts,
  newConversation,
  pendingCalls,
  titleOf,
  turnsOf,
} from "./conversation.js";
import { askForKey, showCode, showRaw } from "./dialogs.js";
import { byId, download, el } from "./dom.js";
import { MessageList } from "./messages.js";
import { SettingsPanel } from "./panel.js";
import { DEFAULTS, requestBody } from "./settings.js";
import { Sidebar } from "./sidebar.js";
import * as storage from "./storage.js";

/** Time between two saves of a reply that is still growing, in milliseconds. */
const SAVE_INTERVAL = 1000;

/** Model that is requested while the models of the server are not known. By default a server maps it to its own. */
const FALLBACK_MODEL = "gemini-flash-latest";

/** All conversations, by their ids. Those without messages are not stored. */
const conversations = new Map();
/** Controllers of the replies in progress, by the id of their conversation. */
const running = new Map();
let models = [];
let current;

const list = new MessageList(byId("messages"), {
  edit: (index, text) => resend(index, text),
  regenerate: (index) => regenerate(index),
  showRaw: (index) => showRawOf(index),
  respond: (responses) => respond(responses),
});
const composer = new Composer({ send: (parts) => send(parts) });
const panel = new SettingsPanel((settings) => {
  current.settings = settings;
  remember("settings", settings);
  persist(current);
});
const sidebar = new Sidebar({
  select: (id) => {
    select(conversations.get(id));
    closeDrawers();
  },
  rename: (id, title) => {
    const conversation = conversations.get(id);
    conversation.title = title;
    persist(conversation);
    draw();
  },
  remove,
  exportJson: (id) => {
    const conversation = conversations.get(id);
    const name = titleOf(conversation).replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40);
    download(`${name || "conversation"}.json`, exportContents(conversation));
  },
});

// --- Storage

function remember(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // The browser refuses to store anything. The setting is lost when the page is closed.
  }
}

function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Saves a conversation. Failures are shown: the storage may be full or turned off. */
async function persist(conversation) {
  if (conversation.messages.length === 0 && !conversation.title) return;
  try {
    await storage.save(conversation);
  } catch (error) {
    composer.show(`the conversation could not be saved: ${error?.message ?? error}`);
  }
}

// --- Drawing

/** Draws everything but the messages. */
function draw() {
  const isRunning = running.has(current.id);
  document.title = `${titleOf(current)} · Playground`;
  byId("title").textContent = titleOf(current);
  byId("empty").hidden = current.messages.length > 0;
  byId("stop").hidden = !isRunning;
  byId("send").hidden = isRunning;
  byId("rewind").disabled = isRunning || current.messages.length === 0;
  const calls = pendingCalls(current.messages);
  byId("message").placeholder = calls.length > 0 ? "Answer the function call above" : "Write a message";
  drawModels();
  sidebar.draw(conversations.values(), current.id);
}

function drawModels() {
  const names = models.map(({ name }) => name.replace(/^models\//, ""));
  if (current.model && !names.includes(current.model)) names.push(current.model);
  const labels = new Map(models.map(({ name, displayName }) => [name.replace(/^models\//, ""), displayName]));
  byId("model").replaceChildren(
    ...names.map((name) => el("option", { value: name }, labels.get(name) || name)),
  );
  byId("model").value = current.model;
}

function select(conversation) {
  current = conversation;
  current.model ||= defaultModel();
  remember("current", conversation.id);
  panel.write(conversation.settings);
  list.draw(conversation.messages);
  draw();
}

/** Shows a new conversation. One that is still empty is used again. */
function startNew() {
  const empty = [...conversations.values()].find(({ messages, title }) => !messages.length && !title);
  const conversation = empty ?? newConversation(current?.model ?? defaultModel(), recall("settings") ?? DEFAULTS);
  conversations.set(conversation.id, conversation);
  select(conversation);
  composer.focus();
}

const defaultModel = () => models[0]?.name.replace(/^models\//, "") ?? "";

/** Deletes a conversation, and shows the one that was changed last. */
async function remove(id) {
  running.get(id)?.abort();
  // It leaves the list once it is deleted. A reload must not bring back a conversation that had disappeared.
  await storage.remove(id).catch(() => {});
  conversations.delete(id);
  if (current.id !== id) return draw();
  const [next] = [...conversations.values()].sort((a, b) => b.updated - a.updated);
  if (next) select(next);
  else startNew();
}

// --- Requests

/** Returns why nothing can be sent now, or an empty text. */
function obstacle() {
  if (running.has(current.id)) return "a reply is still in progress: stop it first";
  if (current.messages.at(-1)?.end === "running") return "a reply is in progress in another tab";
  const problem = panel.showProblems();
  if (problem) return `invalid setting: ${problem}`;
  return "";
}

/** Sends a message. Returns whether it could be sent. */
function send(parts) {
  let problem = obstacle();
  if (!problem && pendingCalls(current.messages).length > 0) {
    problem = "answer the function call first, or rewind";
  }
  composer.show(problem);
  if (problem) return false;
  current.messages.push({ role: "user", parts });
  generate(current);
  return true;
}

function respond(responses) {
  const problem = obstacle();
  composer.show(problem);
  if (problem) return;
  const parts = responses.map((functionResponse) => ({ functionResponse }));
  current.messages.push({ role: "user", parts });
  generate(current);
}

/** Replaces the text of a message, removes everything after it, and sends it again. */
function resend(index, text) {
  const problem = obstacle();
  composer.show(problem);
  if (problem) return;
  const attachments = current.messages[index].parts.filter((part) => part.text === undefined);
  current.messages.splice(index, Infinity, { role: "user", parts: [...attachments, { text }] });
  generate(current);
}

/** Removes a reply and everything after it, and requests it again. */
function regenerate(index) {
  const problem = obstacle();
  composer.show(problem);
  if (problem) return;
  current.messages.splice(index, Infinity);
  generate(current);
}

/** Removes the last turn, and puts its message back into the form. */
function rewind() {
  if (running.has(current.id) || current.messages.length === 0) return;
  const turn = turnsOf(current.messages).at(-1);
  current.messages.splice(-turn.length, Infinity);
  if (turn[0].role === "user") composer.restore(turn[0].parts);
  composer.show("");
  persist(current);
  list.draw(current.messages);
  draw();
}

/** Requests the reply to a conversation, and shows it as it arrives. */
async function generate(conversation) {
  conversation.model ||= defaultModel();
  const model = conversation.model || FALLBACK_MODEL;
  const { messages } = conversation;
  const settings = structuredClone(conversation.settings);
  const body = requestBody(settings, contentsToSend(messages));
  const reply = { role: "model", parts: [], end: "running", model, settings, chunks: [], timing: {} };
  messages.push(reply);
  conversation.updated = Date.now();
  const controller = new AbortController();
  running.set(conversation.id, controller);
  // The user may show another conversation while this one gets its reply.
  if (conversation === current) list.draw(messages);
  draw();
  persist(conversation);
  const save = setInterval(() => persist(conversation), SAVE_INTERVAL);
  const start = performance.now();
  let frame = 0;
  const update = () => {
    // One drawing per frame, however many chunks arrive: each drawing reads the whole text of the reply again.
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (conversation === current) list.update();
    });
  };
  try {
    let request = body;
    while (request) {
      const earlier = reply.usage;
      let token;
      for await (const chunk of streamReply(model, request, controller.signal)) {
        receive(reply, chunk, performance.now() - start);
        reply.usage = withEarlier(reply.usage, chunk.usageMetadata && earlier);
        // Chunks without candidates, such as one with token counts, may follow the token.
        token = tokenToContinue(chunk) ?? token;
        update();
      }
      request = token && { ...body, continuationToken: token };
    }
    reply.end = "complete";
    reply.error = problemOf(reply);
    if (reply.error) reply.end = "failed";
  } catch (error) {
    reply.end = controller.signal.aborted ? "stopped" : "failed";
    reply.error = String(error?.message ?? error);
    if (error instanceof ApiError && error.isAboutKey) requestKey();
  }
  reply.timing.total = performance.now() - start;
  clearInterval(save);
  cancelAnimationFrame(frame);
  running.delete(conversation.id);
  conversation.updated = Date.now();
  if (conversation === current) list.update();
  const outcome = { complete: "The reply is complete.", stopped: "The reply was stopped." };
  byId("announcement").textContent = outcome[reply.end] ?? "The reply failed.";
  draw();
  // A conversation that was deleted during its reply must not be stored again.
  if (conversations.has(conversation.id)) persist(conversation);
}

/** Adds a chunk to a reply. */
function receive(reply, chunk, elapsed) {
  reply.chunks.push(chunk);
  const candidate = chunk.candidates?.find(({ index = 0 }) => index === 0);
  const parts = candidate?.content?.parts ?? [];
  if (parts.length > 0) reply.timing.first ??= elapsed;
  mergeParts(reply.parts, parts);
  reply.finishReason = candidate?.finishReason ?? reply.finishReason;
  reply.usage = chunk.usageMetadata ?? reply.usage;
  reply.modelVersion = chunk.modelVersion ?? reply.modelVersion;
  reply.blockReason = chunk.promptFeedback?.blockReason ?? reply.blockReason;
}

/** Returns the token with which a reply continues that ended at the token limit of a request. */
function tokenToContinue({ candidates = [] }) {
  const [{ finishReason, continuationToken } = {}] = candidates;
  return finishReason === "CONTINUATION" ? continuationToken : undefined;
}

/** Adds the reply tokens of earlier requests for the same reply. Each request counts the whole prompt. */
function withEarlier(usage, earlier) {
  if (!earlier) return usage;
  const sums = ["candidatesTokenCount", "thoughtsTokenCount"]
    .filter((name) => name in earlier || name in usage)
    .map((name) => [name, (earlier[name] ?? 0) + (usage[name] ?? 0)]);
  return { ...usage, ...Object.fromEntries(sums) };
}

/** Returns why a reply is not complete although its stream has ended, or an empty text. */
function problemOf({ parts, finishReason, blockReason }) {
  if (blockReason) return `the message was blocked: ${blockReason}`;
  if (!finishReason) return "the connection was lost before the reply was complete";
  if (!["STOP", "MAX_TOKENS"].includes(finishReason)) return `the model stopped: ${finishReason}`;
  return parts.length > 0 ? "" : "the reply is empty";
}

function showRawOf(index) {
  const { model, settings, chunks, error } = current.messages[index];
  const body = requestBody(settings, contentsToSend(current.messages.slice(0, index)));
  showRaw({ path: `/${streamPath(model)}`, body, chunks, error });
}

function showCodeOf() {
  const problem = panel.showProblems();
  composer.show(problem && `invalid setting: ${problem}`);
  if (problem) return;
  // Up to the last message of the user: running the code replies to it again.
  const end = current.messages.findLastIndex(({ role }) => role === "user") + 1;
  const draft = byId("message").value.trim() || "Hello!";
  const contents =
    end > 0
      ? contentsToSend(current.messages.slice(0, end))
      : [{ role: "user", parts: [{ text: draft }] }];
  const base = new URL(".", location.href).href.replace(/\/$/, "");
  const model = current.model || FALLBACK_MODEL;
  showCode({ base, hasKey: Boolean(key.get()), model, body: requestBody(current.settings, contents) });
}

async function requestKey() {
  const value = await askForKey();
  if (value === null) return;
  key.set(value);
  await loadModels();
}

async function loadModels() {
  try {
    models = await listModels();
    byId("connection").textContent = "";
  } catch (error) {
    byId("connection").textContent = String(error?.message ?? error);
    if (error instanceof ApiError && error.isAboutKey) requestKey();
  }
  if (!current.model) current.model = defaultModel();
  draw();
}

// --- Commands

async function importFile({ target }) {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  try {
    const messages = importContents(await file.text());
    const conversation = newConversation(current.model || defaultModel(), recall("settings") ?? DEFAULTS);
    conversation.messages = messages;
    conversation.title = file.name.replace(/\.json$/, "");
    conversations.set(conversation.id, conversation);
    persist(conversation);
    select(conversation);
    composer.show("");
  } catch (error) {
    composer.show(`cannot import ${file.name}: ${error.message}`);
  }
  closeDrawers();
}

function toggle(name) {
  const open = document.body.classList.toggle(name);
  if (open) document.body.classList.remove(name === "show-sidebar" ? "show-settings" : "show-sidebar");
  byId("settings-button").setAttribute(
    "aria-expanded",
    String(document.body.classList.contains("show-settings")),
  );
}

function closeDrawers() {
  if (matchMedia("(max-width: 60rem)").matches) {
    document.body.classList.remove("show-sidebar", "show-settings");
  }
}

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").value = theme;
  remember("theme", theme);
}

const CLICKS = {
  "new-conversation": () => {
    startNew();
    closeDrawers();
  },
  "menu-button": () => toggle("show-sidebar"),
  "settings-button": () => toggle("show-settings"),
  "close-settings": () => toggle("show-settings"),
  backdrop: closeDrawers,
  "code-button": showCodeOf,
  "help-button": () => byId("help-dialog").showModal(),
  "import-button": () => byId("import").click(),
  rewind,
  stop: () => running.get(current.id)?.abort(),
};
for (const [id, action] of Object.entries(CLICKS)) byId(id).addEventListener("click", action);

byId("import").addEventListener("change", importFile);
byId("theme").addEventListener("change", ({ target }) => applyTheme(target.value));
byId("model").addEventListener("change", ({ target }) => {
  current.model = target.value;
  persist(current);
});
for (const button of document.querySelectorAll("dialog .close")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
for (const button of document.querySelectorAll("[data-prompt]")) {
  button.addEventListener("click", () => composer.restore([{ text: button.dataset.prompt }]));
}

document.addEventListener("keydown", (event) => {
  // A dialog handles its keys itself: Escape closes it, and must not stop the reply as well.
  if (document.querySelector("dialog[open]")) return;
  const command = event.ctrlKey || event.metaKey;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "Escape") {
    if (running.has(current.id)) running.get(current.id).abort();
    else closeDrawers();
  } else if (command && event.shiftKey && event.key.toLowerCase() === "o") {
    event.preventDefault();
    startNew();
  } else if (command && event.key === ",") {
    event.preventDefault();
    toggle("show-settings");
  } else if (event.key === "?" && !typing) {
    byId("help-dialog").showModal();
  } else if (event.key === "/" && !typing) {
    event.preventDefault();
    composer.focus();
  } else if (event.key === "ArrowUp" && event.target === byId("message") && composer.isEmpty()) {
    event.preventDefault();
    list.editLast();
  }
});

storage.onChange(async (id) => {
  const wasRunning = running.has(id);
  const stored = await storage.load(id);
  const own = conversations.get(id);
  // This tab receives a reply, or it ended during `load`: its own messages are the newer ones.
  if (own && stored && (wasRunning || running.has(id))) stored.messages = own.messages;
  if (own && stored) adopt(own, stored);
  else if (stored) conversations.set(id, stored);
  else if (id !== current.id && !running.has(id)) conversations.delete(id);
  if (!sidebar.isEditing) draw();
});

/**
 * Adopts the changes of another tab to a conversation. Keeps the state of this tab: the scroll position, open editors,
 * and settings that are being typed.
 */
function adopt(own, stored) {
  const { messages, settings } = own;
  Object.assign(own, stored);
  if (own !== current) return;
  // Each input in the panel is saved, so the other tab adopts the settings of this one.
  if (panel.isInUse) own.settings = settings;
  else panel.write(own.settings);
  if (own.messages !== messages) list.redraw(own.messages);
}

// --- Start

async function start() {
  applyTheme(recall("theme") ?? "system");
  const stored = await storage.loadAll().catch(() => []);
  for (const conversation of stored) {
    for (const message of conversation.messages) {
      // The page was closed during the reply. The server stopped it.
      if (message.end === "running") message.end = "stopped";
    }
    conversations.set(conversation.id, conversation);
  }
  const last = conversations.get(recall("current"));
  if (last) select(last);
  else startNew();
  await loadModels();
}

start();
