// What the JavaScript checks share: where the servers are, and counting what was checked.

const { SERVER, SERVER_FAULTY, SERVER_KEY, SERVER_MODEL } = process.env;

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

/** Checks that no reply goes on, now that its client has left. */
export async function stopped() {
  const end = Date.now() + 5_000;
  for (;;) {
    if (!STAND_IN) return;
    const answer = await fetch(`${BASE}/v1beta/models/${MODEL}?key=${KEY}`);
    if (parseInt((await answer.json()).description, 10) === 0) return;
    check(Date.now() < end, "a reply goes on that nobody reads");
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

export function done(name) {
  console.log(`${name}: ${checked} checks`);
}
