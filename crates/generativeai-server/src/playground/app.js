// A chat over the API of this server. Whatever the model says is text: it is only ever set as such.

const at = (id) => document.getElementById(id);
const [talk, form, words, key] = ["talk", "form", "words", "key"].map(at);

// A turn: what was said, what was heard, and how it ended: "whole", "stopped", "failed"; "running"
// until then.
let turns = remembered();
let model = "";
let running = null;

function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem("turns") ?? "[]");
    // A reply that was running when the page was left will not run on.
    return kept.map((turn) => (turn.end === "running" ? { ...turn, end: "stopped" } : turn));
  } catch {
    return [];
  }
}

function remember() {
  try {
    localStorage.setItem("turns", JSON.stringify(turns));
  } catch {
    // The browser keeps nothing, or is full: the conversation lives as long as the page.
  }
}

/** What the next request sends: every turn that had a reply, and did not fail. */
function contents() {
  const content = (role, text) => ({ role, parts: [{ text }] });
  return turns
    .filter(({ heard, end }) => end === "running" || (heard && end !== "failed"))
    .flatMap(({ said, heard, end }) =>
      end === "running" ? [content("user", said)] : [content("user", said), content("model", heard)],
    );
}

function show(turn, article) {
  article.className = turn.end;
  article.querySelector(".said").textContent = turn.said;
  article.querySelector(".heard").textContent = turn.heard;
  article.querySelector("footer").textContent =
    { stopped: "Stopped", failed: turn.why, running: "" }[turn.end] ?? turn.note ?? "";
}

function add(turn) {
  const article = at("turn").content.firstElementChild.cloneNode(true);
  show(turn, article);
  talk.append(article);
  talk.scrollTop = talk.scrollHeight;
  return article;
}

function draw() {
  talk.replaceChildren();
  turns.forEach(add);
  controls();
}

function controls() {
  at("send").disabled = Boolean(running);
  at("stop").disabled = !running;
  at("rewind").disabled = Boolean(running) || turns.length === 0;
  at("clear").disabled = Boolean(running) || turns.length === 0;
}

const headers = () => {
  const shown = key.value ? { "x-goog-api-key": key.value } : {};
  return { "content-type": "application/json", ...shown };
};

/** The reason a request was refused. One that is about the key asks for it. */
async function refusal(answer) {
  const error = (await answer.json().catch(() => ({}))).error ?? {};
  const about = error.details?.some(({ reason }) => reason === "API_KEY_INVALID");
  if (about || [401, 403].includes(answer.status)) {
    at("guard").hidden = false;
    key.focus();
  }
  return error.message ?? `the server answered ${answer.status}`;
}

/** The chunks of a reply; an error in mid-stream is a line that is no event. */
async function* chunks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value = "" } = await reader.read();
    const lines = (rest + value).split("\n");
    rest = done ? "" : lines.pop();
    for (const line of lines) {
      const json = line.startsWith("data: ") ? line.slice(6) : line.trim();
      if (json.trim()) yield JSON.parse(json);
    }
    if (done) return;
  }
}

/** Reads a reply into its turn, showing it as it comes. */
async function hear(turn, article, signal) {
  const path = `v1beta/models/${encodeURIComponent(await name())}:streamGenerateContent?alt=sse`;
  const body = JSON.stringify({ contents: contents() });
  const answer = await fetch(path, { method: "POST", headers: headers(), body, signal });
  if (!answer.ok) throw new Error(await refusal(answer));
  let finish;
  for await (const chunk of chunks(answer.body)) {
    if (chunk.error) throw new Error(chunk.error.message);
    const candidate = chunk.candidates?.[0];
    const parts = candidate?.content?.parts ?? [];
    turn.heard += parts.map(({ text, thought }) => (thought ? "" : (text ?? ""))).join("");
    finish = candidate?.finishReason ?? finish;
    turn.note = note(finish, chunk.usageMetadata) || turn.note;
    const bottom = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 40;
    show(turn, article);
    if (bottom) talk.scrollTop = talk.scrollHeight;
    remember();
  }
  if (!finish) throw new Error("the reply broke off");
  if (!["STOP", "MAX_TOKENS"].includes(finish)) throw new Error(`the model stopped: ${finish}`);
}

function note(finish, usage) {
  const short = finish === "MAX_TOKENS" ? "cut at its longest · " : "";
  if (!usage) return short;
  const { candidatesTokenCount = 0, promptTokenCount = 0, cachedContentTokenCount = 0 } = usage;
  const reused = cachedContentTokenCount ? `, ${cachedContentTokenCount} of them reused` : "";
  return `${short}${candidatesTokenCount} tokens, after ${promptTokenCount}${reused}`;
}

async function send(said) {
  const turn = { said, heard: "", end: "running" };
  turns.push(turn);
  const article = add(turn);
  running = new AbortController();
  controls();
  try {
    await hear(turn, article, running.signal);
    turn.end = "whole";
  } catch (error) {
    turn.end = running.signal.aborted ? "stopped" : "failed";
    turn.why = String(error.message ?? error);
  }
  running = null;
  show(turn, article);
  remember();
  controls();
}

/** The name of the model there is. */
async function name() {
  if (!model) {
    const answer = await fetch("v1beta/models", { headers: headers() });
    if (!answer.ok) throw new Error(await refusal(answer));
    const [first] = (await answer.json()).models ?? [];
    model = first?.name?.replace("models/", "") ?? "gemini-flash-latest";
    at("model").textContent = first?.displayName ?? model;
  }
  return model;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const said = words.value.trim();
  if (!said || running) return;
  words.value = "";
  send(said);
});

words.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});

at("stop").addEventListener("click", () => running?.abort());

at("rewind").addEventListener("click", () => {
  const turn = turns.pop();
  if (!words.value) words.value = turn.said;
  remember();
  draw();
  words.focus();
});

at("clear").addEventListener("click", () => {
  turns = [];
  remember();
  draw();
  words.focus();
});

// Another window of the same chat went on.
addEventListener("storage", ({ key: changed }) => {
  if (changed === "turns" && !running) {
    turns = remembered();
    draw();
  }
});

draw();
name().catch(() => {});
