// The official JavaScript client `@google/genai`, with an OpenAI-compatible server behind the Gemini API.

import { GoogleGenAI } from "@google/genai";
import { BASE, KEY, SCHEMA, check, done, expectError, valid } from "./checks.js";

const model = "gemini-2.5-flash";
const client = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: BASE } });
const { models, chats } = client(KEY);
const short = { maxOutputTokens: 16, temperature: 0, seed: 1 };

const one = await models.generateContent({ model, contents: "Hello there", config: short });
check(one.text && one.usageMetadata.promptTokenCount > 0, one);

let text = "";
let chunks = 0;
for await (const chunk of await models.generateContentStream({ model, contents: "Hello there", config: short })) {
  text += chunk.text ?? "";
  chunks += 1;
}
check(chunks > 1 && text === one.text, text, one.text);

const chat = chats.create({ model, config: short });
for await (const chunk of await chat.sendMessageStream({ message: "Count to five." })) check(chunk);
const second = await chat.sendMessage({ message: "And backwards?" });
check(second.usageMetadata.promptTokenCount > one.usageMetadata.promptTokenCount, second);

const shape = { responseMimeType: "application/json", responseSchema: SCHEMA, maxOutputTokens: 200, temperature: 0 };
valid(JSON.parse((await models.generateContent({ model, contents: "A mountain", config: shape })).text));

await expectError(client("wrong").models.generateContent({ model, contents: "Hi" }), 400);
await expectError(models.generateContent({ model, contents: "word ".repeat(9000) }), 400);
done("@google/genai with an upstream server");
