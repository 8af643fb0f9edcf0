/**
 * Jobs as the control API describes them, and how each API is asked about its own.
 *
 * @typedef {object} Job
 * @property {string} name
 * @property {"gemini" | "vertex" | "gemini_batch" | "vertex_batch"} api
 * @property {string} project
 * @property {string} base_model
 * @property {string} display_name
 * @property {string} state
 * @property {string} phase
 * @property {string} error
 * @property {number} completed_steps
 * @property {number} total_steps
 * @property {number} completed_epochs
 * @property {string} trainer
 * @property {string} device
 * @property {string} weights
 * @property {string} precision
 * @property {number} threads
 * @property {number} processes
 * @property {string} pace
 * @property {string} fault
 * @property {boolean} fired
 * @property {string} create_time
 * @property {string} start_time
 * @property {string} end_time
 *
 * @typedef {{kind: "train" | "eval", step: number, epoch: number, loss: number, predictions: number, correct: number}} Metric
 * @typedef {{id: string, epoch: number, step: number, endpoint: string}} Checkpoint
 *
 * @typedef {object} Details
 * @property {string} method
 * @property {Record<string, string>} labels
 * @property {Record<string, number>} asked
 * @property {Record<string, number> | null} resolved
 * @property {string} training_uri
 * @property {string} validation_uri
 * @property {string} output_uri
 * @property {string} source_model
 * @property {any} statistics
 * @property {string} model
 * @property {string} endpoint
 * @property {Checkpoint[]} checkpoints
 * @property {{code: string, message: string, rule: string, source: string, grade: string} | null} failure
 * @property {string[]} notes
 * @property {{train: number, eval: number}} points
 * @property {Metric[]} metrics
 *
 * @typedef {Job & Details} JobDetail
 */

import { ANY_KEY, asPath, control } from "./api.js";
import { t } from "./texts.js";

export const KINDS = /** @type {const} */ (["gemini", "vertex", "gemini_batch", "vertex_batch"]);

/** Whether it is a batch of prompts, which learns nothing. @param {Job} job */
export const isBatch = (job) => job.api.endsWith("_batch");

/** What kind of job of which API. @param {string} api */
export const kindWord = (api) => t(`kind.${api}`);

/**
 * @param {string} name
 * @param {number} points of each curve at most
 * @param {AbortSignal} [signal]
 * @returns {Promise<JobDetail>}
 */
export const readJob = (name, points, signal) => control("GET", `jobs/${asPath(name)}`, { query: { points }, signal });

/**
 * Headers by which the job's own API knows whose it is.
 *
 * @param {Job} job
 * @returns {Record<string, string>}
 */
export function ownerHeaders(job) {
  const account = job.project ? `projects/${job.project}` : ANY_KEY;
  return job.api.startsWith("gemini") ? { "x-goog-api-key": account } : {};
}

/**
 * Where the job's own API shows it, by what people call it.
 *
 * @param {Job} job
 * @returns {[string, string][]}
 */
export function listViews(job) {
  const versions = job.api.startsWith("gemini") ? ["v1beta"] : ["v1", "v1beta1"];
  return versions.map((version) => [version, `/${version}/${asPath(job.name)}`]);
}

/** Share of its steps that are done. @param {Job} job */
export const shareDone = (job) => (job.total_steps ? Math.min(1, job.completed_steps / job.total_steps) : 0);
