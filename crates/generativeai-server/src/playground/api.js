// Requests to the API of the server that served this page.

/** An error that the server reported. */
export class ApiError extends Error {
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }

  /** Whether another API key could help. */
  get isAboutKey() {
    return [401, 403].includes(this.code) || this.reason === "API_KEY_INVALID";
  }
}

/** The API key of this tab. It is never stored on disk. */
export const key = {
  get: () => sessionStorage.getItem("key") ?? "",
  set: (value) => sessionStorage.setItem("key", value),
};

function headers() {
  const value = key.get();
  return { "content-type": "application/json", ...(value && { "x-goog-api-key": value }) };
}

async function request(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers() });
  if (response.ok) return response;
  const { error = {} } = await response.json().catch(() => ({}));
  const failure = new ApiError(
    error.message ?? `the server responded with ${response.status}`,
    response.status,
    error.status,
  );
  failure.reason = error.details?.find(({ reason }) => reason)?.reason;
  throw failure;
}

/** Returns all models that generate content. */
export async function listModels() {
  const models = [];
  let token = "";
  do {
    const page = await (await request(`v1beta/models?pageToken=${encodeURIComponent(token)}`)).json();
    models.push(...(page.models ?? []));
    token = page.nextPageToken ?? "";
  // The limit ends the loop if a server returns a token with every page.
  } while (token && models.length < 1000);
  return models.filter(
    ({ supportedGenerationMethods: methods }) => !methods || methods.includes("generateContent"),
  );
}

/** Path of the streaming method of a model. */
export const streamPath = (model) =>
  `v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse`;

/** Streams a reply: yields each chunk as it arrives, and throws if the stream contains an error. */
export async function* streamReply(model, body, signal) {
  const response = await request(streamPath(model), {
    method: "POST",
    body: JSON.stringify(body),
    signal,
  });
  for await (const line of linesOf(response.body)) {
    // An error in mid-stream is a line of JSON outside of any event.
    const json = line.startsWith("data:") ? line.slice(5) : line;
    if (!json.trim()) continue;
    const chunk = JSON.parse(json);
    if (chunk.error) throw new ApiError(chunk.error.message, chunk.error.code, chunk.error.status);
    yield chunk;
  }
}

/** Yields the lines of a stream of bytes. */
async function* linesOf(stream) {
  // A character of several bytes may be split between two reads. The decoder keeps its beginning.
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value = "" } = await reader.read();
    const lines = (rest + value).split("\n");
    rest = done ? "" : lines.pop();
    yield* lines;
    if (done) return;
  }
}
