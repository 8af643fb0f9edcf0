/**
 * The control API from Node: what tests command an emulator with.
 *
 * Values go in and come out as the JSON that `/emulator/docs` describes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { VERSION } from "./version.js";

/** A JSON object. */
export type Json = Record<string, any>;

/** An environment: value by name; null: it has to be unset. */
export type Variables = Record<string, string | null>;

/** A fault that requests meet. What goes with what, the emulator says; all fields are in `/emulator/docs`. */
export interface Fault {
  /** Of one service alone. */
  api?: "gemini" | "vertex";
  /** Glob over the method's name, `GetTunedModel` or `GenAiTuningService.*`. */
  method?: string;
  /** Glob over the resource's name; of lists and creates over the parent's. */
  resource?: string;
  /** Id or number; filled in by an emulator that is limited to a project. */
  project?: string;
  transport?: "rest" | "grpc";
  /** Which of the matching calls, from 1. */
  nth?: number | number[];
  /** How many matching calls pass first. */
  after?: number;
  /** How often it fires; without: always. */
  times?: number;
  /** Chance of each call, which needs `seed`. */
  probability?: number;
  seed?: number;
  /** A trouble by its name, `overloaded` say, in the service's own words. */
  name?: string;
  /** A canonical code (`UNAVAILABLE`) or an HTTP status. */
  code?: string | number;
  /** Instead of the service's own words. */
  message?: string;
  /** Seconds to wait first, or alone. */
  wait_s?: number;
  retry_delay_s?: number;
  retry_after_s?: number;
  /** Break the connection: before any byte, or in the middle of the answer. */
  break_at?: "start" | "body";
  after_bytes?: number;
  /** End a stream after so many messages. */
  cut_after?: number;
  manner?: string;
  [field: string]: unknown;
}

/** A fault in force: how many calls it is for, how often it fired, and may still fire (null: without end). */
export interface ArmedFault {
  id: string;
  matched: number;
  fired: number;
  remaining: number | null;
  fault: Json;
}

/** Trouble for jobs that are yet to be created; `at`: the step or the count that the kind is about. */
export interface JobFault {
  kind: string;
  at?: number;
  jobs?: number;
  project?: string;
  [field: string]: unknown;
}

/** Which requests are meant. `status`: `404`, `4xx` or `NOT_FOUND`; `method` is a glob. */
export interface JournalFilter {
  project?: string;
  method?: string;
  client?: string;
  test?: string;
  status?: string | number;
  after?: number;
  before?: number;
  limit?: number;
}

/** How fast jobs go through their states. */
export type Pacing = "training" | "manual" | `time:${number}` | `polls:${number}`;

/** The emulator refused; the text is its own. */
export class ControlError extends Error {
  override name = "ControlError";
  constructor(
    /** HTTP status. */
    readonly status: number,
    text: string,
  ) {
    super(text);
  }
}

/** Nothing usable answers at a URL. */
export class NoAnswerError extends Error {
  override name = "NoAnswerError";
}

const ENDED = ["SUCCEEDED", "FAILED", "CANCELLED"];
const POLL_MS = 10;

/** One emulator's controls. Every call rejects with `NoAnswerError` where nothing answers. */
export class Control {
  /** Where it answers, without a slash at the end. */
  readonly url: string;

  /**
   * @param url Where it answers.
   * @param project What faults, pace, journal, jobs and reset are limited to, for tests that share an emulator; "": all.
   * @param token Of its credentials file, where it has one; by default what `TUNING_EMULATOR_TOKEN` holds.
   */
  constructor(
    url: string,
    readonly project = "",
    private readonly token = process.env["TUNING_EMULATOR_TOKEN"] ?? "",
  ) {
    this.url = url.replace(/\/+$/, "");
  }

  /** What runs there. */
  health(): Promise<Json> {
    return this.call("GET", "health");
  }

  /** Ends running jobs and forgets everything; of the own project alone where there is one. */
  reset(): Promise<Json> {
    return this.call("POST", "reset", this.project ? { project: this.project } : {});
  }

  /** The variables that lead Google's SDKs here; null: to be unset, for it would lead elsewhere. */
  async variables(): Promise<Variables> {
    const { health, variables, unset } = await this.call("GET", "setup");
    const own = new URL(health.url);
    const here = new URL(this.url);
    const found: Variables = Object.fromEntries(unset.map((name: string) => [name, null]));
    for (const [name, value] of Object.entries<string>(variables)) {
      // behind a mapped port the emulator does not know by which address it is reached
      found[name] = value === own.host ? here.host : value.startsWith(own.origin) ? this.url : value;
    }
    if (this.project) {
      found["GEMINI_API_KEY"] = `projects/${this.project}`; // an account of the project's own
      found["GOOGLE_API_KEY"] = null; // would come before it
    }
    return found;
  }

  /**
   * One call of the control API.
   *
   * @param path Below `/emulator/v1`.
   * @param query What is undefined or "" is left out.
   * @throws ControlError when it was refused.
   */
  async call(verb: string, path: string, body?: unknown, query: object = {}): Promise<Json> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)] as [string, string]));
    const headers: Record<string, string> = { "X-Tuning-Emulator": VERSION };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.token) headers["Authorization"] = `Bearer ${this.token}`;
    const url = `${this.url}/emulator/v1/${path}${search.size ? `?${search}` : ""}`;
    let status: number, text: string;
    try {
      const answer = await fetch(url, { method: verb, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
      status = answer.status;
      text = await answer.text();
    } catch (error) {
      const reason = (error as { cause?: Error }).cause?.message || (error as Error).message;
      throw new NoAnswerError(`nothing answers at ${this.url}: ${reason}`, { cause: error });
    }
    const parsed = parse(text);
    if (status >= 300) throw new ControlError(status, readDetail(parsed, text));
    if (parsed === undefined) throw new NoAnswerError(`nothing answers at ${this.url}: ${text.slice(0, 60)} is not JSON`);
    return parsed;
  }

  /** The time that the emulator tells. */
  readonly clock = {
    now: async (): Promise<Date> => new Date((await this.call("GET", "clock")).time),
    /** To a time with a zone, running or frozen. */
    set: (time: Date | string, options: { frozen?: boolean } = {}): Promise<Json> =>
      this.call("PUT", "clock", { time: time instanceof Date ? time.toISOString() : time, ...options }),
    /** Forward by seconds; whatever was due meanwhile happens. */
    advance: (seconds: number): Promise<Json> => this.call("POST", "clock:advance", { seconds }),
    freeze: (): Promise<Json> => this.call("POST", "clock:freeze", {}),
    resume: (): Promise<Json> => this.call("POST", "clock:resume", {}),
  };

  /** How fast jobs go through their states: of the own project, or of all. */
  readonly pacing = {
    get: (): Promise<Json> => this.call("GET", this.ownPath("pace")),
    /** For jobs created from now on. */
    set: (pace: Pacing): Promise<Json> => this.call("PUT", this.ownPath("pace"), parsePacing(pace)),
    clear: (): Promise<Json> => this.call("DELETE", this.ownPath("pace")),
  };

  /** Trouble for requests. */
  readonly faults = {
    /** `add({ method: "GetTunedModel", code: "UNAVAILABLE", times: 2 })`; the own project is filled in. */
    add: (fault: Fault): Promise<ArmedFault> => this.call("POST", "faults", this.own(fault)) as Promise<ArmedFault>,
    get: (id: string): Promise<ArmedFault> => this.call("GET", `faults/${id}`) as Promise<ArmedFault>,
    list: async (): Promise<ArmedFault[]> => (await this.call("GET", "faults")).faults,
    remove: (id: string): Promise<ArmedFault> => this.call("DELETE", `faults/${id}`) as Promise<ArmedFault>,
    /** Those of the own project, or all. */
    clear: (): Promise<Json> => this.call("DELETE", "faults", undefined, { project: this.project }),
  };

  /** Trouble for jobs that are yet to be created: `add({ kind: "internal_error", at: 5, jobs: 1 })`. */
  readonly jobFaults = {
    add: (fault: JobFault): Promise<Json> => this.call("POST", "job-faults", this.own(fault)),
    list: async (): Promise<Json[]> => (await this.call("GET", "job-faults")).job_faults,
    clear: (): Promise<Json> => this.call("DELETE", "job-faults"),
  };

  /** Every request that the emulator had, with its answer; of the own project, or of all. */
  readonly journal = {
    /** The latest first. */
    list: async (filter: JournalFilter = {}): Promise<Json[]> =>
      (await this.call("GET", "journal", undefined, this.own(filter))).entries,
    count: async (filter: JournalFilter = {}): Promise<number> =>
      (await this.call("GET", "journal:count", undefined, this.own(filter))).count,
    /** One entry, with bodies. */
    get: (id: string | number): Promise<Json> => this.call("GET", `journal/${id}`),
    clear: (): Promise<Json> => this.call("DELETE", "journal", undefined, { project: this.project }),
  };

  /** Tuning jobs of both APIs, by the names that the APIs give them. */
  readonly jobs = {
    /** Newest first; of the own project, or all. */
    list: async (): Promise<Json[]> => {
      const jobs: Json[] = [];
      for (let before: number | undefined; ; ) {
        const page = await this.call("GET", "jobs", undefined, { project: this.project, before });
        jobs.push(...page.jobs);
        if (page.next === null) return jobs;
        before = page.next;
      }
    },
    get: (name: string): Promise<Json> => this.call("GET", `jobs/${name}`),
    /** The job once it has ended. Rejects when it has not within `timeoutMs`. */
    wait: async (name: string, timeoutMs = 60_000): Promise<Json> => {
      for (const limit = Date.now() + timeoutMs; ; await sleep(POLL_MS)) {
        const job = await this.jobs.get(name);
        if (ENDED.includes(job.state)) return job;
        if (Date.now() > limit) throw new Error(`${name} is ${job.state} after ${timeoutMs} ms`);
      }
    },
    /** Takes a job of pacing `manual` to its next state, or to the named one. */
    advance: (name: string, to?: string): Promise<Json> => this.call("POST", `jobs/${name}:advance`, to ? { to } : {}),
    /** Cancels it as somebody else would. */
    cancel: (name: string): Promise<Json> => this.call("POST", `jobs/${name}:cancel`, {}),
  };

  /** Prepared states. */
  readonly scenarios = {
    list: async (): Promise<Json[]> => (await this.call("GET", "scenarios")).scenarios,
    /** A packaged one by name, or one that is spelt out; for the own project, if any. */
    load: (scenario: string | Json): Promise<Json> =>
      this.call("POST", "scenarios:load", typeof scenario === "string" ? { name: scenario } : scenario, {
        project: this.project,
      }),
  };

  private ownPath(path: string): string {
    return this.project ? `projects/${encodeURIComponent(this.project)}/${path}` : path;
  }

  private own<Value extends { project?: string }>(value: Value): Value {
    return this.project ? { project: this.project, ...value } : value;
  }
}

/** `polls:2` as the control API takes it; what is wrong with it the emulator says. */
function parsePacing(text: string): Json {
  const [mode, amount] = text.split(":", 2);
  const field = mode === "time" ? "seconds" : mode === "polls" ? "polls" : undefined;
  return field && amount ? { mode, [field]: Number(amount) } : { mode: text };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return undefined;
  }
}

function readDetail(parsed: Json | undefined, text: string): string {
  const detail: unknown = parsed?.["detail"];
  return typeof detail === "string" ? detail : detail === undefined ? text.slice(0, 300) : JSON.stringify(detail);
}
