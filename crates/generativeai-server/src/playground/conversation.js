// A conversation as data: which messages a request sends, and the formats of import and export.
//
// A message is a `Content` (`role`, `parts`) with the members that the page needs:
//   end            model messages: "running", "complete", "stopped" or "failed"
//   error          why it failed
//   finishReason, usage, modelVersion, timing
//   model, settings, chunks    the request, and the received chunks
//
// A turn starts with a message of the user and includes the function calls that follow, their
// responses, and the reply.

/** Returns a new conversation. */
export function newConversation(model, settings) {
  const now = Date.now();
  return {
    // Browsers have `randomUUID` only in secure contexts: over TLS, or from this machine.
    id: crypto.randomUUID?.() ?? `${now}-${Math.random()}`,
    title: "",
    created: now,
    updated: now,
    model,
    settings: structuredClone(settings),
    messages: [],
    draft: "",
  };
}

/** Returns the text of parts, without thoughts. */
export const textOf = (parts) =>
  parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join("");

const isFunctionResponse = (message) =>
  message.role === "user" && message.parts.some((part) => part.functionResponse);

/** Splits messages into turns. */
export function turnsOf(messages) {
  const turns = [];
  for (const message of messages) {
    const startsTurn = message.role === "user" && !isFunctionResponse(message);
    if (startsTurn || turns.length === 0) turns.push([]);
    turns.at(-1).push(message);
  }
  return turns;
}

/** Returns the calls of the last message, which wait for their responses. */
export function pendingCalls(messages) {
  const last = messages.at(-1);
  if (last?.role !== "model" || last.end === "running" || last.end === "failed") return [];
  return last.parts.filter((part) => part.functionCall).map((part) => part.functionCall);
}

function isComplete(turn) {
  const failed = turn.some(
    ({ end, parts }) => end === "failed" || end === "running" || (end === "stopped" && parts.length === 0),
  );
  return !failed && pendingCalls(turn).length === 0;
}

/**
 * Returns the contents of the next request. Earlier turns are sent if they are complete: a reply that
 * failed, or calls without responses, would make the service refuse the request.
 */
export function contentsToSend(messages) {
  const turns = turnsOf(messages);
  return turns
    .filter((turn, index) => index === turns.length - 1 || isComplete(turn))
    .flat()
    .filter(({ end, parts }) => parts.length > 0 && end !== "failed" && end !== "running")
    .map(({ role, parts }) => ({ role, parts }));
}

/** Adds the parts of a chunk to a reply, merging adjacent texts as far as nothing is lost. */
export function mergeParts(parts, added) {
  for (const part of added) {
    const last = parts.at(-1);
    const isText = (one) => one && Object.keys(one).every((key) => key === "text" || key === "thought");
    if (isText(last) && isText(part) && Boolean(last.thought) === Boolean(part.thought)) {
      last.text = (last.text ?? "") + (part.text ?? "");
    } else if (Object.keys(part).length > 0 && !(isText(part) && !part.text)) {
      parts.push(structuredClone(part));
    }
  }
}

/** Returns the title of a conversation: its name, or the beginning of its first message. */
export function titleOf(conversation) {
  if (conversation.title) return conversation.title;
  const first = conversation.messages.find(({ role }) => role === "user");
  const text = first ? textOf(first.parts).trim().replace(/\s+/g, " ") : "";
  if (text.length > 48) return `${text.slice(0, 47)}…`;
  return text || (first ? "Attachment" : "New conversation");
}

/** Returns a conversation as the `Content[]` JSON of the API. */
export const exportContents = ({ messages }) =>
  JSON.stringify(
    messages.filter(({ parts }) => parts.length > 0).map(({ role, parts }) => ({ role, parts })),
    null,
    2,
  );

/**
 * Reads messages from JSON: a `Content[]`, or an object that has one as `contents` or `history`.
 * Throws an error whose message names the problem.
 */
export function importContents(json) {
  let value;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Error(`the file is not JSON: ${error.message}`);
  }
  const contents = Array.isArray(value) ? value : (value?.contents ?? value?.history);
  if (!Array.isArray(contents)) {
    throw new Error("the file has no contents: expected a JSON array of `Content`, or `{\"contents\": […]}`");
  }
  return contents.map((content, index) => {
    const parts = Array.isArray(content?.parts) ? content.parts : [content?.parts];
    const valid = parts.length > 0 && parts.every((part) => part && typeof part === "object");
    if (!valid) throw new Error(`contents[${index}] has no parts`);
    const role = content.role ?? (index % 2 ? "model" : "user");
    if (!["user", "model", "function"].includes(role)) {
      throw new Error(`contents[${index}] has the role \`${role}\`: expected \`user\` or \`model\``);
    }
    const message = { role: role === "model" ? "model" : "user", parts: structuredClone(parts) };
    return role === "model" ? { ...message, end: "complete" } : message;
  });
}
