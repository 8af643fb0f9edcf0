/** Starts tuning-emulator and commands it; see the README. */
export * from "./control.js";
export { Emulator, type Environment, StartError, type StartOptions, startEmulator } from "./emulator.js";
export { NothingFoundError } from "./find.js";
export { type Hooks, useEmulator } from "./use.js";
export { VERSION } from "./version.js";
