// The chat page, in a headless Chromium: type, see the stream, stop, rewind, reload.

import { chromium } from "playwright-core";
import { BASE, KEY, STAND_IN, check, done, expectIdle } from "./checks.js";

const { CHROMIUM: executablePath, SCREENSHOT: path } = process.env;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 900, height: 700 } });
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
page.on("dialog", (dialog) => complaints.push(`a dialog: ${dialog.message()}`) && dialog.dismiss());

// The embedded model cannot count forever, but tells long stories.
const endless = STAND_IN ? "Count forever." : "Tell me a very long story about the sea.";
const turns = () => page.locator("article").count();
const last = (what) => page.locator("article").last().locator(what);
const ended = (how) => page.locator(`article.${how}:last-child`).waitFor();
async function say(words) {
  await page.fill("#words", words);
  await page.press("#words", "Enter");
}

// Without the key nothing is answered, and the page asks for it.
await page.goto(`${BASE}/`);
await page.locator("#guard").waitFor();
await say("Hello?");
await ended("failed");
check((await last("footer").textContent()).includes("a key is needed"));
await page.fill("#key", KEY);
await page.click("#rewind");
check((await turns()) === 0 && (await page.inputValue("#words")) === "Hello?");
check(complaints.every((text) => text.includes("403")), complaints);
complaints.length = 0;

// The reply is seen while it comes.
const grown = page.evaluate(
  () =>
    new Promise((resolve) => {
      const seen = new Set();
      new MutationObserver(() => {
        const article = document.querySelector("article:last-child");
        seen.add(article?.querySelector(".heard").textContent.length);
        if (article?.className === "whole") resolve(seen.size);
      }).observe(document.querySelector("main"), {
        attributes: true,
        childList: true,
        subtree: true,
      });
    }),
);
await say("Hello, how tall is Ben Nevis?");
await ended("whole");
check((await grown) > 3, await grown);
const first = await last(".heard").textContent();
check(first && (!STAND_IN || first.includes("(0 before)")), first);

// What the model says is never taken for HTML.
const attack = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;
await say(`Say ${attack}`);
await ended("whole");
check((await last(".said").textContent()).includes(attack));
check(!STAND_IN || (await last(".heard").textContent()).includes(attack));
check((await page.locator("main img, main script").count()) === 0);

// A reply that would go on forever can be stopped, and its work ends.
await say(endless);
await page.waitForFunction(
  () => document.querySelector("article:last-child .heard").textContent.length > 20,
);
if (path) await page.screenshot({ path });
await page.click("#stop");
await ended("stopped");
await expectIdle();
check((await turns()) === 3);

// Rewinding takes back the last turn and gives the words back; what is before stays.
await page.click("#rewind");
check((await turns()) === 2 && (await page.inputValue("#words")) === endless);

// A reload keeps the conversation, and the next message knows of it.
await page.reload();
check((await turns()) === 2, await turns());
check((await page.locator("article .heard").first().textContent()) === first);
await page.fill("#key", KEY);
await say("And now?");
await ended("whole");
check(!STAND_IN || (await last(".heard").textContent()).includes("(4 before)"));

// A page that is left in mid-reply says so when it comes back.
await say(endless);
await page.waitForFunction(
  () => document.querySelector("article:last-child .heard").textContent.length > 20,
);
await page.reload();
await ended("stopped");
await expectIdle();
await page.click("#clear");
check((await turns()) === 0);
check(complaints.every((text) => text.includes("403")), complaints);

await browser.close();
done("the page, in Chromium");
