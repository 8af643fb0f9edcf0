/** An emulator for the length of a test file, by the hooks of whatever runs the tests. */
import { randomBytes } from "node:crypto";
import { Control } from "./control.js";
import { type Emulator, type StartOptions, startEmulator } from "./emulator.js";

/** Of vitest, Jest and others. */
export interface Hooks {
  beforeAll(hook: () => Promise<void>): unknown;
  afterEach(hook: () => Promise<void>): unknown;
  afterAll(hook: () => Promise<void>): unknown;
}

/**
 * To be called once in a test file: an emulator before the first test, and no longer after the last. What a test leaves
 * there is forgotten after it.
 *
 * Each file is in a project of its own, so that files may share an emulator and run beside each other. Gemini clients
 * are of it by the key in the environment, Vertex clients by being given `emulator().project`.
 *
 * @returns What answers the emulator, once tests run.
 */
export function useEmulator(hooks: Hooks, options: StartOptions = {}): () => Emulator {
  let emulator: Emulator | undefined;
  let restore = () => {};
  hooks.beforeAll(async () => {
    emulator = await startEmulator({ project: `t-${process.pid}-${randomBytes(3).toString("hex")}`, ...options });
    restore = emulator.lead();
  });
  hooks.afterEach(async () => {
    if (emulator) await (emulator.ours ? new Control(emulator.url) : emulator).reset();
  });
  hooks.afterAll(async () => {
    restore();
    await emulator?.stop();
  });
  return () => {
    if (!emulator) throw new Error("useEmulator: there is an emulator while tests run, not before");
    return emulator;
  };
}
