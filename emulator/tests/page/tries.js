// What a page tries on an emulator: every route of the control API that the page uses, and frames. Says what it read.
async (url) => {
  const HEADERS = [
    {},
    {"content-type": "text/plain"},
    {"content-type": "application/json", "x-tuning-emulator": "1"},
  ];
  const calls = [
    ["GET", "setup"], ["GET", "rules"], ["GET", "as-of"], ["GET", "events"], ["GET", "faults:choices"], ["GET", "snapshot"],
    ["PUT", "as-of", {date: "2024-01-01"}], ["DELETE", "as-of"], ["PUT", "projects/p/as-of", {date: "2024-01-01"}],
    ["POST", "scenarios:load", {name: "many-models"}], ["POST", "faults", {method: "GetTunedModel", code: "UNAVAILABLE"}],
    ["POST", "job-faults", {kind: "stuck_pending"}], ["POST", "clock:advance", {seconds: 60}], ["POST", "clock:freeze"],
    ["PUT", "pace", {mode: "manual"}], ["POST", "reset", {}], ["POST", "snapshot", {}], ["DELETE", "journal"],
    ["PUT", "projects/p/number", {number: "123456789012"}], ["PUT", "base-models", {base_models: {"*": "embedded", "x": "embedded"}}],
    ["POST", "rehearsals?api=vertex&model=gemini-2.5-flash", {}], ["GET", "rehearsals"], ["GET", "models"],
  ];
  const read = [];
  for (const [method, path, body] of calls) {
    for (const mode of ["cors", "no-cors"]) {
      for (const headers of HEADERS) {
        const ending = new AbortController();
        try {
          const given = body === undefined || method === "GET" ? undefined : JSON.stringify(body);
          const answer = await fetch(`${url}/emulator/v1/${path}`, {method, mode, headers, body: given, signal: ending.signal});
          if (answer.type !== "opaque" && answer.ok) read.push(`${method} ${path} ${mode}`);
        } catch {}
        ending.abort();
      }
    }
  }
  for (const path of ["/emulator", "/emulator/page/app.js", "/emulator/v1/setup"]) {
    const frame = document.createElement("iframe");
    frame.src = url + path;
    const loaded = new Promise((resolve) => { frame.onload = resolve; setTimeout(resolve, 2000); });
    document.body.append(frame);
    await loaded;
    try { if (frame.contentDocument && frame.contentDocument.body.textContent) read.push(`frame ${path}`); } catch {}
  }
  return read;
}
