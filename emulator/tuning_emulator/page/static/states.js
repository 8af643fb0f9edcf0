/** The states of jobs: a colour, a sign and a word each. */

import { h } from "./build.js";
import { hasText, t } from "./texts.js";

/** As `core.records.JobState` has them. */
export const STATES = ["PENDING", "RUNNING", "CANCELLING", "SUCCEEDED", "FAILED", "CANCELLED"];

export const ENDED = new Set(["SUCCEEDED", "FAILED", "CANCELLED"]);

/**
 * A job's state, and what it is doing.
 *
 * @param {string} state
 * @param {string} [phase]
 */
export function stateBadge(state, phase = "") {
  return h(
    "span",
    { class: `state state-${STATES.includes(state) ? state.toLowerCase() : "unknown"}` },
    h("span", { class: "dot", "aria-hidden": "true" }),
    stateWord(state),
    phase ? h("span", { class: "phase" }, phaseWord(phase)) : null,
  );
}

/** @param {string} state */
export const stateWord = (state) => (hasText(`state.${state}`) ? t(`state.${state}`) : state);

/** @param {string} phase */
export const phaseWord = (phase) => (hasText(`phase.${phase}`) ? t(`phase.${phase}`) : phase);
