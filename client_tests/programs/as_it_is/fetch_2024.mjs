// A tuned model from Node without a library, as in 2024: fetch, a key in the address, a loop.
// Source: https://ai.google.dev/api/tuning as of August 2024, for the requests.
const root = "https://generativelanguage.googleapis.com/v1beta";
const key = "an-old-key";

async function call(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(`${root}/${path}?key=${key}`, options || {});
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

const examples = Array.from({ length: 16 }, (_, number) => ({ textInput: `${number}`, output: `${number + 1}` }));
let operation = await call("tunedModels", {
  displayName: "next number",
  baseModel: "models/gemini-1.5-flash-001-tuning",
  tuningTask: { hyperparameters: { epochCount: 5, batchSize: 4 }, trainingData: { examples: { examples } } },
});
while (!operation.done) {
  await new Promise((resolve) => setTimeout(resolve, 200));
  operation = await call(operation.name);
}
const name = operation.metadata.tunedModel;
const answer = await call(`${name}:generateContent`, { contents: [{ role: "user", parts: [{ text: "7" }] }] });
console.log((await call(name)).state, answer.candidates[0].content.parts[0].text);
