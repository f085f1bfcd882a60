// "Get code": the conversation as a program for curl, Rust, Python and JavaScript.
//
// Each sample runs as shown. If the page has an API key, the sample reads it from GEMINI_API_KEY: a key
// never appears in code that people share.

/** Generators of the samples. Each gets `{base, hasKey, model, body}`; `body` is the request. */
export const SAMPLES = { curl, Rust: rust, Python: python, JavaScript: javascript };

const json = (value, indent = "") => JSON.stringify(value, null, 2).replaceAll("\n", `\n${indent}`);

function curl({ base, hasKey, model, body }) {
  const lines = [`curl '${base}/v1beta/models/${model}:generateContent'`];
  if (hasKey) lines.push(`  -H "x-goog-api-key: $GEMINI_API_KEY"`);
  lines.push(`  -H 'content-type: application/json'`, `  -d @- <<'JSON'`);
  // The quoted word keeps the shell from expanding anything in the body.
  return `${lines.join(" \\\n")}\n${json(body)}\nJSON\n`;
}

// --- JavaScript

function javascript({ base, hasKey, model, body }) {
  const key = hasKey ? "process.env.GEMINI_API_KEY" : JSON.stringify("none");
  const fields = [`model: ${JSON.stringify(model)}`, `contents: ${json(body.contents, "  ")}`];
  const config = configOf(body);
  if (config) fields.push(`config: ${json(config, "  ")}`);
  return `// npm install @google/genai
import { GoogleGenAI } from "@google/genai";

const ai = new GoogleGenAI({
  apiKey: ${key},
  httpOptions: { baseUrl: ${JSON.stringify(base)} },
});

const response = await ai.models.generateContent({
  ${fields.join(",\n  ")},
});
console.log(${outputOf(body, "response.text", "response.functionCalls ?? response.text")});
`;
}

/** The clients take settings, instruction and tools in one object. */
function configOf({ systemInstruction, generationConfig, tools, toolConfig }) {
  const config = {
    ...(systemInstruction && { systemInstruction: systemInstruction.parts[0].text }),
    ...generationConfig,
    ...(tools && { tools }),
    ...(toolConfig && { toolConfig }),
  };
  return Object.keys(config).length > 0 ? config : undefined;
}

const outputOf = (body, text, withCalls) => (body.tools ? withCalls : text);

// --- Python

function python({ base, hasKey, model, body }) {
  const contents = pythonValue(snakeCase(body.contents), "    ");
  const config = configOf(body);
  const settings = config ? `\n    config=${pythonValue(snakeCase(config), "    ")},` : "";
  const usesBytes = contents.includes("base64.b64decode(");
  const imports = [usesBytes && "import base64", hasKey && "import os"].filter(Boolean);
  const key = hasKey ? `os.environ["GEMINI_API_KEY"]` : `"none"`;
  return `# pip install google-genai
${imports.length > 0 ? `${imports.join("\n")}\n\n` : ""}from google import genai

client = genai.Client(
    api_key=${key},
    http_options={"base_url": ${pythonValue(base)}},
)

response = client.models.generate_content(
    model=${pythonValue(model)},
    contents=${contents},${settings}
)
print(${outputOf(body, "response.text", "response.function_calls or response.text")})
`;
}

/** Members whose content has names that are data. These names are not converted to snake_case. */
const FREE = new Set([
  "args",
  "response",
  "parametersJsonSchema",
  "responseJsonSchema",
  "properties",
]);

function snakeCase(value) {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      FREE.has(name) ? member : snakeCase(member),
    ]),
  );
}

function pythonValue(value, indent = "") {
  const inner = `${indent}    `;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  // A JSON string is a Python string, but for surrogates, which JSON.stringify escapes.
  if (typeof value !== "object") return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const members = Array.isArray(value)
    ? value.map((item) => pythonValue(item, inner))
    : Object.entries(value).map(([name, member]) => {
        // The Python client takes bytes for these members, and encodes them itself.
        const isBytes = name === "thought_signature" || (name === "data" && value.mime_type);
        const text = pythonValue(member, inner);
        return `${JSON.stringify(name)}: ${isBytes ? `base64.b64decode(${text})` : text}`;
      });
  if (members.length === 0) return open + close;
  return `${open}\n${members.map((member) => `${inner}${member},\n`).join("")}${indent}${close}`;
}

// --- Rust

/** The last content becomes the message, the contents before it become the history of a chat. */
function rust({ base, hasKey, model, body }) {
  const last = body.contents.at(-1);
  const history = body.contents.slice(0, -1);
  const uses = new Set(["use generativeai::{GenerativeModel, Remote};"]);
  const parsed = (value, type, indent) => {
    uses.add("use serde_json::from_str;");
    const [path, name] = type.split("::");
    uses.add(`use generativeai::protocol::${path}::${name.replace(/^Vec<(.*)>$/, "$1")};`);
    return `from_str::<${name}>(${rustString(json(value, indent))})?`;
  };
  const isText = ({ parts }) => parts.length === 1 && Object.keys(parts[0]).join() === "text";
  const contentOf = (content, indent) => {
    if (!isText(content)) return parsed(content, "content::Content", indent);
    uses.add("use generativeai::protocol::content::Content;");
    return `Content::${content.role}(${rustString(content.parts[0].text)})`;
  };
  const settings = [];
  if (body.systemInstruction) {
    settings.push(`.system_instruction(${rustString(body.systemInstruction.parts[0].text)})`);
  }
  if (body.generationConfig) {
    const config = parsed(body.generationConfig, "config::GenerationConfig", "        ");
    settings.push(`.generation_config(${config})`);
  }
  if (body.tools) settings.push(`.tools(${parsed(body.tools, "tools::Vec<Tool>", "        ")})`);
  if (body.toolConfig) {
    settings.push(`.tool_config(${parsed(body.toolConfig, "tools::ToolConfig", "        ")})`);
  }
  const contents = history.map((content) => `        ${contentOf(content, "        ")},\n`);
  const chat =
    history.length > 0
      ? `    let history = vec![\n${contents.join("")}    ];\n    let mut chat = model.start_chat().with_history(history);\n`
      : "    let mut chat = model.start_chat();\n";
  const message = isText(last) ? rustString(last.parts[0].text) : contentOf(last, "    ");
  const output = outputOf(body, "reply.text()?", "serde_json::to_string_pretty(&reply)?");
  return `// cargo add generativeai serde_json && cargo add tokio --features macros,rt
${[...uses].sort().join("\n")}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let remote = Remote::builder()
        .base_url(${rustString(base)})
        .api_key(${hasKey ? `std::env::var("GEMINI_API_KEY")?` : `"none"`})
        .build()?;
    let model = GenerativeModel::new(${rustString(model)})${settings.length > 0 ? "\n        " : ""}.backend(remote)${settings.map((setting) => `\n        ${setting}`).join("")};
${chat}    let reply = chat.send_message(${message}).await?;
    println!("{}", ${output});
    Ok(())
}
`;
}

/** Characters that rustc refuses in a literal: it would read differently than it looks. */
const BIDIRECTIONAL = /[\u202a-\u202e\u2066-\u2069]/g;

/** A Rust string literal; a raw one where escapes would make it hard to read. */
function rustString(text) {
  if (/[\n"\\]/.test(text) && !/[\r\u0000-\u0008]/.test(text) && !text.match(BIDIRECTIONAL)) {
    // More `#` than follow any quotation mark in the text, so that the text does not end the literal.
    const runs = text.match(/"#*/g) ?? [];
    const hashes = "#".repeat(Math.max(1, ...runs.map((run) => run.length)));
    return `r${hashes}"${text}"${hashes}`;
  }
  const escape = (char) => `\\u{${char.codePointAt(0).toString(16)}}`;
  return `"${text
    .replace(/["\\]/g, "\\$&")
    .replace(/\n/g, "\\n")
    .replace(/[\u0000-\u001f\u007f]/g, escape)
    .replace(BIDIRECTIONAL, escape)}"`;
}
