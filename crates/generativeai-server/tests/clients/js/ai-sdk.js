// Vercel's AI SDK (`ai` with `@ai-sdk/google`).

import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { generateText, isStepCount, Output, streamText, tool } from "ai";
import { z } from "zod";

import { BASE, check, done, KEY, STAND_IN, valid } from "./checks.js";

const provider = (apiKey = KEY) => createGoogleGenerativeAI({ apiKey, baseURL: `${BASE}/v1beta` });
const SETTINGS = { temperature: 0, maxOutputTokens: 200, maxRetries: 0 };
const model = (name = "gemini-2.5-flash", key = KEY) => provider(key)(name);
const mountain = z.object({
  name: z.enum(["Ben Nevis", "Snowdon"]),
  metres: z.number().int().min(0).max(9000),
});

async function one() {
  const reply = await generateText({ ...SETTINGS, model: model(), prompt: "Hello there" });
  check(reply.text, reply);
  check(!STAND_IN || reply.text === "You said: Hello there (0 before)", reply.text);
  check(reply.usage.inputTokens > 0, reply.usage);
}

/** A streamed reply and a whole one enter the next prompt with the same number of tokens. */
async function secondTurnAfterStream() {
  const question = { role: "user", content: "Hello there" };
  const whole = await generateText({ ...SETTINGS, model: model(), messages: [question] });
  const stream = streamText({ ...SETTINGS, model: model(), messages: [question] });
  let text = "";
  for await (const delta of stream.textStream) text += delta;
  check(text === whole.text, text, whole.text);
  const tokens = [];
  for (const response of [await whole.response, await stream.response]) {
    const messages = [question, ...response.messages, { role: "user", content: "And you?" }];
    const reply = await generateText({ ...SETTINGS, model: model(), messages });
    tokens.push(reply.usage.inputTokens);
  }
  check(tokens[0] === tokens[1], tokens);
}

async function schema() {
  const output = Output.object({ schema: mountain });
  const reply = await generateText({ ...SETTINGS, model: model(), output, prompt: "A mountain" });
  valid(reply.output);
}

async function callFunction() {
  const calls = [];
  const getHeight = tool({
    description: "The height of a mountain.",
    inputSchema: mountain,
    execute: async (input) => {
      calls.push(input);
      return { metres_above_sea: 1345 };
    },
  });
  const reply = await generateText({
    ...SETTINGS,
    model: model(),
    tools: { get_height: getHeight },
    toolChoice: "required",
    stopWhen: isStepCount(1),
    prompt: "How tall is Ben Nevis?",
  });
  check(calls.length === 1, calls);
  valid(calls[0]);
  const messages = [{ role: "user", content: "How tall is Ben Nevis?" }, ...reply.response.messages];
  const answer = await generateText({ ...SETTINGS, model: model(), messages });
  check(answer.text, answer);
  check(!STAND_IN || answer.text.includes("1345"), answer.text);
}

async function fails(name, key, code) {
  try {
    await generateText({ ...SETTINGS, model: model(name, key), prompt: "Hello" });
  } catch (error) {
    check(error.statusCode === code && !error.isRetryable, error.statusCode, String(error));
    return;
  }
  throw new Error(`expected error ${code}`);
}

await one();
await secondTurnAfterStream();
await schema();
await callFunction();
await fails("no-such-model", KEY, 404);
await fails("gemini-2.5-flash", "wrong", 400);
done("AI SDK");
