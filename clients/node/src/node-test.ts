/**
 * For node:test, whose files are processes of their own: each starts an emulator, or shares one that runs
 * (`TUNING_EMULATOR_URL`, which `npx tuning-emulator exec -- node --test` sets).
 */
import { after, afterEach, before } from "node:test";
import type { Emulator, StartOptions } from "./emulator.js";
import { useEmulator as use } from "./use.js";

/** As `useEmulator` of the package, with the hooks of node:test. */
export function useEmulator(options: StartOptions = {}): () => Emulator {
  return use({ beforeAll: before, afterEach, afterAll: after }, options);
}
