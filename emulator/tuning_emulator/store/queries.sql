-- Every statement of the store, by name. `store` methods call them by these names.

-- name: insert_job
INSERT INTO tuning_jobs (
    api, project, location, id, state, display_name, experiment_id, shared, latest_ns, completed_steps,
    completed_epochs, body
) VALUES (
    :api, :project, :location, :id, :state, :display_name, :experiment_id, :shared, :latest_ns, :completed_steps,
    :completed_epochs, :body
);

-- name: replace_job
UPDATE tuning_jobs SET
    state = :state, display_name = :display_name, experiment_id = :experiment_id, shared = :shared,
    latest_ns = :latest_ns, completed_steps = :completed_steps, completed_epochs = :completed_epochs, body = :body
WHERE uid = :uid;

-- name: rename_job
UPDATE tuning_jobs SET id = ? WHERE uid = ?;

-- name: get_job
-- The index is named, for SQLite would plan anew whenever `api` is bound: another one holds for Gemini alone.
SELECT uid, api, completed_steps, completed_epochs, body FROM tuning_jobs INDEXED BY tuning_jobs_by_name
WHERE api = ? AND project = ? AND location = ? AND id = ?;

-- name: get_tuned_model
SELECT uid, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE api = 'gemini' AND id = ?;

-- name: find_gemini_batch
-- No index is kept for it: clients name their project, tests alone do not.
SELECT uid, completed_steps, completed_epochs, body FROM tuning_jobs WHERE api = 'gemini_batch' AND id = ?;

-- name: get_job_by_uid
SELECT uid, api, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE uid = ?;

-- name: get_job_by_experiment
SELECT uid, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE project = ? AND location = ? AND experiment_id = ? AND experiment_id != '';

-- name: list_jobs_newest_first
SELECT uid, api, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE api = ? AND project = ? AND location = ? AND uid < ? ORDER BY uid DESC LIMIT ?;

-- name: list_jobs_by_state
SELECT uid, api, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE api = ? AND project = ? AND location = ? AND uid < ? AND state = ?
ORDER BY uid DESC LIMIT ?;

-- name: list_jobs_by_display_name
SELECT uid, api, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE api = ? AND project = ? AND location = ? AND uid < ? AND display_name = ?
ORDER BY uid DESC LIMIT ?;

-- name: list_jobs_by_label
SELECT uid, api, completed_steps, completed_epochs, body
FROM job_labels AS label CROSS JOIN tuning_jobs AS job ON job.uid = label.job_uid
WHERE job.api = ? AND job.project = ? AND job.location = ? AND label.job_uid < ? AND label.name = ? AND label.value = ?
ORDER BY label.job_uid DESC LIMIT ?;

-- name: add_label
INSERT INTO job_labels (name, value, job_uid) VALUES (?, ?, ?);

-- name: list_tuned_models_oldest_first
SELECT uid, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE api = 'gemini' AND uid > ? ORDER BY uid LIMIT ?;

-- name: list_tuned_models_for
-- Those that a caller may perhaps see: by a permission of his, by everybody's, by that of a project.
SELECT uid, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE uid IN (
    SELECT * FROM (
        SELECT job_uid FROM permissions WHERE email = ?1 COLLATE NOCASE AND job_uid > ?2 ORDER BY job_uid LIMIT ?3
    ) UNION SELECT * FROM (
        SELECT job_uid FROM permissions WHERE grantee_type = 'EVERYONE' AND job_uid > ?2 ORDER BY job_uid LIMIT ?3
    ) UNION SELECT * FROM (
        SELECT uid FROM tuning_jobs WHERE shared = 1 AND uid > ?2 ORDER BY uid LIMIT ?3
    )
) ORDER BY uid LIMIT ?3;

-- name: list_unfinished_jobs
SELECT uid, api, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE state IN ('PENDING', 'RUNNING', 'CANCELLING') ORDER BY uid;

-- name: delete_job
DELETE FROM tuning_jobs WHERE uid = ?;

-- name: put_inline_dataset
INSERT INTO inline_datasets (job_uid, lines) VALUES (?, ?);

-- name: get_inline_dataset
SELECT lines FROM inline_datasets WHERE job_uid = ?;

-- name: add_metric_point
INSERT OR REPLACE INTO metric_points (job_uid, kind, step, epoch, mean_loss, computed_ns, predictions, correct)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: list_metric_points
SELECT step, epoch, mean_loss, computed_ns, kind, predictions, correct FROM metric_points
WHERE job_uid = ? AND kind = ? ORDER BY step;

-- name: measure_metric_points
SELECT count(*), coalesce(min(step), 0), coalesce(max(step), 0) FROM metric_points WHERE job_uid = ? AND kind = ?;

-- name: thin_metric_points
-- Of each stretch of so many steps the points with the least and the greatest loss (of a bare column beside min() or
-- max() SQLite takes the same row: sqlite.org/lang_select.html#bareagg), and the very first and last.
SELECT step, epoch, mean_loss, computed_ns, kind, predictions, correct FROM (
    SELECT step, epoch, min(mean_loss) AS mean_loss, computed_ns, kind, predictions, correct FROM metric_points
    WHERE job_uid = ?1 AND kind = ?2 GROUP BY step / ?3
    UNION
    SELECT step, epoch, max(mean_loss) AS mean_loss, computed_ns, kind, predictions, correct FROM metric_points
    WHERE job_uid = ?1 AND kind = ?2 GROUP BY step / ?3
    UNION
    SELECT step, epoch, mean_loss, computed_ns, kind, predictions, correct FROM metric_points
    WHERE job_uid = ?1 AND kind = ?2 AND step IN (?4, ?5)
) ORDER BY step;

-- name: drop_metric_points_after
DELETE FROM metric_points WHERE job_uid = ? AND step > ?;

-- name: put_checkpoint
INSERT OR REPLACE INTO checkpoints (job_uid, id, epoch, step, adapter, endpoint_id) VALUES (?, ?, ?, ?, ?, ?);

-- name: list_checkpoints
SELECT job_uid, id, epoch, step, adapter, endpoint_id FROM checkpoints WHERE job_uid = ? ORDER BY step;

-- name: insert_model
INSERT INTO models (project, location, id, created_ns) VALUES (?, ?, ?, ?);

-- name: get_model
SELECT uid, project, location, id, created_ns FROM models WHERE project = ? AND location = ? AND id = ?;

-- name: list_models_newest_first
SELECT uid, project, location, id, created_ns FROM models
WHERE project = ? AND location = ? AND uid < ? ORDER BY uid DESC LIMIT ?;

-- name: delete_model
DELETE FROM models WHERE uid = ?;

-- name: insert_model_version
INSERT INTO model_versions (model_uid, version, job_uid, updated_ns, body)
VALUES (:model_uid, :version, :job_uid, :updated_ns, :body);

-- name: replace_model_version
UPDATE model_versions SET updated_ns = :updated_ns, body = :body
WHERE model_uid = :model_uid AND version = :version;

-- name: list_model_versions
SELECT * FROM model_versions WHERE model_uid = ? ORDER BY version;

-- name: get_model_version_of_job
SELECT * FROM model_versions WHERE job_uid = ?;

-- name: delete_model_version
DELETE FROM model_versions WHERE model_uid = ? AND version = ?;

-- name: insert_endpoint
INSERT INTO endpoints (project, location, id, updated_ns, body)
VALUES (:project, :location, :id, :updated_ns, :body);

-- name: replace_endpoint
UPDATE endpoints SET updated_ns = :updated_ns, body = :body WHERE uid = :uid;

-- name: get_endpoint
SELECT * FROM endpoints WHERE project = ? AND location = ? AND id = ?;

-- name: list_endpoints_newest_first
SELECT * FROM endpoints WHERE project = ? AND location = ? AND uid < ? ORDER BY uid DESC LIMIT ?;

-- name: delete_endpoint
DELETE FROM endpoints WHERE uid = ?;

-- name: put_operation
INSERT INTO operations (name, project, location, updated_ns, body)
VALUES (:name, :project, :location, :updated_ns, :body)
ON CONFLICT (name) DO UPDATE SET updated_ns = excluded.updated_ns, body = excluded.body;

-- name: get_operation
SELECT * FROM operations WHERE name = ?;

-- name: list_operations_newest_first
SELECT * FROM operations WHERE project = ? AND location = ? ORDER BY uid DESC;

-- name: delete_operation
DELETE FROM operations WHERE name = ?;

-- name: insert_cached_content
INSERT INTO cached_contents (api, project, location, id, updated_ns, expires_ns, body)
VALUES (:api, :project, :location, :id, :updated_ns, :expires_ns, :body);

-- name: replace_cached_content
UPDATE cached_contents SET updated_ns = :updated_ns, expires_ns = :expires_ns, body = :body WHERE uid = :uid;

-- name: get_cached_content
SELECT * FROM cached_contents WHERE api = ? AND project = ? AND location = ? AND id = ?;

-- name: list_cached_contents_newest_first
SELECT * FROM cached_contents WHERE api = ? AND project = ? AND location = ? AND uid < ? ORDER BY uid DESC LIMIT ?;

-- name: delete_cached_content
DELETE FROM cached_contents WHERE uid = ?;

-- name: delete_cached_contents_before
DELETE FROM cached_contents WHERE expires_ns < ?;

-- name: put_permission
INSERT OR REPLACE INTO permissions (job_uid, id, grantee_type, email, role) VALUES (?, ?, ?, ?, ?);

-- name: list_permissions
SELECT job_uid, id, grantee_type, email, role FROM permissions WHERE job_uid = ?
ORDER BY CASE role WHEN 'OWNER' THEN 0 ELSE 1 END, id;

-- name: get_permission
SELECT job_uid, id, grantee_type, email, role FROM permissions WHERE job_uid = ? AND id = ?;

-- name: delete_permission
DELETE FROM permissions WHERE job_uid = ? AND id = ?;

-- name: count_jobs_by_state
SELECT api, state, count(*) FROM tuning_jobs GROUP BY api, state ORDER BY api, state;

-- name: sum_steps_by_api
SELECT api, sum(completed_steps) FROM tuning_jobs GROUP BY api ORDER BY api;

-- name: count_step
UPDATE tuning_jobs SET completed_steps = ?, completed_epochs = ? WHERE uid = ?;

-- name: clear_operations
DELETE FROM operations WHERE project = ?;

-- name: clear_endpoints
DELETE FROM endpoints WHERE project = ?;

-- name: clear_cached_contents
DELETE FROM cached_contents WHERE project = ?;

-- name: clear_models
DELETE FROM models WHERE project = ?;

-- name: clear_jobs
DELETE FROM tuning_jobs WHERE project = ?;

-- name: find_places
-- Of an id, wherever it is: for a request that has looked in the wrong place, so no index is kept for it.
SELECT iif(api = 'vertex', 'tuningJobs', 'batchPredictionJobs'), project, location FROM tuning_jobs
WHERE api IN ('vertex', 'vertex_batch') AND id = ?1 UNION ALL
SELECT 'models', project, location FROM models WHERE id = ?1 UNION ALL
SELECT 'endpoints', project, location FROM endpoints WHERE id = ?1;

-- name: list_projects
SELECT project FROM tuning_jobs UNION SELECT project FROM models UNION SELECT project FROM endpoints
UNION SELECT project FROM operations UNION SELECT project FROM cached_contents;

-- name: list_job_keys
SELECT uid, api FROM tuning_jobs WHERE ?1 IS NULL OR project = ?1;

-- name: get_gate
SELECT pace, fault, fault_id, fired, entered_ns, reads FROM gates WHERE job_uid = ?;

-- name: put_gate
INSERT OR REPLACE INTO gates (job_uid, pace, fault, fault_id, fired, entered_ns, reads)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: put_reads
UPDATE gates SET reads = ? WHERE job_uid = ?;

-- name: list_paces
SELECT project, pace FROM paces ORDER BY project;

-- name: put_pace
INSERT OR REPLACE INTO paces (project, pace) VALUES (?, ?);

-- name: delete_pace
DELETE FROM paces WHERE project = ?;

-- name: clear_paces
DELETE FROM paces WHERE ?1 IS NULL OR project = ?1;

-- name: list_project_numbers
SELECT id, number FROM project_numbers ORDER BY id;

-- name: clear_project_numbers
DELETE FROM project_numbers;

-- name: put_project_number
INSERT INTO project_numbers (id, number) VALUES (?, ?);

-- name: insert_job_fault
INSERT INTO job_faults (project, fault, jobs, given, fired) VALUES (?, ?, ?, 0, 0);

-- name: list_job_faults
SELECT id, project, fault, jobs, given, fired FROM job_faults ORDER BY id;

-- name: give_job_fault
UPDATE job_faults SET given = given + 1 WHERE id = ?;

-- name: fire_job_fault
UPDATE job_faults SET fired = fired + 1 WHERE id = ?;

-- name: delete_job_fault
DELETE FROM job_faults WHERE id = ?;

-- name: clear_job_faults
DELETE FROM job_faults WHERE ?1 IS NULL OR project = ?1;

-- name: get_clock
SELECT offset_ns, frozen_ns FROM clock;

-- name: put_clock
INSERT OR REPLACE INTO clock (id, offset_ns, frozen_ns) VALUES (1, ?, ?);

-- name: latest_time
SELECT max(
    (SELECT coalesce(max(latest_ns), 0) FROM tuning_jobs),
    (SELECT coalesce(max(computed_ns), 0) FROM metric_points),
    (SELECT coalesce(max(created_ns), 0) FROM models),
    (SELECT coalesce(max(updated_ns), 0) FROM model_versions),
    (SELECT coalesce(max(updated_ns), 0) FROM endpoints),
    (SELECT coalesce(max(updated_ns), 0) FROM operations),
    (SELECT coalesce(max(updated_ns), 0) FROM cached_contents)
);

-- name: list_jobs_of_project
SELECT uid, api, completed_steps, completed_epochs, body FROM tuning_jobs
WHERE (?1 IS NULL OR project = ?1 OR project = ?2) AND uid < ?3
AND (?4 = '' OR state = ?4) AND (?5 = '' OR api = ?5) AND (?6 = '' OR body ->> '$.asked.base_model' = ?6)
AND (?7 = '' OR instr(lower(display_name || ' ' || id), lower(?7)) > 0)
ORDER BY uid DESC LIMIT ?8;

-- name: count_made
SELECT coalesce(sum(seq), 0) FROM sqlite_sequence;
