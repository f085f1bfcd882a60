// What the JavaScript checks share: where the servers are, and counting what was checked.

import { readFileSync, readdirSync } from "node:fs";

const { SERVER, SERVER_PID, SERVER_FAULTY, SERVER_KEY, SERVER_MODEL } = process.env;

export const BASE = SERVER; // the model, behind a key
export const FAULTY = SERVER_FAULTY; // the same, with an error in every stream
export const KEY = SERVER_KEY;
export const MODEL = SERVER_MODEL; // its real name, without `models/`
// Only the stand-in says what it will say, and how many replies are on their way.
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

/** Counts a check, or ends with what is wrong. */
export function check(fact, ...what) {
  if (!fact) throw new Error(`wrong: ${what.map((one) => JSON.stringify(one)).join(" ")}`);
  checked += 1;
}

/** Checks that a promise fails with an error that has that code; gives the error. */
export async function refused(promise, code) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    check(error.status === code, code, error.status, String(error));
    return error;
  }
  throw new Error(`wrong: ${JSON.stringify(value)}, ${code} was to be`);
}

/** Checks a value against the schema. */
export function valid(value) {
  check(Object.keys(value).sort().join() === "metres,name", value);
  check(SCHEMA.properties.name.enum.includes(value.name), value);
  check(Number.isInteger(value.metres), value);
}

const wait = (ms) => new Promise((resume) => setTimeout(resume, ms));

/** The processor time of a process and its children, in hundredths of a second. */
function worked(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
  );
  return children.reduce((sum, child) => sum + worked(child), Number(stat[11]) + Number(stat[12]));
}

/** Whether a reply is on its way; the embedded model takes a core for one, or all of them. */
async function busy() {
  if (STAND_IN) {
    const answer = await fetch(`${BASE}/v1beta/models/${MODEL}?key=${KEY}`);
    return parseInt((await answer.json()).description, 10) > 0;
  }
  const before = worked(SERVER_PID);
  await wait(500);
  return worked(SERVER_PID) - before >= 10;
}

/** Checks that no reply goes on, now that its client has left. */
export async function stopped() {
  const end = Date.now() + 10_000;
  while (await busy()) {
    check(Date.now() < end, "a reply goes on that nobody reads");
    await wait(20);
  }
  check(true);
}

export function done(name) {
  console.log(`${name}: ${checked} checks`);
}
