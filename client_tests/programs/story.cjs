"use strict";
// What every Node program here tells: one JSON line a step, on standard output.

// Empty under `exec`: a program then goes to Google as it always does.
const URL_ = process.env.EMULATOR_URL || "";
const PROJECT = process.env.PROJECT;
const LINE = Buffer.from('{"contents": [{"role": "user", "parts": [{"text": "1"}]}, {"role": "model", "parts": [{"text": "2"}]}]}\n');
const DELAY_MS = 100;
const LIMIT_MS = 120000;

function tell(step, value = null) {
  console.log(JSON.stringify({ step, value }));
}

function tellRefusal(step, code) {
  console.log(JSON.stringify({ step, refused: code }));
}

// Looks until there is an end; answers the different states seen, in order.
async function poll(look) {
  const states = [];
  const limit = Date.now() + LIMIT_MS;
  while (Date.now() < limit) {
    const [state, ended] = await look();
    if (states.at(-1) !== state) states.push(state);
    if (ended) return states;
    await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
  }
  throw new Error(`no end within ${LIMIT_MS} ms: ${states}`);
}

// The code that a promise is refused with; 0 when it is not.
async function findCode(promise) {
  try {
    await promise;
  } catch (error) {
    return error.status ?? error.code;
  }
  return 0;
}

module.exports = {
  URL: URL_,
  HOST: URL_ && new URL(URL_).hostname,
  PORT: URL_ && Number(new URL(URL_).port),
  PROJECT,
  LOCATION: "us-central1",
  KEY: `projects/${PROJECT}`,
  PAIRS: [
    ["1", "2"],
    ["3", "4"],
    ["seven", "eight"],
    ["twenty two", "twenty three"],
    ["ninety nine", "one hundred"],
  ],
  QUESTION: "seven",
  GEMINI_BASE: "models/gemini-1.5-flash-001-tuning",
  VERTEX_BASE: "gemini-2.0-flash-001",
  DATASET: "gs://client-data/train.jsonl",
  OBJECTS: "gs://client-data/objects.jsonl",
  LINE,
  LARGE: Buffer.concat(Array(9 * 8192).fill(LINE)),
  EPOCHS: 5,
  LONG_EPOCHS: 50,
  FRIEND: "friend@example.com",
  tell,
  tellRefusal,
  poll,
  findCode,
};
