// The older official JavaScript client `@google/generative-ai`, which cannot list models.

import { GoogleGenerativeAI } from "@google/generative-ai";
import { GoogleAIFileManager } from "@google/generative-ai/server";
import { BASE, FAULTY, KEY, SCHEMA, STAND_IN } from "./checks.js";
import { check, done, expectError, expectIdle, valid } from "./checks.js";

const short = { maxOutputTokens: 12, temperature: 0 };
const get = (settings = {}, baseUrl = BASE, key = KEY) =>
  new GoogleGenerativeAI(key).getGenerativeModel(
    { model: "gemini-1.5-flash", generationConfig: short, ...settings },
    { baseUrl },
  );

async function all({ stream }) {
  const texts = [];
  for await (const chunk of stream) texts.push(chunk.text());
  return texts;
}

const model = get();
check((await model.countTokens("one two three")).totalTokens >= 3);

const reply = (await model.generateContent("Hello there")).response.text();
check(reply && (!STAND_IN || reply === "You said: Hello there (0 before)"), reply);

const chunks = await all(await model.generateContentStream("Hello"));
check(chunks.length > 1, chunks);

const chat = get({ systemInstruction: "Be brief." }).startChat();
for (let turn = 0; turn < 3; turn += 1) {
  const message = `Turn ${turn}`;
  const text =
    turn === 1
      ? (await all(await chat.sendMessageStream(message))).join("")
      : (await chat.sendMessage(message)).response.text();
  const expected = `Be brief. You said: ${message} (${2 * turn} before)`;
  check(text && (!STAND_IN || text === expected), text, expected);
}
const roles = (await chat.getHistory()).map(({ role }) => role);
check(roles.join() === "user,model,user,model,user,model", roles);

const shape = { responseMimeType: "application/json", responseSchema: SCHEMA, maxOutputTokens: 200 };
const json = await get({ generationConfig: shape }).generateContent("A mountain");
valid(JSON.parse(json.response.text()));

const height = { name: "get_height", description: "A height.", parameters: SCHEMA };
const forced = get({
  generationConfig: { maxOutputTokens: 200 },
  tools: [{ functionDeclarations: [height] }],
  toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["get_height"] } },
});
const called = (await forced.generateContent("How tall is Ben Nevis?")).response;
const call = called.functionCalls()[0];
check(call.name === "get_height", call);
valid(call.args);
const answer = { functionResponse: { name: call.name, response: { metres_above_sea: 1345 } } };
const contents = [
  { role: "user", parts: [{ text: "How tall is Ben Nevis?" }] },
  called.candidates[0].content,
  { role: "user", parts: [answer] },
];
const final = (await model.generateContent({ contents })).response.text();
check(final && (!STAND_IN || final === 'The function says {"metres_above_sea":1345}'), final);

const files = new GoogleAIFileManager(KEY, { baseUrl: BASE });
const fact = "Snowdon is 1085 m high.";
const { file } = await files.uploadFile(Buffer.from(fact), { mimeType: "text/plain", displayName: "a \u00fc" });
check(file.displayName === "a \u00fc" && file.state === "ACTIVE", file);
check((await files.getFile(file.name)).sizeBytes === String(fact.length));
check((await files.listFiles()).files.some(({ name }) => name === file.name));
const part = { fileData: { fileUri: file.uri, mimeType: file.mimeType } };
const about = (await model.generateContent(["What is this?", part])).response.text();
check(about && (!STAND_IN || about.includes(fact)), about);
await files.deleteFile(file.name);
await expectError(files.getFile(file.name), 403);

await expectError(get({ model: "no-such-model" }).generateContent("Hello"), 404);
await expectError(get({ generationConfig: { temperature: 7 } }).generateContent("Hello"), 400);
const wrong = await expectError(get({}, BASE, "wrong").generateContent("Hello"), 400);
check(wrong.errorDetails[0].reason === "API_KEY_INVALID", wrong);

// This client does not know errors in mid-stream: it fails to parse the stream.
let failure;
const { stream: faulty, response } = await get({}, FAULTY).generateContentStream("Hello");
response.catch(() => {});
try {
  for await (const chunk of faulty) chunk.text();
} catch (error) {
  failure = error;
}
check(failure?.message.includes("Failed to parse stream"), String(failure));

const leaving = new AbortController();
const endless = await get({ generationConfig: { maxOutputTokens: 4000 } }).generateContentStream(
  "Count forever.",
  { signal: leaving.signal },
);
endless.response.catch(() => {});
await endless.stream.next();
leaving.abort();
await expectIdle();

const eight = Array.from({ length: 8 }, (_, number) => model.generateContent(`Client ${number}`));
const texts = (await Promise.all(eight)).map(({ response }) => response.text());
check(texts.every((text, number) => (STAND_IN ? text === `You said: Client ${number} (0 before)` : text)), texts);

done("@google/generative-ai");
