/**
 * What runs the emulator on this machine: a Python that has it, `uvx`, or a container, whichever is found first.
 *
 * `TUNING_EMULATOR_PYTHON` names a Python, `TUNING_EMULATOR_PACKAGE` what uvx is to install instead of the published
 * package (a wheel file, say), `TUNING_EMULATOR_IMAGE` an image.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { delimiter, join } from "node:path";
import { VERSION } from "./version.js";

/** What runs the emulator; `container`: its engine and image, where that is one. */
export interface Program {
  /** What `tuning-emulator` is; "" of a container. */
  command: string[];
  container?: { engine: string; image: string };
  /** For people. */
  says: string;
}

/** Nothing here can run the emulator; the text says in one line what to install, then what was tried. */
export class NothingFoundError extends Error {
  override name = "NothingFoundError";
}

const WINDOWS = process.platform === "win32";
const PROBE_MS = 60_000;
const DOWNLOAD_MS = 600_000;

type Found = Program | string;

/**
 * The first program that works.
 *
 * @param installed Only what is installed: nothing is downloaded, and no container looked for.
 * @throws NothingFoundError
 */
export async function findProgram(installed = false): Promise<Program> {
  const tried: string[] = [];
  for (const look of installed ? [findPython, findScript] : [findPython, findScript, findUvx, findContainer]) {
    const found = await look();
    if (typeof found !== "string") return found;
    tried.push(`  ${found}`);
  }
  throw new NothingFoundError(
    "nothing here runs tuning-emulator; install it with `pip install tuning-emulator` (Python 3.11 or newer), " +
      `or install uv or Docker\n${tried.join("\n")}`,
  );
}

/** A Python environment that has the package: the named one, the active one, the one of this folder, the PATH's. */
async function findPython(): Promise<Found> {
  const own = WINDOWS ? ["Scripts", "python.exe"] : ["bin", "python"];
  const named = process.env["TUNING_EMULATOR_PYTHON"];
  const active = process.env["VIRTUAL_ENV"];
  const candidates = named
    ? [named]
    : [...(active ? [join(active, ...own)] : []), join(process.cwd(), ".venv", ...own), "python3", "python"];
  const ask = "import importlib.util, sys; sys.exit(importlib.util.find_spec('tuning_emulator') is None)";
  for (const python of candidates) {
    if ((await probe(python, ["-P", "-c", ask])).ok) {
      return { command: [python, "-P", "-m", "tuning_emulator"], says: `Python environment (${python})` };
    }
  }
  return `no tuning-emulator in ${candidates.join(", ")}`;
}

/** What pipx or `uv tool` have put on the PATH. This package's own command has the same name and is no Python script. */
async function findScript(): Promise<Found> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter(Boolean)) {
    const file = join(folder, WINDOWS ? "tuning-emulator.exe" : "tuning-emulator");
    if (WINDOWS || isPythonScript(file)) {
      if ((await probe(file, ["--version"])).ok) return { command: [file], says: `program on the PATH (${file})` };
    }
  }
  return "no tuning-emulator of pipx or uv on the PATH";
}

function isPythonScript(file: string): boolean {
  try {
    const open = openSync(file, "r");
    try {
      const start = Buffer.alloc(200);
      readSync(open, start);
      return start.toString("latin1").split("\n", 3).some((line) => line.includes("python"));
    } finally {
      closeSync(open);
    }
  } catch {
    return false;
  }
}

async function findUvx(): Promise<Found> {
  if (!(await probe("uvx", ["--version"])).ok) return "no uvx on the PATH";
  const from = process.env["TUNING_EMULATOR_PACKAGE"] || `tuning-emulator==${VERSION}`;
  const command = ["uvx", "--from", from, "tuning-emulator"];
  const asked = await probe("uvx", [...command.slice(1), "--version"], DOWNLOAD_MS);
  return asked.ok ? { command, says: `uvx (${from})` } : `uvx cannot get ${from}: ${lastLine(asked.said)}`;
}

/** An image that is there, or that is named and can be pulled. */
async function findContainer(): Promise<Found> {
  const named = process.env["TUNING_EMULATOR_IMAGE"];
  const image = named || "tuning-emulator";
  const tried: string[] = [];
  for (const engine of ["docker", "podman"]) {
    let asked = await probe(engine, ["image", "inspect", image]);
    if (!asked.ok && named && !asked.missing) asked = await probe(engine, ["pull", image], DOWNLOAD_MS);
    if (asked.ok) return { command: [], container: { engine, image }, says: `container (${engine}, ${image})` };
    tried.push(asked.missing ? `no ${engine} on the PATH` : `${engine} has no image ${image}: ${lastLine(asked.said)}`);
  }
  return tried.join("; ");
}

interface Probed {
  ok: boolean;
  /** There is no such program. */
  missing: boolean;
  said: string;
}

/** Runs a program for its exit status. */
function probe(program: string, options: string[], limitMs = PROBE_MS): Promise<Probed> {
  return new Promise((resolve) => {
    const child = spawn(program, options, { stdio: ["ignore", "ignore", "pipe"] });
    const limit = setTimeout(() => child.kill(), limitMs); // spawn's own would outlive a program that is not there
    const tell = (probed: Probed) => {
      clearTimeout(limit);
      resolve(probed);
    };
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    child.on("error", (error) => tell({ ok: false, missing: true, said: error.message }));
    child.on("close", (status) => tell({ ok: status === 0, missing: false, said }));
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
