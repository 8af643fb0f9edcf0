#!/usr/bin/env node
/**
 * `npx tuning-emulator …`: the emulator's own command line, by whatever runs it here.
 *
 * `exec` without Python (in a container, or at a URL) sets the variables that SDKs read, and cannot lead programs with
 * Google's hosts written into them; it says so.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { connect, launch } from "./emulator.js";
import { NothingFoundError, type Program, findProgram } from "./find.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const PORT = 8790;

function say(line: string): void {
  console.error(`tuning-emulator: ${line}`);
}

/** Runs a program in place of this one; answers its exit status as a shell would. */
function run(command: string[], environment: Record<string, string | undefined> = process.env): Promise<number> {
  const [file = "", ...words] = command;
  return new Promise((resolve) => {
    const child = spawn(file, words, { stdio: "inherit", env: environment });
    for (const name of SIGNALS) {
      process.on(name, () => {
        if (name !== "SIGINT" || !process.stdin.isTTY) child.kill(name); // a terminal has sent it to both
      });
    }
    child.on("error", (error: NodeJS.ErrnoException) => {
      say(error.code === "ENOENT" ? `${file}: no such program` : `${file}: ${error.message}`);
      resolve(error.code === "ENOENT" ? 127 : 126);
    });
    child.on("close", (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? "SIGTERM"]));
  });
}

/** `exec` by variables alone. */
async function runPointed(url: string, program: Program | undefined, words: string[]): Promise<number> {
  const start = words.indexOf("--");
  const command = start < 0 ? [] : words.slice(start + 1);
  if (!command.length) {
    say("exec needs a program to run: npx tuning-emulator exec -- COMMAND");
    return 2;
  }
  const options = words.slice(0, start).filter((word) => word !== "--base-urls");
  if (!program && options.length) {
    say(`${url} runs already; ${options.join(" ")} cannot change it`);
    return 2;
  }
  const emulator = program ? await launch(program, options, "stderr") : await connect(url, "", url);
  say("without Python, programs are led by GOOGLE_GEMINI_BASE_URL, GOOGLE_VERTEX_BASE_URL and the like alone: what has");
  say("Google's hosts written into it, or runs no SDK that reads these, goes to Google");
  try {
    const environment = { ...process.env };
    emulator.lead(environment);
    return await run(command, environment);
  } finally {
    await emulator.stop();
  }
}

/** The program that is there, for a URL; undefined: none. */
async function findInstalled(): Promise<Program | undefined> {
  try {
    return await findProgram(true);
  } catch (error) {
    if (error instanceof NothingFoundError) return undefined;
    throw error;
  }
}

async function main(words: string[]): Promise<number> {
  const [command, ...rest] = words;
  const url = command === "exec" ? (process.env["TUNING_EMULATOR_URL"] ?? "") : "";
  const program = url ? await findInstalled() : await findProgram();
  say(url ? `uses what runs at ${url}` : `runs by ${program?.says}`);
  if (program && !program.container) {
    return run([...program.command, ...(url ? ["exec", "--url", url, ...rest] : words)]);
  }
  if (command === "exec") return runPointed(url, program, rest);
  if (command === "serve" && program?.container) {
    const { engine, image } = program.container;
    return run([engine, "run", "--rm", "-i", "-p", `127.0.0.1:${PORT}:${PORT}`, image, ...words]);
  }
  say(`only exec and serve run in a container; for ${command ?? "the others"}: pip install tuning-emulator`);
  return 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
