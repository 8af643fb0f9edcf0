"use strict";
// @google-cloud/aiplatform, the generated clients of v1. Argument: rest or grpc.

const { v1 } = require("@google-cloud/aiplatform");
const { grpc } = require("google-gax");
const story = require("./story.cjs");

const REST = process.argv[2] === "rest";
const ENDED = ["JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"];

function makeOptions() {
  const address = { apiEndpoint: story.HOST, port: story.PORT, projectId: story.PROJECT };
  if (REST) return { ...address, protocol: "http", fallback: true };
  return { ...address, sslCreds: grpc.credentials.createInsecure() };
}

const options = makeOptions();
const tuning = new v1.GenAiTuningServiceClient(options);
const models = new v1.ModelServiceClient(options);
const endpoints = new v1.EndpointServiceClient(options);
const prediction = new v1.PredictionServiceClient(options);
const counting = new v1.LlmUtilityServiceClient(options);
const parent = `projects/${story.PROJECT}/locations/${story.LOCATION}`;

async function tune(name, epochs) {
  const supervisedTuningSpec = {
    trainingDatasetUri: story.DATASET,
    hyperParameters: { epochCount: epochs },
    exportLastCheckpointOnly: true,
  };
  const tuningJob = { baseModel: story.VERTEX_BASE, supervisedTuningSpec, tunedModelDisplayName: name };
  const [job] = await tuning.createTuningJob({ parent, tuningJob });
  return job.name;
}

async function look(name) {
  const [job] = await tuning.getTuningJob({ name });
  return [job.state, ENDED.includes(job.state)];
}

function readText(answer) {
  return answer.candidates[0].content.parts.map((part) => part.text).join("");
}

async function remove(model, endpoint) {
  const [found] = await endpoints.getEndpoint({ name: endpoint });
  const [undeployed] = await endpoints.undeployModel({ endpoint, deployedModelId: found.deployedModels[0].id });
  await undeployed.promise();
  const [withoutEndpoint] = await endpoints.deleteEndpoint({ name: endpoint });
  await withoutEndpoint.promise();
  const [deleted] = await models.deleteModel({ name: model.split("@")[0] });
  await deleted.promise();
  return story.findCode(models.getModel({ name: model }));
}

async function main() {
  const name = await tune("next number", story.EPOCHS);
  story.tell("create", name);
  story.tell("poll", await story.poll(() => look(name)));
  const [job] = await tuning.getTuningJob({ name });
  story.tell("done", job.state);
  const [listed] = await tuning.listTuningJobs({ parent });
  story.tell("list", listed.some((one) => one.name === name));
  story.tell("get", job.tunedModelDisplayName);
  const { model, endpoint } = job.tunedModel;
  const contents = [{ role: "user", parts: [{ text: story.QUESTION }] }];
  const [answer] = await prediction.generateContent({ model: endpoint, contents });
  story.tell("generate", readText(answer));
  let text = "";
  for await (const chunk of prediction.streamGenerateContent({ model: endpoint, contents })) text += readText(chunk);
  story.tell("stream", text);
  const [counted] = await counting.countTokens({ endpoint, model: endpoint, contents });
  story.tell("count", counted.totalTokens);
  await models.updateModel({ model: { name: model, displayName: "renamed" }, updateMask: { paths: ["display_name"] } });
  story.tell("update", (await models.getModel({ name: model }))[0].displayName);
  const long = await tune("to be cancelled", story.LONG_EPOCHS);
  await tuning.cancelTuningJob({ name: long });
  story.tell("cancel", (await story.poll(() => look(long))).at(-1));
  story.tell("delete", await remove(model, endpoint));
}

main();
