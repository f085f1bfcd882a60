// Settings of a conversation: their defaults, their checks, and the request body built from them.

/** Settings of a new conversation. Empty values are not sent. */
export const DEFAULTS = {
  systemInstruction: "",
  temperature: "",
  topP: "",
  topK: "",
  seed: "",
  maxOutputTokens: "",
  stopSequences: "",
  thinkingBudget: "",
  includeThoughts: false,
  responseSchema: "",
  functions: "",
  callingMode: "AUTO",
};

const MAX_INT32 = 2 ** 31 - 1;

/** Numeric settings with their limits. `integer` ones are `int32` in the API. */
export const NUMBERS = {
  temperature: { min: 0, max: 2 },
  topP: { min: 0, max: 1 },
  topK: { min: 0, max: MAX_INT32, integer: true },
  seed: { min: -MAX_INT32 - 1, max: MAX_INT32, integer: true },
  maxOutputTokens: { min: 1, max: MAX_INT32, integer: true },
  thinkingBudget: { min: -1, max: MAX_INT32, integer: true },
};

/** Returns the problems of settings by their names: `{topP: "must be at most 1"}`. */
export function problemsOf(settings) {
  const problems = {};
  for (const [name, { min, max, integer }] of Object.entries(NUMBERS)) {
    const text = String(settings[name] ?? "").trim();
    const value = Number(text);
    if (text === "") continue;
    if (!Number.isFinite(value)) problems[name] = "must be a number";
    else if (integer && !Number.isInteger(value)) problems[name] = "must be a whole number";
    else if (min !== undefined && value < min) problems[name] = `must be at least ${min}`;
    else if (max !== undefined && value > max) problems[name] = `must be at most ${max}`;
  }
  for (const [name, read] of [
    ["responseSchema", readSchema],
    ["functions", readFunctions],
  ]) {
    try {
      read(settings[name]);
    } catch (error) {
      problems[name] = error.message;
    }
  }
  return problems;
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`not valid JSON: ${error.message}`);
  }
}

function readSchema(text) {
  if (!text?.trim()) return undefined;
  const schema = readJson(text);
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
    throw new Error("must be a JSON object with a schema");
  }
  return schema;
}

/** Reads function declarations: an array, one declaration, or a tool that contains them. */
function readFunctions(text) {
  if (!text?.trim()) return [];
  const value = readJson(text);
  const listed = value?.functionDeclarations ?? value?.function_declarations ?? value;
  const functions = Array.isArray(listed) ? listed : [listed];
  functions.forEach((declaration, index) => {
    if (typeof declaration?.name !== "string" || !declaration.name) {
      throw new Error(`declaration ${index + 1} has no name`);
    }
  });
  return functions;
}

/** Returns the request body for contents. The settings must have no problems. */
export function requestBody(settings, contents) {
  const body = { contents };
  if (settings.systemInstruction.trim()) {
    body.systemInstruction = { parts: [{ text: settings.systemInstruction }] };
  }
  const functions = readFunctions(settings.functions);
  if (functions.length > 0) {
    body.tools = [{ functionDeclarations: functions }];
    if (settings.callingMode !== "AUTO") {
      body.toolConfig = { functionCallingConfig: { mode: settings.callingMode } };
    }
  }
  const config = {};
  for (const name of Object.keys(NUMBERS)) {
    const text = String(settings[name] ?? "").trim();
    if (text !== "" && name !== "thinkingBudget") config[name] = Number(text);
  }
  const stops = settings.stopSequences.split("\n").filter((line) => line !== "");
  if (stops.length > 0) config.stopSequences = stops;
  const thinking = {};
  if (String(settings.thinkingBudget).trim() !== "") {
    thinking.thinkingBudget = Number(settings.thinkingBudget);
  }
  if (settings.includeThoughts) thinking.includeThoughts = true;
  if (Object.keys(thinking).length > 0) config.thinkingConfig = thinking;
  const schema = readSchema(settings.responseSchema);
  if (schema) {
    config.responseMimeType = "application/json";
    config.responseJsonSchema = schema;
  }
  if (Object.keys(config).length > 0) body.generationConfig = config;
  return body;
}
