/** The page's beginning: texts, frame, the screen of the address, and what happens in the emulator. */

import { RefusedError } from "./api.js";
import { fill } from "./build.js";
import { startEvents } from "./events.js";
import { buildFrame, showRefusal } from "./frame.js";
import { startRouter } from "./router.js";
import { SCREENS } from "./screens.js";
import { loadTexts } from "./texts.js";

await loadTexts();
const frame = buildFrame(SCREENS);
fill(document.body, ...frame.parts);
startRouter(SCREENS, frame.enter, (error, main) => {
  if (!(error instanceof RefusedError)) console.error(error);
  showRefusal(main, error);
});
void startEvents();
