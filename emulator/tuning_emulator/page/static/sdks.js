/** How each SDK is led to this emulator. */

import { asCommand, quote } from "./code.js";
import { ANY_KEY } from "./api.js";

/**
 * @param {Record<string, string>} variables
 * @param {string} project
 * @returns {Record<string, string>}
 */
export function listSdks(variables, project) {
  const url = JSON.stringify(location.origin);
  const id = JSON.stringify(project);
  const key = JSON.stringify(ANY_KEY);
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`);
  return {
    Shell: [`eval $(${asCommand("env")})`, "", "# or, one by one", ...exports].join("\n"),
    "Python · Gemini API": [
      "from google import genai",
      "from google.genai import types",
      "",
      `client = genai.Client(api_key=${key}, http_options=types.HttpOptions(base_url=${url}))`,
    ].join("\n"),
    "Python · Vertex AI": [
      "from google import genai",
      "from google.genai import types",
      "from google.oauth2.credentials import Credentials",
      "",
      `client = genai.Client(\n    vertexai=True, project=${id}, location="us-central1",\n    credentials=Credentials("anything"),\n    http_options=types.HttpOptions(base_url=${url}),\n)`,
    ].join("\n"),
    "Python · vertexai": [
      "import vertexai",
      "from google.oauth2.credentials import Credentials",
      "",
      `vertexai.init(\n    project=${id}, location="us-central1", credentials=Credentials("anything"),\n    api_endpoint=${url}, api_transport="rest",\n)`,
    ].join("\n"),
    Node: [
      'import { GoogleGenAI } from "@google/genai";',
      "",
      `const ai = new GoogleGenAI({ apiKey: ${key}, httpOptions: { baseUrl: ${url} } });`,
    ].join("\n"),
    Go: `client, err := genai.NewClient(ctx, &genai.ClientConfig{\n\tAPIKey:      ${key},\n\tBackend:     genai.BackendGeminiAPI,\n\tHTTPOptions: genai.HTTPOptions{BaseURL: ${url}},\n})`,
    Java: `Client client = Client.builder()\n    .apiKey(${key})\n    .httpOptions(HttpOptions.builder().baseUrl(${url}).build())\n    .build();`,
    curl: `curl ${quote(`${location.origin}/v1beta/tunedModels`)} -H 'x-goog-api-key: ${ANY_KEY}'\ncurl ${quote(`${location.origin}/v1/projects/${project}/locations/us-central1/tuningJobs`)} -H 'Authorization: Bearer ${ANY_KEY}'`,
    "No change at all": "tuning-emulator exec -- python my_program.py",
  };
}
