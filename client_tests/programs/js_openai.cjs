"use strict";
// openai on a tuned endpoint of Vertex AI; @google/genai makes the tuned model, on pairs whose answers are JSON.

const { GoogleGenAI } = require("@google/genai");
const OpenAI = require("openai");
const { zodFunction, zodResponseFormat } = require("openai/helpers/zod");
const { z } = require("zod");
const story = require("./story.cjs");

const ENDED = ["JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"];
const Following = z.object({ word: z.string(), digits: z.number().int() });
const MESSAGES = [{ role: "user", content: story.QUESTION }];

async function makeEndpoint() {
  const httpOptions = { baseUrl: story.URL };
  // Application Default Credentials: the emulator plays the metadata server.
  const client = new GoogleGenAI({ vertexai: true, project: story.PROJECT, location: story.LOCATION, httpOptions });
  const config = { tunedModelDisplayName: "next number", epochCount: story.EPOCHS };
  const trainingDataset = { gcsUri: story.OBJECTS };
  const job = await client.tunings.tune({ baseModel: story.VERTEX_BASE, trainingDataset, config });
  story.tell("create", job.name);
  const look = async () => {
    const { state } = await client.tunings.get({ name: job.name });
    return [state, ENDED.includes(state)];
  };
  story.tell("poll", await story.poll(look));
  const done = await client.tunings.get({ name: job.name });
  story.tell("done", done.state);
  return `${story.URL}/v1/${done.tunedModel.endpoint}`;
}

async function main() {
  const client = new OpenAI({ baseURL: await makeEndpoint(), apiKey: "anything", maxRetries: 0 });
  const asked = { model: "tuned", messages: MESSAGES };
  const answer = await client.chat.completions.create(asked);
  story.tell("generate", answer.choices[0].message.content);
  let text = "";
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  story.tell("stream", text);
  const parsed = await client.chat.completions.parse({ ...asked, response_format: zodResponseFormat(Following, "following") });
  story.tell("structured", parsed.choices[0].message.parsed);
  const tool = zodFunction({ name: "look_up", parameters: z.object({ word: z.enum(["seven", "eight"]) }) });
  const called = await client.chat.completions.parse({ ...asked, tools: [tool], tool_choice: "required" });
  const [call] = called.choices[0].message.tool_calls;
  story.tell("call", call.function.name === "look_up" && ["seven", "eight"].includes(call.function.parsed_arguments.word));
  story.tell("refuse", await story.findCode(client.chat.completions.create({ ...asked, temperature: 9 })));
}

main();
