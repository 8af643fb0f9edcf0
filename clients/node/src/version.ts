/** Of this package, which is also that of the emulator it runs. */
export const VERSION = "0.1.0";
