-- Everything the emulator knows. Times are nanoseconds since the epoch. `body` is the whole record as JSON; beside it
-- stand the columns that are searched, sorted or summed, written from the record (rows.py). Of a job, uid, steps and
-- epochs count as they stand in the columns: a training step writes no body.
-- With every change here: raise `SCHEMA_VERSION` in migration.py, keep this file as schema_N.sql, migrate.

-- What the queue runs: tuning jobs, and batches, whose `api` says so.
CREATE TABLE tuning_jobs (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    api TEXT NOT NULL CHECK (api IN ('gemini', 'vertex', 'gemini_batch', 'vertex_batch')),
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    display_name TEXT NOT NULL,
    experiment_id TEXT NOT NULL,
    shared INTEGER NOT NULL,  -- with the projects that it names as readers, if any
    latest_ns INTEGER NOT NULL,  -- of all its times
    completed_steps INTEGER NOT NULL,
    completed_epochs INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX tuning_jobs_by_name ON tuning_jobs (api, project, location, id);
-- Gemini's tuned model ids are global, not per project.
CREATE UNIQUE INDEX tuned_models_by_id ON tuning_jobs (id) WHERE api = 'gemini';
CREATE INDEX tuning_jobs_by_place ON tuning_jobs (api, project, location, uid);
CREATE INDEX tuning_jobs_by_state ON tuning_jobs (api, project, location, state, uid);
CREATE INDEX tuning_jobs_by_display_name ON tuning_jobs (api, project, location, display_name, uid);
CREATE INDEX tuned_models_shared_by_project ON tuning_jobs (uid) WHERE shared = 1;
CREATE INDEX tuning_jobs_by_experiment ON tuning_jobs (project, location, experiment_id) WHERE experiment_id != '';
CREATE INDEX tuning_jobs_unfinished ON tuning_jobs (uid) WHERE state IN ('PENDING', 'RUNNING', 'CANCELLING');

-- The labels of jobs, to list by; they never change.
CREATE TABLE job_labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    job_uid INTEGER NOT NULL REFERENCES tuning_jobs (uid) ON DELETE CASCADE,
    PRIMARY KEY (name, value, job_uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_labels_by_job ON job_labels (job_uid);

-- Examples that came inside the request, in the trainer's own form, or the requests of a batch; a JSON object a line.
CREATE TABLE inline_datasets (
    job_uid INTEGER PRIMARY KEY REFERENCES tuning_jobs (uid) ON DELETE CASCADE,
    lines TEXT NOT NULL
) STRICT;

CREATE TABLE metric_points (
    job_uid INTEGER NOT NULL REFERENCES tuning_jobs (uid) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('train', 'eval')),
    step INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    mean_loss REAL NOT NULL,
    computed_ns INTEGER NOT NULL,
    predictions INTEGER NOT NULL,
    correct INTEGER NOT NULL,
    PRIMARY KEY (job_uid, kind, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    job_uid INTEGER NOT NULL REFERENCES tuning_jobs (uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    step INTEGER NOT NULL,
    adapter TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    PRIMARY KEY (job_uid, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    UNIQUE (project, location, id)
) STRICT;

CREATE TABLE model_versions (
    model_uid INTEGER NOT NULL REFERENCES models (uid) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    job_uid INTEGER NOT NULL UNIQUE,
    updated_ns INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (model_uid, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoints (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    updated_ns INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (project, location, id)
) STRICT;

CREATE TABLE operations (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    updated_ns INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE permissions (
    job_uid INTEGER NOT NULL REFERENCES tuning_jobs (uid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    grantee_type TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (job_uid, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX permissions_by_email ON permissions (email COLLATE NOCASE, job_uid);
CREATE INDEX permissions_of_everyone ON permissions (job_uid) WHERE grantee_type = 'EVERYONE';

-- Content kept for later prompts. `project` of the Gemini API is the caller's, "" for none; its ids are global.
CREATE TABLE cached_contents (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    api TEXT NOT NULL CHECK (api IN ('gemini', 'vertex')),
    project TEXT NOT NULL,
    location TEXT NOT NULL,
    id TEXT NOT NULL,
    updated_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (api, project, location, id)
) STRICT;
CREATE INDEX cached_contents_by_place ON cached_contents (api, project, location, uid);
CREATE INDEX cached_contents_by_expiry ON cached_contents (expires_ns);

-- How an unfinished job goes on where it is more than training alone: the pace and the fault of its own ("" for none),
-- and since when, and how often read, it has been in the state that it shows.
CREATE TABLE gates (
    job_uid INTEGER PRIMARY KEY REFERENCES tuning_jobs (uid) ON DELETE CASCADE,
    pace TEXT NOT NULL,
    fault TEXT NOT NULL,
    fault_id INTEGER NOT NULL,
    fired INTEGER NOT NULL,
    entered_ns INTEGER NOT NULL,
    reads INTEGER NOT NULL
) STRICT;

-- The pace of a project, by its number; "" for all others.
CREATE TABLE paces (
    project TEXT PRIMARY KEY,
    pace TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Faults that wait for the next jobs of a project (by its number; "" for any).
CREATE TABLE job_faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    fault TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    given INTEGER NOT NULL,
    fired INTEGER NOT NULL
) STRICT;

-- The numbers that projects were given; any other has one that is made of its id.
CREATE TABLE project_numbers (
    id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- One row at most: how the emulator's clock differs from the machine's.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    offset_ns INTEGER NOT NULL,
    frozen_ns INTEGER
) STRICT;
