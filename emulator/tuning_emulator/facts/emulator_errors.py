"""What only this emulator says: its own limits and troubles.

None of it is a text of a service, or listed and counted as one. The reasons are words of what plays the services' parts
here: the trainer, the storage, a setting.
"""

from __future__ import annotations

from tuning_emulator.core.errors import Code, ErrorRow, name_rows

# --- who may ask -----------------------------------------------------------------------------------------
HOST_REFUSED = ErrorRow(
    Code.PERMISSION_DENIED,
    "{host} is none of this emulator's names, so that a page may have led a browser here; if it is one, set "
    "TUNING_EMULATOR_ALLOWED_HOSTS={host} or --allowed-host {host}",
)
ORIGIN_REFUSED = ErrorRow(
    Code.PERMISSION_DENIED,
    "pages of {origin} may not use this emulator; to let them, set TUNING_EMULATOR_ALLOWED_HOSTS={host} or "
    "--allowed-host {host}",
)
SITE_REFUSED = ErrorRow(
    Code.PERMISSION_DENIED,
    "a page of another site may not use this emulator; open the address itself, or set TUNING_EMULATOR_ALLOWED_HOSTS "
    "or --allowed-host to the page's host and let it ask with an Origin",
)
WRITE_HEADER_MISSING = ErrorRow(
    Code.PERMISSION_DENIED,
    "a POST to the control API is JSON or carries the header X-Tuning-Emulator, neither of which a page of another "
    "site can send: curl -H 'X-Tuning-Emulator: 1' …",
)
CREDENTIAL_MISSING = ErrorRow(
    Code.UNAUTHENTICATED,
    "this emulator has a credentials file, and wants one of its tokens (Authorization: Bearer …) or keys "
    "(X-Goog-Api-Key) here as well; its own commands take it from TUNING_EMULATOR_TOKEN",
)

# --- requests that the services take -------------------------------------------------------------------
GRPC_CONNECTION_FULL = ErrorRow(
    Code.RESOURCE_EXHAUSTED, "The unfinished requests of this connection are too long together."
)
REFLECTION_NOT_FOUND = ErrorRow(Code.NOT_FOUND, "Not found: {name}")
REFLECTION_ASKS_NOTHING = ErrorRow(Code.INVALID_ARGUMENT, "The request asks for nothing.")
MAGIC_VALUE = ErrorRow(Code.INVALID_ARGUMENT, "{reason}")
REBASE_SAME_ENDPOINT = ErrorRow(
    Code.UNIMPLEMENTED,
    "deploy_to_same_endpoint is not supported by this emulator; deploy the new model with endpoints.deployModel.",
)
STORAGE_METHOD_MISSING = ErrorRow(Code.UNIMPLEMENTED, "{method} is not served by this emulator's Cloud Storage.")
STORAGE_UPLOAD_INFLATES = ErrorRow(
    Code.INVALID_ARGUMENT,
    "The gzip body of the request unpacks to more than {times} times its size; this emulator takes no such body.",
)
NO_SPACE = ErrorRow(Code.UNAVAILABLE, "The emulator's disk is full; nothing has changed.")
NO_SPACE_FOR_CONTROL = ErrorRow(
    Code.UNAVAILABLE, "The emulator's disk is full, and what was asked may be done in part; free some and ask again."
)
STORAGE_UNAVAILABLE = ErrorRow(Code.UNAVAILABLE, "Cloud Storage cannot be read: {reason}")

# --- batches -------------------------------------------------------------------------------------------
BATCH_NOT_STORAGE = ErrorRow(
    Code.UNIMPLEMENTED,
    "batch_prediction_job.{field} is not served by this emulator, whose batches are read from and written to Cloud "
    "Storage: use inputConfig.gcsSource and outputConfig.gcsDestination, with the format jsonl.",
)
BATCH_CONTAINER = ErrorRow(
    Code.UNIMPLEMENTED,
    "batch_prediction_job.unmanaged_container_model is not served by this emulator, which runs no containers: name a "
    "base model or a tuned one in model.",
)
BATCH_FILE = ErrorRow(
    Code.UNIMPLEMENTED,
    "batch.input_config.file_name: this emulator has no Files API, so there is no file {name!r}; send the requests "
    "inline, in batch.input_config.requests.",
)

# --- prompts of Vertex AI ------------------------------------------------------------------------------
PART_NOT_READ = ErrorRow(Code.UNIMPLEMENTED, "The models of this emulator do not read {kind}, which a part holds here.")
MEDIUM_UNREADABLE = ErrorRow(
    Code.INVALID_ARGUMENT, "tuning-emulator: the file of {place} cannot be read here, good or not: {reason}."
)
PROMPT_SHORTENED = ErrorRow(
    Code.INVALID_ARGUMENT,
    "the prompt with its documents is longer than what plays the model here reads: {count} tokens in the middle of "
    "its longest text are left out; serve --base-model NAME=DIRECTORY takes weights that read more",
)
TRAINER_UNAVAILABLE = ErrorRow(Code.UNAVAILABLE, "The model cannot answer now: {reason}")
PROMPT_REFUSED = ErrorRow(Code.INVALID_ARGUMENT, "The model cannot answer this prompt: {reason}")

# --- datasets ------------------------------------------------------------------------------------------
MEDIUM_NOT_LOOKED_AT = ErrorRow(
    Code.INVALID_ARGUMENT, "[{modality}]: not looked at, nor counted; a job reads it and counts its tokens"
)
MEDIUM_IN_PART = ErrorRow(Code.INVALID_ARGUMENT, "{kind}: {reason}")
CUT = ErrorRow(
    Code.INVALID_ARGUMENT,
    "over {limit} tokens, more than what plays the base model here reads: the middle of the longest text is left out; "
    "serve --base-model NAME=DIRECTORY takes weights that read more",
)
OVER_TRAINERS_LIMIT = ErrorRow(
    Code.INVALID_ARGUMENT, "Example has more tokens than what plays the base model here can read."
)
TEACHER_REFUSED = ErrorRow(
    Code.INVALID_ARGUMENT,
    "The teacher model did not answer this prompt: {reason}; serve --base-model NAME=DIRECTORY takes other weights.",
)
TEACHER_SILENT = ErrorRow(Code.INVALID_ARGUMENT, "The teacher model's answer to this prompt is empty.")
ALL_DROPPED = ErrorRow(
    Code.INVALID_ARGUMENT,
    "tuning-emulator: none of the {examples} examples of the dataset can be trained on. Example {example}: {reason}",
)
DATASET_UNREADABLE = ErrorRow(Code.INVALID_ARGUMENT, "{reason}")
DATASET_UNAVAILABLE = ErrorRow(Code.UNAVAILABLE, "{reason}")

# --- what a job ends with ------------------------------------------------------------------------------
METHOD_UNTRAINED = ErrorRow(
    Code.UNIMPLEMENTED,
    "tuning-emulator: no trainer here can do {method} tuning of {base_model}. Examples can be tuned on instead "
    "(supervisedTuningSpec), and a scenario can put an ended job with its model and endpoint there (serve --scenario "
    "FILE).",
)
PACKAGES_MISSING = ErrorRow(
    Code.FAILED_PRECONDITION, "tuning-emulator: what plays {base_model} here cannot be tuned: {reason}"
)
TRAINING_FAILED = ErrorRow(
    Code.INVALID_ARGUMENT,
    "tuning-emulator: {reason} (serve --base-model NAME=DIRECTORY trains other weights, --trainer scripted only "
    "goes through the states)",
)
TRAINER_GONE = ErrorRow(
    Code.UNAVAILABLE,
    "tuning-emulator: the {trainer} trainer that ran this job is not here any more; install tuning-emulator[lora], or "
    "serve with another --trainer",
)
TRAINER_FAILED = ErrorRow(Code.UNAVAILABLE, "tuning-emulator: the trainer is unavailable: {reason}")
_MORE_MEMORY = (
    "give the machine or container more of it, use a smaller --base-model or batch size, or run fewer jobs at once "
    "(TUNING_EMULATOR_JOBS_PER_PROJECT, --jobs-per-project)."
)
TRAINER_KILLED = ErrorRow(
    Code.RESOURCE_EXHAUSTED,
    "tuning-emulator: the trainer's process was killed {times} times during this job (signal {signal}), most likely "
    f"because memory ran out; {_MORE_MEMORY}",
)
TRAINER_STARVED = ErrorRow(
    Code.RESOURCE_EXHAUSTED, f"tuning-emulator: the trainer's process had too little memory; {_MORE_MEMORY}"
)
DISK_FULL = ErrorRow(Code.RESOURCE_EXHAUSTED, "tuning-emulator: the disk is full; choose another --data-dir.")
TEACHER_FAILED = ErrorRow(Code.UNAVAILABLE, "tuning-emulator: the teacher model does not answer: {reason}")
_OUTPUT = "tuning-emulator: the results cannot be written to {uri}: {reason}"
OUTPUT_REFUSED = ErrorRow(Code.INVALID_ARGUMENT, _OUTPUT)
OUTPUT_FORBIDDEN = ErrorRow(Code.PERMISSION_DENIED, _OUTPUT)
OUTPUT_NOT_FOUND = ErrorRow(Code.NOT_FOUND, _OUTPUT)
OUTPUT_UNAVAILABLE = ErrorRow(Code.UNAVAILABLE, _OUTPUT)

# --- after a job ---------------------------------------------------------------------------------------
METRIC_UNCOMPUTED = ErrorRow(
    Code.UNIMPLEMENTED,
    "tuning-emulator: no model here judges answers, and no code of a request is run, so there is no {metrics}; "
    "exactMatchSpec, bleuSpec and rougeSpec are computed, and the answers stand in evaluation_results.jsonl.",
)
PROMPTS_UNANSWERED = ErrorRow(
    Code.INVALID_ARGUMENT,
    "tuning-emulator: {count} of {of} prompts have no answer and do not count, the first: {reason}",
)
REWARD_UNCOMPUTED = ErrorRow(
    Code.UNIMPLEMENTED,
    "tuning-emulator: {scorer} needs code, a service or a model that is not here; rewards of stringMatchRewardScorer "
    "are computed.",
)
REGEX_MISSING = ErrorRow(
    Code.UNIMPLEMENTED,
    "tuning-emulator: regular expressions of rewards are RE2's, and google-re2 is not installed here; install "
    "tuning-emulator[rewards].",
)

ROWS = name_rows(globals(), ErrorRow)
"""All rows, in this order."""
