// The package against a real emulator; run by tests/test_node_package.py, where it is installed.
import assert from "node:assert/strict";
import test from "node:test";
import { Control, ControlError, NoAnswerError, startEmulator, useEmulator as useAny } from "tuning-emulator";
import { useEmulator } from "tuning-emulator/node-test";

const emulator = useEmulator();
const listModels = (key = process.env.GEMINI_API_KEY) =>
  fetch(`${process.env.GOOGLE_GEMINI_BASE_URL}/v1beta/tunedModels?key=${key}`);

test("faults fire as often as they say, in the file's own project", async () => {
  const armed = await emulator().faults.add({ method: "ListTunedModels", code: "UNAVAILABLE", times: 1 });
  assert.equal((await listModels("projects/of-somebody-else")).status, 200);
  assert.deepEqual([(await listModels()).status, (await listModels()).status], [503, 200]);
  assert.equal((await emulator().faults.get(armed.id)).fired, 1);
  assert.equal(await emulator().journal.count({ status: 503 }), 1);
  assert.equal((await emulator().journal.list({ method: "ListTunedModels" })).length, 2);
});

test("what a test leaves behind is gone for the next", async () => {
  assert.deepEqual(await emulator().faults.list(), []);
  assert.equal(await emulator().journal.count(), 0);
});

test("jobs go as fast as they are told, and by their clock", async () => {
  await emulator().scenarios.load("one-of-each-state");
  assert.equal((await emulator().jobs.list()).length > 0, true);
  assert.equal((await emulator().pacing.set("polls:2")).polls, 2);
  assert.equal((await emulator().pacing.get()).mode, "polls");
  const before = await emulator().clock.now();
  await emulator().clock.advance(3600);
  assert.equal((await emulator().clock.now()) - before >= 3600_000, true);
  const tomorrow = new Date(before.getTime() + 86_400_000);
  await emulator().clock.set(tomorrow, { frozen: true });
  assert.deepEqual(await emulator().clock.now(), tomorrow);
  await emulator().clock.resume();
});

test("a job that is to fail fails, and is waited for", async () => {
  await emulator().jobFaults.add({ kind: "internal_error", at: 1 });
  const examples = { examples: { examples: [{ text_input: "1", output: "2" }] } };
  const body = { base_model: "models/gemini-1.5-flash-001-tuning", tuning_task: { training_data: examples } };
  const url = `${emulator().url}/v1beta/tunedModels?key=${process.env.GEMINI_API_KEY}&tunedModelId=one`;
  const made = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  assert.equal(made.status, 200, await made.clone().text());
  const [job] = await emulator().jobs.list();
  assert.equal((await emulator().jobs.wait(job.name)).state, "FAILED");
});

test("refusals are the emulator's own words", async () => {
  const refusal = (error) => error instanceof ControlError && error.status === 422 && /nothing to do/.test(error.message);
  await assert.rejects(emulator().faults.add({}), refusal);
  await assert.rejects(emulator().pacing.set("fast"), { name: "ControlError", status: 422 });
  await assert.rejects(new Control("http://127.0.0.1:9").health(), NoAnswerError);
  await assert.rejects(startEmulator({ url: emulator().url, settings: { seed: 1 } }), /runs already/);
  await assert.rejects(startEmulator({ url: "", settings: { pace: "never" }, say() {} }), /did not start[^]*never/);
});

test("the environment leads there and comes back", async () => {
  const environment = { GOOGLE_API_KEY: "mine", NO_GCE_CHECK: "true" };
  const other = await emulator().forProject("other-project");
  const restore = other.lead(environment);
  assert.equal(environment.GEMINI_API_KEY, "projects/other-project");
  assert.equal(environment.GCE_METADATA_HOST, new URL(emulator().url).host);
  assert.equal(environment.TUNING_EMULATOR_URL, emulator().url);
  assert.deepEqual([environment.GOOGLE_API_KEY, environment.NO_GCE_CHECK], [undefined, undefined]);
  restore();
  assert.deepEqual(environment, { GOOGLE_API_KEY: "mine", NO_GCE_CHECK: "true" });
});

test("other runners give their own hooks", async () => {
  const kept = {};
  const keep = (name) => (hook) => (kept[name] = hook);
  const hooks = { beforeAll: keep("before"), afterEach: keep("each"), afterAll: keep("after") };
  const shared = useAny(hooks);
  assert.throws(shared, /while tests run/);
  const before = process.env.GEMINI_API_KEY;
  await kept.before();
  assert.equal(shared().url, emulator().url);
  assert.equal(shared().ours, false);
  assert.notEqual(shared().project, emulator().project);
  assert.equal(process.env.GEMINI_API_KEY, `projects/${shared().project}`);
  await kept.each();
  await kept.after();
  assert.equal(process.env.GEMINI_API_KEY, before);
});
