"use strict";
// @google-cloud/storage: a dataset, put where Vertex AI reads it, and everything else that is done with one.

const { Storage } = require("@google-cloud/storage");
const { LARGE, LINE, PROJECT, tell } = require("./story.cjs");

const storage = new Storage({ projectId: PROJECT });

async function main() {
  const [bucket] = await storage.createBucket(`${PROJECT}-data`);
  tell("create", bucket.name);
  const file = bucket.file("folder/train.jsonl");
  await file.save(LINE, { resumable: false, contentType: "application/jsonl" });
  const [metadata] = await file.getMetadata();
  tell("upload", Number(metadata.size) === LINE.length);
  const large = bucket.file("folder/large.jsonl");
  await large.save(LARGE, { resumable: true, chunkSize: 1 << 20 });
  const [all] = await large.download();
  tell("resumable", all.equals(LARGE));
  const [small] = await file.download();
  const [part] = await large.download({ start: 5, end: 8 });
  tell("download", small.equals(LINE) && part.equals(LARGE.subarray(5, 9)));
  const [files] = await bucket.getFiles({ prefix: "folder/" });
  tell("list", files.map((one) => one.name).sort());
  tell("get", Number((await file.getMetadata())[0].size));
  await file.save("new", { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } }).catch((error) => tell("once", error.code));
  await file.copy(bucket.file("copy"));
  await bucket.combine([file, "copy"], "both");
  await file.delete();
  await file.getMetadata().catch((error) => tell("delete", error.code));
}

main();
