// Shared by the JavaScript tests: addresses of the servers, assertions and their count.

import { readFileSync, readdirSync } from "node:fs";

const { SERVER, SERVER_PID, SERVER_FAULTY, SERVER_KEY, SERVER_MODEL } = process.env;

export const BASE = SERVER; // a server with an API key
export const FAULTY = SERVER_FAULTY; // the same with an injected error in each stream
export const KEY = SERVER_KEY;
export const MODEL = SERVER_MODEL; // its name without `models/`
// Only the replies of the stand-in are known, and only it reports how many are in progress.
export const STAND_IN = MODEL === "stand-in";

export const SCHEMA = {
  type: "OBJECT",
  properties: {
    name: { type: "STRING", enum: ["Ben Nevis", "Snowdon"] },
    metres: { type: "INTEGER" },
  },
  required: ["name", "metres"],
};

let checked = 0;

/** Counts an assertion, or throws with the given values. */
export function check(condition, ...values) {
  if (!condition) throw new Error(`failed: ${values.map((one) => JSON.stringify(one)).join(" ")}`);
  checked += 1;
}

/** Checks that a promise is rejected with an error of this code, and returns the error. */
export async function expectError(promise, code) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    check(error.status === code, code, error.status, String(error));
    return error;
  }
  throw new Error(`expected error ${code}, got ${JSON.stringify(value)}`);
}

/** Checks a value against the schema. */
export function valid(value) {
  check(Object.keys(value).sort().join() === "metres,name", value);
  check(SCHEMA.properties.name.enum.includes(value.name), value);
  check(Number.isInteger(value.metres), value);
}

const wait = (ms) => new Promise((resume) => setTimeout(resume, ms));

/** Returns the CPU time of a process and its children, in hundredths of a second. */
function cpuTime(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
  );
  return children.reduce((sum, child) => sum + cpuTime(child), Number(stat[11]) + Number(stat[12]));
}

/** Returns whether a reply is in progress. The embedded model then keeps at least one core busy. */
async function busy() {
  if (STAND_IN) {
    const response = await fetch(`${BASE}/v1beta/models/${MODEL}?key=${KEY}`);
    return parseInt((await response.json()).description, 10) > 0;
  }
  const before = cpuTime(SERVER_PID);
  await wait(500);
  return cpuTime(SERVER_PID) - before >= 10;
}

/** Checks that the work of a reply stops after its client has disconnected. */
export async function expectIdle() {
  const end = Date.now() + 10_000;
  while (await busy()) {
    check(Date.now() < end, "a reply is still in progress");
    await wait(20);
  }
  check(true);
}

export function done(name) {
  console.log(`${name}: ${checked} checks`);
}
