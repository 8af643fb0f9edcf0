"use strict";
// @google-ai/generativelanguage, the generated clients of v1beta. Argument: rest or grpc.

const { v1beta } = require("@google-ai/generativelanguage");
const { OAuth2Client } = require("google-auth-library");
const { grpc } = require("google-gax");
const story = require("./story.cjs");

const REST = process.argv[2] === "rest";

function makeOptions() {
  const address = { apiEndpoint: story.HOST, port: story.PORT, projectId: story.PROJECT };
  const authClient = new OAuth2Client({ credentials: { access_token: story.KEY } });
  if (REST) return { ...address, protocol: "http", fallback: true, authClient };
  return { ...address, authClient, sslCreds: grpc.credentials.createInsecure() };
}

const options = makeOptions();
const models = new v1beta.ModelServiceClient(options);
const permissions = new v1beta.PermissionServiceClient(options);
const generation = new v1beta.GenerativeServiceClient(options);

async function tune(name, epochs) {
  const examples = story.PAIRS.map(([textInput, output]) => ({ textInput, output }));
  const tuningTask = {
    trainingData: { examples: { examples } },
    hyperparameters: { epochCount: epochs, batchSize: 4, learningRate: 0.001 },
  };
  const tunedModel = { displayName: name, baseModel: story.GEMINI_BASE, tuningTask };
  const [operation] = await models.createTunedModel({ tunedModel });
  return operation;
}

function readText(answer) {
  return answer.candidates[0].content.parts.map((part) => part.text).join("");
}

async function share(name) {
  const permission = { role: "READER", granteeType: "USER", emailAddress: story.FRIEND };
  const [made] = await permissions.createPermission({ parent: name, permission });
  const changed = { permission: { name: made.name, role: "WRITER" }, updateMask: { paths: ["role"] } };
  await permissions.updatePermission(changed);
  const [seen] = await permissions.getPermission({ name: made.name });
  await permissions.deletePermission({ name: made.name });
  const [left] = await permissions.listPermissions({ parent: name });
  const still = left.filter((one) => one.emailAddress === story.FRIEND);
  return [made.role, seen.role, ...still.map((one) => one.role)];
}

async function main() {
  const operation = await tune("next number", story.EPOCHS);
  const name = operation.metadata.tunedModel;
  story.tell("create", name);
  const look = async () => {
    const [model] = await models.getTunedModel({ name });
    return [model.state, model.state !== "CREATING"];
  };
  story.tell("poll", await story.poll(look));
  const [tuned] = await operation.promise();
  story.tell("done", tuned.name === name ? (await models.getTunedModel({ name }))[0].state : "another model");
  const [listed] = await models.listTunedModels({});
  story.tell("list", listed.some((one) => one.name === name));
  story.tell("get", (await models.getTunedModel({ name }))[0].displayName);
  const contents = [{ role: "user", parts: [{ text: story.QUESTION }] }];
  const [answer] = await generation.generateContent({ model: name, contents });
  story.tell("generate", readText(answer));
  let text = "";
  for await (const chunk of generation.streamGenerateContent({ model: name, contents })) text += readText(chunk);
  story.tell("stream", text);
  if (!REST) story.tell("count", (await generation.countTokens({ model: name, contents }))[0].totalTokens);
  await models.updateTunedModel({ tunedModel: { name, displayName: "renamed" }, updateMask: { paths: ["display_name"] } });
  story.tell("update", (await models.getTunedModel({ name }))[0].displayName);
  story.tell("permissions", await share(name));
  if (!REST) {
    const long = await tune("to be cancelled", story.LONG_EPOCHS);
    await long.cancel();
    const ended = await story.findCode(long.promise());
    story.tell("cancel", ended);
  }
  await models.deleteTunedModel({ name });
  story.tell("delete", await story.findCode(models.getTunedModel({ name })));
}

main();
