"""What the services say about a dataset: one row per rule of a JSONL line and of a whole file.

``Row`` counts lines from 0, ``Dataset example`` examples from 1. Few were ever seen in public; the others are guesses
in the style of ``MISSING_CONTENTS``, names of fields in back-ticks, and say so.
"""

from __future__ import annotations

from tuning_emulator.core.errors import Code, ErrorText, name_rows

_NOTEBOOK = (
    "saved output of github.com/Tuminha/Goggle-Gen-AI-Course-with-Kaggle "
    "notebooks/01_whitepapers_exercises_fine_tuning.ipynb, cell 5 (2025-10-07), for three models, over gRPC"
)
_ISSUE_6127 = "github.com/googleapis/python-aiplatform/issues/6127 (2025-11-14)"
_STYLE = "no recording; style of missing_contents"
_VALIDATOR = "the rule: third-party validator jsonlkit.com; the text: style of missing_contents"
_PREFERENCE = "the rule: docs.cloud.google.com …/models/gemini-preference-tuning-prepare; the text: a guess"
_SUPERVISED = "the limit: docs.cloud.google.com …/models/tuning/supervised-tuning (2026-09-25); the text: a guess"
_DROPPED = (
    "the rule: aiplatform discovery document, totalTruncatedExampleCount; the text: after PaLM's of 2023, \"Row: 122. "
    "Token limit exceeded for 'input_text' [tokens: 15851|limit: 8192] or 'output_text' [tokens: 24|limit: 1024]\": "
    "github.com/GoogleCloudPlatform/generative-ai/issues/254"
)


def _guess(text: str, source: str = _STYLE) -> ErrorText:
    return ErrorText(Code.INVALID_ARGUMENT, text, source, "assumed")


# --- a line -----------------------------------------------------------------------------------------
MISSING_CONTENTS = ErrorText(
    Code.INVALID_ARGUMENT, "Row: {row}. Missing required `contents` field.", _NOTEBOOK, "recorded"
)
MALFORMED_JSON = _guess("Row: {row}. Malformed JSON: {reason}.")
NOT_AN_OBJECT = _guess("Row: {row}. Expected a JSON object.")
CONTENTS_NOT_A_LIST = _guess("Row: {row}. The `contents` field must be a list.")
CONTENTS_EMPTY = _guess("Row: {row}. The `contents` field must not be empty.")
CONTENT_NOT_AN_OBJECT = _guess("Row: {row}. contents[{index}] must be an object.")
MISSING_ROLE = _guess("Row: {row}. Missing required `role` field in contents[{index}].")
INVALID_ROLE = _guess("Row: {row}. Invalid role '{role}' in contents[{index}]; must be one of {allowed}.", _VALIDATOR)
FIRST_NOT_USER = _guess("Row: {row}. The first turn must have the role 'user'.", _VALIDATOR)
CONSECUTIVE_TURNS = _guess(
    "Row: {row}. Consecutive turns with the role '{role}' at contents[{index}]; user and model must alternate.",
    _VALIDATOR,
)
LAST_NOT_MODEL = _guess("Row: {row}. The last turn must have the role 'model'.", _VALIDATOR)
MISSING_PARTS = _guess("Row: {row}. Missing required `parts` field in contents[{index}].")
PART_NOT_AN_OBJECT = _guess("Row: {row}. contents[{index}].parts[{part}] must be an object.")
PART_WITHOUT_DATA = _guess("Row: {row}. contents[{index}].parts[{part}] must have exactly one data field; has {found}.")
TEXT_NOT_A_STRING = _guess("Row: {row}. contents[{index}].parts[{part}].text must be a string.")
EMPTY_TURN = _guess("Row: {row}. contents[{index}] has no text.")
SYSTEM_INSTRUCTION = _guess("Row: {row}. The `{field}` field must be an object with text parts.")
SYSTEM_NOT_FIRST = _guess(
    "Row: {row}. The role 'system' is only allowed in the first message; found at messages[{index}].",
    "the rule: cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-about (2024); "
    "the text: a guess",
)
MISSING_CONTENT = _guess("Row: {row}. The `content` field of messages[{index}] must be a string.")
PROMPT_COMPLETION = _guess("Row: {row}. `{field}` must be a string that is not empty.")

# --- function calls of a line ------------------------------------------------------------------------
_FUNCTIONS = "the form: docs.cloud.google.com …/models/tune-function-calling (2026-09-25); the text: a guess"
FUNCTION_NAME = _guess(
    "Row: {row}. Missing required `name` field in contents[{index}].parts[{part}].{field}.", _FUNCTIONS
)
FUNCTION_VALUES = _guess("Row: {row}. contents[{index}].parts[{part}].{field}.{values} must be an object.", _FUNCTIONS)
FUNCTION_ROLE = _guess("Row: {row}. contents[{index}] has the role '{role}' and a `{field}` part.", _FUNCTIONS)
TOOLS = _guess("Row: {row}. `tools` must be a list of objects; each function in `{field}` needs a `name`.", _FUNCTIONS)

# --- a preference line ------------------------------------------------------------------------------
LAST_NOT_USER = _guess("Row: {row}. The last turn of `contents` must have the role 'user'.", _PREFERENCE)
MISSING_COMPLETIONS = _guess("Row: {row}. Missing required `completions` field.", _PREFERENCE)
COMPLETION_COUNT = _guess("Row: {row}. Exactly two completions are required; found {found}.", _PREFERENCE)
COMPLETION_SCORE = _guess("Row: {row}. The score of completions[{index}] must be 0 or 1; found {score}.", _PREFERENCE)
COMPLETION_PAIR = _guess("Row: {row}. One completion must have score 1 and the other score 0.", _PREFERENCE)
COMPLETION_TEXT = _guess(
    "Row: {row}. completions[{index}].completion must have the role 'model' and text parts.", _PREFERENCE
)

# --- a file -----------------------------------------------------------------------------------------
UNSUPPORTED_MODALITY = ErrorText(
    Code.INVALID_ARGUMENT,
    'Dataset example {example} of {examples} contains an unsupported modality [{modality}] in the "parts" field, '
    "which is not supported by this model. The supported modalities are: [{supported}]. JSON: {json}",
    _ISSUE_6127,
    "recorded",
)
TOO_FEW_EXAMPLES = ErrorText(
    Code.INVALID_ARGUMENT,
    "The training dataset must contain at least {minimum} examples.",
    "quoted in a public course; the minimum of gemini-1.0-pro-002 in its 2024 documentation",
    "documented",
)
UNSUPPORTED_ROLE = ErrorText(
    Code.INVALID_ARGUMENT,
    "Supported roles are: user, model, function.",
    "an operator's public notes on tuning gemma-4-e2b-it, 2026-08-22: what a job of 903 examples with the role "
    "assistant under contents failed with; what stands around it is not known",
    "recorded",
)
"""Of open models."""
EMPTY_DATASET = _guess("The dataset contains no examples.", "no recording; a guess")
TOO_MANY_EXAMPLES = _guess("The dataset contains more than {limit} examples, the limit for this model.", _SUPERVISED)
TOO_MANY_MEDIA_EXAMPLES = _guess(
    "The dataset contains more than {limit} multimodal examples, the limit for this model.", _SUPERVISED
)
TOO_LARGE = _guess("The dataset is larger than {limit} bytes, the limit for this model.", _SUPERVISED)
VALIDATION_TOO_LARGE = _guess(
    "The validation dataset contains {examples} examples; at most {limit} are allowed for this training dataset.",
    _SUPERVISED,
)
VALIDATION_FILE_TOO_LARGE = _guess(
    "The validation dataset has {size} bytes; at most {limit} are allowed for this training dataset.",
    "the rule: github.com/google/skills skills/cloud/agent-platform-tuning/references/data_prep.md (2026-08); the "
    "text: style of the row above",
)
"""Of open models."""

# --- examples that are left out ---------------------------------------------------------------------
TOO_MANY_TOKENS = _guess("Token limit exceeded [tokens: {tokens}|limit: {limit}]", _DROPPED)

_MEDIA = f"{_DROPPED[: _DROPPED.index(';')]}; the limits: docs.cloud.google.com …/models/tuning/image and its siblings"
MEDIA_TYPE = _guess("Unsupported MIME type: {mime_type}", _MEDIA)
MEDIA_INVALID = _guess("Invalid {kind}", _MEDIA)
MEDIA_MISSING = _guess("File cannot be read: {uri}", _MEDIA)
MEDIA_COUNT = _guess("Too many {kind} files [files: {count}|limit: {limit}]", _MEDIA)
MEDIA_SIZE = _guess("File size limit exceeded for '{kind}' [bytes: {size}|limit: {limit}]", _MEDIA)
MEDIA_LENGTH = _guess("Length limit exceeded for '{kind}' [{unit}: {size}|limit: {limit}]", _MEDIA)
LONG_VIDEOS = _guess(
    "More than 10% of the examples were dropped because their videos are longer than {limit} seconds.",
    "the rule: docs.cloud.google.com …/models/tuning/video (2026-09); the text: a guess",
)

ROWS = name_rows(globals(), ErrorText)
"""All rows, in this order."""
