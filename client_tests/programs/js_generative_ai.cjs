"use strict";
// @google/generative-ai. It tunes nothing: the tuned model is made with fetch.

const { GoogleGenerativeAI } = require("@google/generative-ai");
const story = require("./story.cjs");

async function makeTunedModel() {
  const examples = story.PAIRS.map(([textInput, output]) => ({ textInput, output }));
  const tuningTask = { trainingData: { examples: { examples } }, hyperparameters: { epochCount: story.EPOCHS } };
  const headers = { "x-goog-api-key": story.KEY, "content-type": "application/json" };
  const body = JSON.stringify({ displayName: "next number", baseModel: story.GEMINI_BASE, tuningTask });
  const answer = await fetch(`${story.URL}/v1beta/tunedModels`, { method: "POST", headers, body });
  const name = (await answer.json()).metadata.tunedModel;
  await story.poll(async () => {
    const { state } = await (await fetch(`${story.URL}/v1beta/${name}`, { headers })).json();
    return [state, state !== "CREATING"];
  });
  return name;
}

async function main() {
  const client = new GoogleGenerativeAI(story.KEY);
  const model = client.getGenerativeModel({ model: await makeTunedModel() }, { baseUrl: story.URL });
  story.tell("generate", (await model.generateContent(story.QUESTION)).response.text());
  let text = "";
  for await (const chunk of (await model.generateContentStream(story.QUESTION)).stream) text += chunk.text();
  story.tell("stream", text);
  story.tell("count", (await model.countTokens(story.QUESTION)).totalTokens);
}

main();
