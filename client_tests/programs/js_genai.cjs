"use strict";
// @google/genai. Argument: gemini or vertex.

const { GoogleGenAI } = require("@google/genai");
const story = require("./story.cjs");

const GEMINI = process.argv[2] === "gemini";
const ENDED = ["JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"];

function makeClient() {
  const httpOptions = { baseUrl: story.URL };
  if (GEMINI) return new GoogleGenAI({ apiKey: story.KEY, httpOptions });
  // Application Default Credentials: the emulator plays the metadata server.
  return new GoogleGenAI({ vertexai: true, project: story.PROJECT, location: story.LOCATION, httpOptions });
}

const client = makeClient();

function tune(name, epochs) {
  const config = { tunedModelDisplayName: name, epochCount: epochs };
  if (!GEMINI) {
    return client.tunings.tune({ baseModel: story.VERTEX_BASE, trainingDataset: { gcsUri: story.DATASET }, config });
  }
  const examples = story.PAIRS.map(([textInput, output]) => ({ textInput, output }));
  return client.tunings.tune({ baseModel: story.GEMINI_BASE, trainingDataset: { examples }, config });
}

async function look(name) {
  const job = await client.tunings.get({ name });
  return [job.state, ENDED.includes(job.state)];
}

async function listNames() {
  const names = [];
  const pager = GEMINI ? await client.models.list({ config: { queryBase: false } }) : await client.tunings.list();
  for await (const one of pager) names.push(one.name);
  return names;
}

async function main() {
  const job = await tune("next number", story.EPOCHS);
  story.tell("create", job.name);
  story.tell("poll", await story.poll(() => look(job.name)));
  const done = await client.tunings.get({ name: job.name });
  story.tell("done", done.state);
  story.tell("list", (await listNames()).includes(job.name));
  const model = GEMINI ? job.name : done.tunedModel.model;
  const endpoint = GEMINI ? job.name : done.tunedModel.endpoint;
  story.tell("get", (await client.models.get({ model })).displayName);
  const asked = { model: endpoint, contents: story.QUESTION };
  story.tell("generate", (await client.models.generateContent(asked)).text);
  let text = "";
  for await (const chunk of await client.models.generateContentStream(asked)) text += chunk.text ?? "";
  story.tell("stream", text);
  story.tell("count", (await client.models.countTokens(asked)).totalTokens);
  story.tell("update", (await client.models.update({ model, config: { displayName: "renamed" } })).displayName);
  const long = await tune("to be cancelled", story.LONG_EPOCHS);
  const refused = await story.findCode(client.tunings.cancel({ name: long.name }));
  if (refused) story.tellRefusal("cancel", refused);
  else story.tell("cancel", (await story.poll(() => look(long.name))).at(-1));
  const undeleted = await story.findCode(client.models.delete({ model }));
  if (undeleted) story.tellRefusal("delete", undeleted);
  else story.tell("delete", await story.findCode(client.models.get({ model })));
}

main();
