// The official JavaScript client `@google/genai`.

import { GoogleGenAI } from "@google/genai";
import { BASE, FAULTY, KEY, MODEL, SCHEMA, STAND_IN } from "./checks.js";
import { check, done, expectError, expectIdle, valid } from "./checks.js";

const client = (baseUrl = BASE, apiKey = KEY) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl } });
const model = "gemini-2.5-flash";
const short = { maxOutputTokens: 12, temperature: 0 };
const { models, chats, files } = client();

async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}
const textOf = (chunks) => chunks.map((chunk) => chunk.text ?? "").join("");

const names = [];
for await (const one of await models.list()) names.push(one.name);
check(names.includes(`models/${MODEL}`), names);
check((await models.get({ model: MODEL })).name === `models/${MODEL}`);

check((await models.countTokens({ model, contents: "one two three" })).totalTokens >= 3);

const reply = await models.generateContent({ model, contents: "Hello there", config: short });
check(reply.text && reply.modelVersion === MODEL, reply);
check(!STAND_IN || reply.text === "You said: Hello there (0 before)", reply.text);

const chunks = await all(await models.generateContentStream({ model, contents: "Hello", config: short }));
check(chunks.length > 1 && textOf(chunks), chunks);
check(["STOP", "MAX_TOKENS"].includes(chunks.at(-1).candidates[0].finishReason), chunks.at(-1));

const chat = chats.create({ model, config: { ...short, systemInstruction: "Be brief." } });
for (let turn = 0; turn < 3; turn += 1) {
  const message = `Turn ${turn}`;
  const before = chat.getHistory().length;
  const text =
    turn === 1
      ? textOf(await all(await chat.sendMessageStream({ message })))
      : (await chat.sendMessage({ message })).text;
  const expected = `Be brief. You said: ${message} (${before} before)`;
  check(text && (!STAND_IN || text === expected), text, expected);
}
check(chat.getHistory().filter(({ role }) => role === "user").length === 3, chat.getHistory());

const shape = { responseMimeType: "application/json", responseSchema: SCHEMA, maxOutputTokens: 200 };
valid(JSON.parse((await models.generateContent({ model, contents: "A mountain", config: shape })).text));

const question = { role: "user", parts: [{ text: "How tall is Ben Nevis?" }] };
const forced = {
  tools: [{ functionDeclarations: [{ name: "get_height", description: "A height.", parameters: SCHEMA }] }],
  toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["get_height"] } },
  maxOutputTokens: 200,
};
const called = await models.generateContent({ model, contents: [question], config: forced });
const call = called.functionCalls[0];
check(call.name === "get_height", call);
valid(call.args);
const response = { metres_above_sea: 1345 };
const answer = { functionResponse: { id: call.id, name: call.name, response } };
const contents = [question, called.candidates[0].content, { role: "user", parts: [answer] }];
const final = await models.generateContent({ model, contents, config: short });
check(final.text, final);
check(!STAND_IN || final.text === 'The function says {"metres_above_sea":1345}', final.text);

const fact = "Snowdon is 1085 m high.";
const text = "Ben Nevis is 1345 m high.\n".repeat(400_000); // more than one piece of an upload
const upload = (content, config) =>
  files.upload({ file: new Blob([content], { type: "text/plain" }), config: { mimeType: "text/plain", ...config } });
const large = await upload(text, { displayName: 'a "größe"\n.txt' });
check(large.displayName === 'a "größe"\n.txt' && large.sizeBytes === String(text.length), large);
const small = await upload(fact, { name: "snowdon-js" });
check(small.state === "ACTIVE" && small.uri.startsWith(BASE), small);
check((await files.get({ name: small.name })).sha256Hash === small.sha256Hash, small);
const listed = [];
for await (const one of await files.list({ config: { pageSize: 1 } })) listed.push(one.name);
check(listed[0] === small.name && listed[1] === large.name, listed);
const part = { fileData: { fileUri: small.uri, mimeType: small.mimeType } };
const talk = chats.create({ model, config: short });
const about = await talk.sendMessage({ message: ["What is this?", part] });
check(about.text && (!STAND_IN || about.text.includes(fact)), about.text);
check((await talk.sendMessage({ message: "Really?" })).text);
for (const { name } of [large, small]) await files.delete({ name });
await expectError(files.get({ name: small.name }), 403);

await expectError(models.generateContent({ model: "no-such-model", contents: "Hello" }), 404);
await expectError(models.generateContent({ model, contents: "Hello", config: { temperature: 7 } }), 400);
const wrong = client(BASE, "wrong").models.generateContent({ model, contents: "Hello" });
check((await expectError(wrong, 400)).message.includes("API_KEY_INVALID"));

const seen = [];
const broken = async () => {
  const stream = await client(FAULTY).models.generateContentStream({ model, contents: "Hello" });
  for await (const chunk of stream) seen.push(chunk);
};
await expectError(broken(), 503);
check(seen.length === 1, seen);

const leaving = new AbortController();
const endless = { abortSignal: leaving.signal, maxOutputTokens: 4000 };
const stream = await models.generateContentStream({ model, contents: "Count forever.", config: endless });
await stream.next();
leaving.abort();
await expectIdle();

// Replies in hops, and streams that are cut after checkpoints, equal the reply of one request.
const long = { maxOutputTokens: 24, temperature: 0 };
const words =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen " +
  "eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four";
const ask = { model, contents: `Count in words: ${words}.`, config: long };
const { SERVER_WHOLE, SERVER_HOPS, SERVER_CUT } = process.env;
const reasonOf = ({ candidates }) => candidates[0].finishReason;
const whole = await client(SERVER_WHOLE).models.generateContent(ask);
for (const server of [SERVER_HOPS, SERVER_CUT]) {
  const hopping = client(server);
  const reply = await hopping.models.generateContent(ask);
  check(reply.text === whole.text && reasonOf(reply) === reasonOf(whole), server, reply.text, whole.text);
  const talk = hopping.chats.create({ model, config: long });
  // One after the other: a stream that breaks while nobody reads it loses the chunks that have arrived.
  for (const start of [
    () => hopping.models.generateContentStream(ask),
    () => talk.sendMessageStream({ message: ask.contents }),
  ]) {
    const chunks = await all(await start());
    check(textOf(chunks) === whole.text, server, textOf(chunks), whole.text);
    check(!chunks.some((chunk) => reasonOf(chunk) === "CONTINUATION"), chunks);
    check(reasonOf(chunks.at(-1)) === reasonOf(whole), chunks.at(-1));
  }
}
const manual = { ...long, automaticContinuation: false };
let [counted, joined] = [0, ""];
do {
  const hop = await client(SERVER_HOPS).models.generateContent({ ...ask, config: manual });
  manual.continuationToken = hop.candidates[0].continuationToken;
  joined += hop.text;
  counted += 1;
} while (manual.continuationToken);
check(counted === 4 && joined === whole.text, counted, joined, whole.text);
const other = { ...long, continuationToken: "b3RoZXI=" };
await expectError(client(SERVER_HOPS).models.generateContent({ ...ask, config: other }), 400);

const eight = Array.from({ length: 8 }, (_, number) =>
  models.generateContent({ model, contents: `Client ${number}`, config: short }),
);
const texts = (await Promise.all(eight)).map(({ text }) => text);
check(texts.every((text, number) => (STAND_IN ? text === `You said: Client ${number} (0 before)` : text)), texts);

done("@google/genai");
