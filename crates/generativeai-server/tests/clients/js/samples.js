// Runs the samples of "Get code" that playground.js wrote. Each must run unchanged, and get the same reply as the page.

import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { KEY, check, done } from "./checks.js";

const { SAMPLES, RUSTC_ARGUMENTS } = process.env;

/** Runs a program, and returns its standard output. */
function output(program, ...args) {
  const env = { ...process.env, GEMINI_API_KEY: KEY };
  return execFileSync(program, args, { env, encoding: "utf8", timeout: 120_000 });
}

const RUN = {
  sh: (path) => output("bash", "-e", path),
  py: (path) => output("python", path),
  mjs: (path) => output("node", path),
  rs: (path) => {
    const binary = path.replace(/\.rs$/, "");
    output("rustc", ...JSON.parse(RUSTC_ARGUMENTS), "-o", binary, path);
    return output(binary);
  },
};

const EXPECTED = {
  empty: ["You said: Hello! (0 before)"],
  simple: ["You said: How are you? (2 before)"],
  special: ['And \\"this\\"?', "with image/png (2 before)"],
  call: ["get_height", "Ben Nevis"],
  response: ["The function says", "1345"],
};

for (const file of readdirSync(SAMPLES).filter((name) => /\.(sh|py|mjs|rs)$/.test(name))) {
  const [name, extension] = file.split(".");
  const path = join(SAMPLES, file);
  let printed;
  try {
    printed = RUN[extension](path);
  } catch (error) {
    console.error(readFileSync(path, "utf8"));
    throw error;
  }
  for (const part of EXPECTED[name]) {
    // Programs print the text itself, curl prints it in JSON.
    check(printed.includes(part) || printed.includes(part.replaceAll('\\"', '"')), file, part, printed);
  }
}
done("samples of Get code");
