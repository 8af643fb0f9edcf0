/** Programs that ask a model of this emulator, in the languages that have an official client. */

import { asCurl, asPython } from "./code.js";
import { pathOf } from "./models.js";

/**
 * @typedef {import("./models.js").Target} Target
 * @typedef {{prompt: string, system: string, config: Record<string, any>}} Question
 */

const SNAKE = /[A-Z]/g;

/**
 * @param {Target} target
 * @param {Question} question
 * @returns {Record<string, string>}
 */
export function listPrograms(target, question) {
  return {
    Python: formatPython(target, question),
    Node: formatNode(target, question),
    curl: formatCurl(target, question),
    Go: formatGo(target, question),
    Java: formatJava(target, question),
  };
}

/**
 * A request's body.
 *
 * @param {Question} question
 */
export function formatBody({ prompt, system, config }) {
  return {
    contents: [{ role: "user", parts: [{ text: prompt }] }],
    ...(system ? { systemInstruction: { parts: [{ text: system }] } } : {}),
    ...(Object.keys(config).length ? { generationConfig: config } : {}),
  };
}

/** @param {Target} target @param {Question} question */
function formatCurl(target, question) {
  const vertex = target.api === "vertex";
  return asCurl("POST", pathOf(target, "generateContent"), { body: formatBody(question), key: vertex ? false : target.key, token: vertex });
}

/** @param {Target} target @param {Question} question */
function formatPython(target, { prompt, system, config }) {
  const options = { ...(system ? { systemInstruction: system } : {}), ...config };
  const named = Object.entries(options).map(
    ([name, value]) => [name.replace(SNAKE, (letter) => `_${letter.toLowerCase()}`), value],
  );
  const place = readPlace(target);
  const client = place
    ? `vertexai=True, project=${str(place.project)}, location=${str(place.location)},\n    credentials=Credentials("anything"),`
    : `api_key=${str(target.key)},`;
  return [
    "from google import genai",
    "from google.genai import types",
    ...(place ? ["from google.oauth2.credentials import Credentials"] : []),
    "",
    `client = genai.Client(\n    ${client}\n    http_options=types.HttpOptions(base_url=${str(location.origin)}),\n)`,
    "answer = client.models.generate_content(",
    `    model=${str(target.resource)},`,
    `    contents=${str(prompt)},`,
    ...(named.length ? [`    config=${asPython(Object.fromEntries(named), "    ")},`] : []),
    ")",
    "print(answer.text)",
  ].join("\n");
}

/** @param {Target} target @param {Question} question */
function formatNode(target, { prompt, system, config }) {
  const options = { ...(system ? { systemInstruction: system } : {}), ...config };
  const place = readPlace(target);
  const client = place
    ? `vertexai: true, project: ${str(place.project)}, location: ${str(place.location)}`
    : `apiKey: ${str(target.key)}`;
  return [
    ...(place ? [`// GCE_METADATA_HOST=${location.host} METADATA_SERVER_DETECTION=assume-present node ask.mjs`] : []),
    'import { GoogleGenAI } from "@google/genai";',
    "",
    `const ai = new GoogleGenAI({ ${client}, httpOptions: { baseUrl: ${str(location.origin)} } });`,
    "const answer = await ai.models.generateContent({",
    `  model: ${str(target.resource)},`,
    `  contents: ${str(prompt)},`,
    ...(Object.keys(options).length ? [`  config: ${JSON.stringify(options)},`] : []),
    "});",
    "console.log(answer.text);",
  ].join("\n");
}

/** @type {Record<string, (value: any) => string>} */
const GO_FIELDS = {
  temperature: (value) => `Temperature: genai.Ptr[float32](${value})`,
  topP: (value) => `TopP: genai.Ptr[float32](${value})`,
  topK: (value) => `TopK: genai.Ptr[float32](${value})`,
  seed: (value) => `Seed: genai.Ptr[int32](${value})`,
  maxOutputTokens: (value) => `MaxOutputTokens: ${value}`,
  stopSequences: (value) => `StopSequences: []string{${value.map(str).join(", ")}}`,
};

/** @param {Target} target @param {Question} question */
function formatGo(target, { prompt, system, config }) {
  const place = readPlace(target);
  const client = place
    ? `Backend: genai.BackendVertexAI, Project: ${str(place.project)}, Location: ${str(place.location)},`
    : `APIKey: ${str(target.key)}, Backend: genai.BackendGeminiAPI,`;
  const fields = [
    ...(system ? [`SystemInstruction: genai.NewContentFromText(${str(system)}, genai.RoleUser)`] : []),
    ...Object.entries(config).flatMap(([name, value]) => GO_FIELDS[name]?.(value) ?? []),
  ];
  const options = fields.length ? `&genai.GenerateContentConfig{\n\t\t${fields.join(",\n\t\t")},\n\t}` : "nil";
  return [
    ...(place ? [`// GCE_METADATA_HOST=${location.host} go run .`] : []),
    'package main\n\nimport (\n\t"context"\n\t"fmt"\n\t"log"\n\n\t"google.golang.org/genai"\n)\n',
    "func main() {",
    "\tctx := context.Background()",
    "\tclient, err := genai.NewClient(ctx, &genai.ClientConfig{",
    `\t\t${client}`,
    `\t\tHTTPOptions: genai.HTTPOptions{BaseURL: ${str(location.origin)}},`,
    "\t})",
    "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}",
    `\tanswer, err := client.Models.GenerateContent(ctx, ${str(target.resource)},\n\t\tgenai.Text(${str(prompt)}), ${options})`,
    "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}",
    "\tfmt.Println(answer.Text())",
    "}",
  ].join("\n");
}

/** @param {Target} target @param {Question} question */
function formatJava(target, { prompt, system, config }) {
  const place = readPlace(target);
  const client = place
    ? `.vertexAI(true).project(${str(place.project)}).location(${str(place.location)})`
    : `.apiKey(${str(target.key)})`;
  const fields = [
    ...(system ? [`.systemInstruction(Content.fromParts(Part.fromText(${str(system)})))`] : []),
    ...Object.entries(config).map(([name, value]) =>
      name === "temperature" || name === "topP" || name === "topK" ? `.${name}(${value}f)` : `.${name}(${Array.isArray(value) ? value.map(str).join(", ") : value})`,
    ),
  ];
  const options = fields.length ? `GenerateContentConfig.builder()\n                ${fields.join("\n                ")}.build()` : "null";
  return [
    ...(place ? [`// GCE_METADATA_HOST=${location.host} java Ask.java`] : []),
    "import com.google.genai.Client;\nimport com.google.genai.types.*;\n",
    "public class Ask {",
    "    public static void main(String[] arguments) {",
    `        Client client = Client.builder()${client}`,
    `            .httpOptions(HttpOptions.builder().baseUrl(${str(location.origin)}).build()).build();`,
    `        System.out.println(client.models.generateContent(${str(target.resource)},\n            ${str(prompt)},\n            ${options}).text());`,
    "    }",
    "}",
  ].join("\n");
}

/** A string literal of any of these languages. @param {string} text */
const str = (text) => JSON.stringify(text);

/** @param {Target} target */
function readPlace({ api, resource }) {
  const found = /^projects\/([^/]+)\/locations\/([^/]+)/.exec(resource);
  return api === "vertex" && found ? { project: found[1] ?? "", location: found[2] ?? "" } : null;
}
