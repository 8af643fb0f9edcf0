/**
 * For vitest: `globalSetup: ["tuning-emulator/vitest"]`. One emulator for the run, to which the environment of every
 * test leads; in a test file `useEmulator` of the package finds it.
 */
import { type Emulator, startEmulator } from "./emulator.js";

let emulator: Emulator | undefined;

/** Before the workers start. */
export async function setup(): Promise<void> {
  emulator = await startEmulator();
  emulator.lead();
}

/** After them. */
export async function teardown(): Promise<void> {
  await emulator?.stop();
}
