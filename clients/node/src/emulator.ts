/** An emulator in a process of its own, or one that somebody else has started. */
/// <reference lib="esnext.disposable" preserve="true" />
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { Control, type Variables } from "./control.js";
import { type Program, findProgram } from "./find.js";

/** As `process.env`. */
export type Environment = Record<string, string | undefined>;

/** What an emulator is started with. */
export interface StartOptions {
  /** Use the one that answers here; by default what `TUNING_EMULATOR_URL` names; "": start one whatever that says. */
  url?: string;
  /** What faults, pacing, journal, jobs, reset and the variables are limited to. */
  project?: string;
  /**
   * Settings of `tuning-emulator serve` by their names: `{ scenario: "one-of-each-state", seed: 7 }`. The trainer is
   * `scripted` and the port a free one unless given; a list gives an option several times. Only for one that is started.
   */
  settings?: Record<string, string | number | boolean | readonly string[]>;
  /** Where it writes its log: nowhere by default (an error quotes it), or to standard error. */
  log?: "quiet" | "stderr";
  /** Is told what was chosen to run one; by default standard error is. */
  say?: (line: string) => unknown;
}

/** The emulator did not start; the text ends with what it said. */
export class StartError extends Error {
  override name = "StartError";
}

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 20_000;
const READY = "Stop with Ctrl-C.";
const PORT = 8790;
/** Characters of its output that are kept until it is ready. */
const KEPT = 20_000;

/** An emulator that answers, and its controls. */
export class Emulator extends Control {
  /**
   * @param environment The variables that lead Google's SDKs here; null: to be unset.
   * @param chosen What runs it, for people.
   * @param end Ends it; undefined: somebody else has started it.
   */
  constructor(
    url: string,
    project: string,
    readonly environment: Variables,
    readonly chosen: string,
    private readonly end?: () => Promise<void>,
  ) {
    super(url, project);
  }

  /** Whether it was started here, and is nobody else's. */
  get ours(): boolean {
    return this.end !== undefined;
  }

  /** The same emulator as a project of its own sees it: others' models, jobs, faults and requests are not there. */
  forProject(project: string): Promise<Emulator> {
    return connect(this.url, project, this.chosen);
  }

  /**
   * Sets this process's environment, so that Google's SDKs find the emulator.
   *
   * @returns What brings back the environment as it was.
   */
  lead(environment: Environment = process.env): () => void {
    const leading = Object.entries(this.environment);
    const before = leading.map(([name]) => [name, environment[name] ?? null] as const);
    set(environment, leading);
    return () => set(environment, before);
  }

  /** Ends it, if it was started here. */
  async stop(): Promise<void> {
    await this.end?.();
  }

  /** So that `await using` ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function set(environment: Environment, values: Iterable<readonly [string, string | null]>): void {
  for (const [name, value] of values) {
    if (value === null) delete environment[name];
    else environment[name] = value;
  }
}

/**
 * Finds an emulator that runs, or starts one, which ends with this process.
 *
 * @throws NothingFoundError, StartError, NoAnswerError
 */
export async function startEmulator(options: StartOptions = {}): Promise<Emulator> {
  const say = options.say ?? ((line: string) => process.stderr.write(`tuning-emulator: ${line}\n`));
  const url = options.url ?? process.env["TUNING_EMULATOR_URL"];
  const project = options.project ?? "";
  if (url) {
    if (options.settings) throw new StartError(`settings: ${url} runs already, and is not changed by them`);
    return connect(url, project, `running at ${url}`);
  }
  const program = await findProgram();
  say(`runs by ${program.says}`);
  const given = { port: 0, storagePort: 0, trainer: "scripted", ...options.settings };
  return launch(program, formatOptions(given), options.log ?? "quiet", project);
}

/** Starts one by a program, with the options of `serve` as one types them. */
export async function launch(
  program: Program,
  options: string[],
  log: "quiet" | "stderr",
  project = "",
): Promise<Emulator> {
  const { child, url } = await start(program, options, log);
  try {
    const emulator = await connect(url, project, program.says, () => end(child));
    release(child);
    return emulator;
  } catch (error) {
    await end(child);
    throw error;
  }
}

/** One that answers. */
export async function connect(
  url: string,
  project: string,
  chosen: string,
  end?: () => Promise<void>,
): Promise<Emulator> {
  const control = new Control(url, project);
  return new Emulator(control.url, project, await control.variables(), chosen, end);
}

/** Options as one types them: `{ dataDir: "x", buckets: ["a", "b"] }` has `--data-dir x`. */
export function formatOptions(settings: NonNullable<StartOptions["settings"]>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace(/_/g, "-");
    if (typeof value === "boolean") return [value ? `--${option}` : `--no-${option}`];
    return (Array.isArray(value) ? value : [value]).flatMap((one) => [`--${option}`, String(one)]);
  });
}

/** A server that ends when its standard input does, so with us, and its URL. */
async function start(program: Program, options: string[], log: "quiet" | "stderr") {
  const { container } = program;
  const name = `tuning-emulator-${process.pid}-${randomBytes(3).toString("hex")}`;
  const [file = "", ...words] = container
    ? [container.engine, "run", "--rm", "-i", "--name", name, "-p", `127.0.0.1::${PORT}`, container.image]
    : program.command;
  const inside = container ? ["--port", String(PORT)] : []; // of an option that is there twice the last holds
  const child = spawn(file, [...words, "serve", "--until-eof", ...options, ...inside], {
    stdio: ["pipe", "pipe", log === "stderr" ? "inherit" : "pipe"],
    env: { ...process.env, PYTHONUNBUFFERED: "1" },
    detached: process.platform !== "win32", // Ctrl-C is for us, and it ends with us
  });
  try {
    const url = await awaitReady(child);
    if (!container) return { child, url };
    const { stdout } = await promisify(execFile)(container.engine, ["port", name, String(PORT)]);
    return { child, url: `http://${stdout.trim().split("\n")[0]}` };
  } catch (error) {
    await end(child);
    throw error;
  }
}

/** The URL that a server announces once it answers. */
function awaitReady(child: ChildProcess): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(limit);
      reject(new StartError(`the emulator did not start: ${reason}\n${said}`.trimEnd()));
    };
    const limit = setTimeout(() => fail(`not ready after ${START_LIMIT_MS / 1000} s`), START_LIMIT_MS);
    const listen = (text: string) => {
      if (said.length < KEPT) said += text; // read on, or its pipe fills and it stands still
      const url = said.includes(READY) ? /answers at (\S+)/.exec(said)?.[1] : undefined;
      if (!url) return;
      clearTimeout(limit);
      resolve(url);
    };
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", listen);
    child.stdin?.on("error", () => {}); // it has ended, which is told below
    child.on("error", (error) => fail(error.message));
    child.on("close", (status, signal) => fail(`it ended with ${status ?? signal}`));
  });
}

/** Lets this process end although the server runs: its standard input ends then, and with it the server. */
function release(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) (stream as unknown as { unref?: () => void } | null)?.unref?.();
}

/** Asks it to end, and makes it after a while. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.ref();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const limit = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  child.stdin?.end();
  child.kill("SIGTERM");
  await ended;
  clearTimeout(limit);
}
