/**
 * For Jest: `globalSetup: "tuning-emulator/jest"`. One emulator for the run, to which the environment of every test
 * leads; in a test file `useEmulator` of the package finds it. It ends with Jest.
 */
import { startEmulator } from "./emulator.js";

/** Before the workers start. A further run of `--watch` finds the emulator of the first. */
export default async function setup(): Promise<void> {
  (await startEmulator()).lead();
}
