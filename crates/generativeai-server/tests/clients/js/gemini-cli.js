// Gemini CLI (`@google/gemini-cli`), headless: `gemini -p`.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { BASE, check, done, KEY, STAND_IN } from "./checks.js";

const program = fileURLToPath(import.meta.resolve("@google/gemini-cli/bundle/gemini.js"));
const home = mkdtempSync(join(tmpdir(), "gemini-cli-"));
const folder = join(home, "project");
mkdirSync(join(home, ".gemini"));
mkdirSync(folder);
writeFileSync(join(home, "system.md"), "Be brief.");
const settings = {
  security: { auth: { selectedType: "gemini-api-key" } },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  general: { disableAutoUpdate: true },
  // All declarations together are longer than the context of the embedded model.
  tools: STAND_IN ? {} : { core: ["list_directory"] },
};
writeFileSync(join(home, ".gemini", "settings.json"), JSON.stringify(settings));

/** Runs the program, and returns its exit code, its JSON and what it reported. */
function gemini({ key = KEY, model = "gemini-2.5-flash" }, ...options) {
  const fixed = ["--skip-trust", "--output-format", "json", "--model", model];
  const env = {
    ...process.env,
    HOME: home,
    GEMINI_API_KEY: key,
    GEMINI_SYSTEM_MD: join(home, "system.md"),
    GOOGLE_GEMINI_BASE_URL: BASE,
  };
  const input = { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 };
  const run = spawnSync(process.execPath, [program, ...fixed, ...options], input);
  const reply = run.status === 0 ? JSON.parse(run.stdout) : undefined;
  return { code: run.status, reply, report: run.stdout + run.stderr };
}

try {
  const first = gemini({}, "-p", "Hello there");
  check(first.code === 0 && first.reply.response, first.report);
  check(!STAND_IN || first.reply.response.endsWith("Hello there (0 before)"), first.reply.response);

  const second = gemini({}, "--resume", "latest", "-p", "And you?");
  check(second.code === 0 && second.reply.response, second.report);
  check(second.reply.session_id === first.reply.session_id, second.report);
  const [before, after] = [first, second].map(({ reply }) => Object.values(reply.stats.models)[0].tokens);
  // The reply is in the second prompt once, however many chunks it had: its tokens and the tokens of the new message.
  const added = after.prompt - before.prompt;
  check(STAND_IN || (added > 0 && added < before.candidates + 40), before, after);
  // The streamed reply of the first turn is one content.
  const expected = "Be brief. You said: And you? (2 before)";
  check(!STAND_IN || second.reply.response === expected, second.reply.response);

  if (STAND_IN) {
    // It calls the function whose name it reads.
    const called = gemini({}, "--approval-mode", "yolo", "-p", "list_directory now");
    check(called.reply?.stats.tools.byName.list_directory?.count === 1, called.report);
    check(called.reply.response.startsWith("The function says"), called.reply.response);
  }

  const unknown = gemini({ model: "no-such-model" }, "-p", "Hello");
  check(unknown.code !== 0 && unknown.report.includes("unknown model"), unknown.code, unknown.report);
  const refused = gemini({ key: "wrong" }, "-p", "Hello");
  check(refused.code !== 0 && refused.report.includes("API key"), refused.code, refused.report);
} finally {
  rmSync(home, { recursive: true, force: true });
}
done("Gemini CLI");
