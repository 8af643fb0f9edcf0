"""What the Gemini API says when it refuses: tuned models, their operations and permissions, and answering.

Texts that start with ``* `` and end with a newline are the service's field violations; several are joined.
Grades follow what was seen: many violations of creating a tuned model were never recorded and are guesses in the
style of those that were recorded for ``GenerateContentRequest``.
"""

from __future__ import annotations

from tuning_emulator.core.errors import Code, ErrorText, Fact, Grade, Row, help_link, name_rows

_QUOTA_403 = "github.com/ogkalu2/comic-translate/issues/403 (2026)"
_NOTEBOOK = "github.com/google/generative-ai-docs site/en/gemini-api/docs/model-tuning/python.ipynb (213c6ce)"
_TUTORIAL = "public run of the official tuning tutorial, Feb to May 2025"
_GENAI_TESTS = "github.com/googleapis/python-genai google/genai/tests/tunings/test_tune.py"
_PROTO = "github.com/googleapis/googleapis google/ai/generativelanguage/v1beta"
_DOC = "ai.google.dev/gemini-api/docs/model-tuning (2025-02-25)"
_PROBE = "public probe of gemini-3.5-flash-lite, third-party notes, 2026-08"
_CHATWISE = "github.com/egoist/chatwise-releases/issues/250"
_LANGCHAIN = "github.com/langchain-ai/langchain-google/issues/631"
_GENKIT = "github.com/genkit-ai/genkit/issues/3816"
_PERMISSION_TYPES = (
    "the rule: github.com/google-gemini/deprecated-generative-ai-python google/generativeai/types/permission_types.py; "
    "the text: a guess"
)
_STYLE = "no recording; style of github.com/vercel/ai/issues/3775"
_NONE = "no recording; worded after the other texts of this service"


def _bad(text: str, source: str, grade: Grade = "recorded") -> ErrorText:
    return ErrorText(Code.INVALID_ARGUMENT, text, source, grade)


def _guess(text: str, source: str = _STYLE) -> ErrorText:
    return ErrorText(Code.INVALID_ARGUMENT, text, source, "assumed")


# --- names, existence, rights ----------------------------------------------------------------------
TUNED_MODEL_NOT_FOUND = ErrorText(Code.NOT_FOUND, "Tuned model tunedModels/{id} does not exist.", _NOTEBOOK, "recorded")
TUNED_MODEL_DENIED = ErrorText(
    Code.PERMISSION_DENIED,
    "You do not have permission to access tuned model tunedModels/{id}",
    "github.com/google-gemini/deprecated-generative-ai-js/issues/240",
    "recorded",
)
TUNED_MODEL_ID_OF_STRANGER = ErrorText(
    Code.PERMISSION_DENIED, "You do not have permission to access tuned model {id}.", _TUTORIAL, "recorded"
)
TUNED_MODEL_EXISTS = ErrorText(
    Code.ALREADY_EXISTS,
    "Tuned model tunedModels/{id} already exists.",
    "the code: samples/tuned_models.py of github.com/google-gemini/deprecated-generative-ai-python; the text: a guess",
    "assumed",
)
MODEL_NOT_FOUND = ErrorText(
    Code.NOT_FOUND,
    "Model is not found: models/{model} for api version {version}",
    "GET models/invalid-model, third-party notes of 2026",
    "recorded",
)
_CAPITALS_UNTIL = "2024-04-01"
_NEW_LISTING = "2026-07-01"
"""Days of changes that are known to the month at best."""
MODEL_NOT_SUPPORTED = ErrorText(
    Code.NOT_FOUND,
    "models/{model} is not found for API version {version}, or is not supported for {method}. "
    "Call ListModels to see the list of available models and their supported methods.",
    "github.com/googleapis/python-genai/issues/969",
    "recorded",
    _CAPITALS_UNTIL,
    _NEW_LISTING,
)
MODEL_NOT_SUPPORTED_2023 = ErrorText(
    Code.NOT_FOUND,
    "models/{model} is not found for API version {version}, or is not supported for {rpc}. "
    "Call ListModels to see the list of available models and their supported methods.",
    "github.com/FirebaseExtended/vertexai-sdk-test-data mock-responses/vertexai/unary-failure-unknown-model.json",
    "recorded",
    until=_CAPITALS_UNTIL,
)
MODEL_NOT_SUPPORTED_2026 = ErrorText(
    Code.NOT_FOUND,
    "models/{model} is not found for API version {version}, or is not supported for {method}. "
    "Call ModelService.ListModels to see the list of available models and their supported methods.",
    "public reports of mid-2026 quote 'Call ModelService.ListModels to see'; the rest is that of the earlier text",
    "documented",
    _NEW_LISTING,
)
MODEL_NOT_SUPPORTED_TEXTS = (MODEL_NOT_SUPPORTED_2023, MODEL_NOT_SUPPORTED, MODEL_NOT_SUPPORTED_2026)
"""One after the other."""
MODEL_NAME_FORMAT = _bad(
    "* {request}.model: unexpected model name format\n", "github.com/langchain-ai/langchain-google/issues/631"
)
NAME_FORMAT = _bad(
    "* {request}.{field}: unexpected name format\n",
    "in the style of the row above; only gRPC can bring such a name",
    "assumed",
)
ENTITY_NOT_FOUND = ErrorText(
    Code.NOT_FOUND,
    "Requested entity was not found.",
    "recorded on this host, github.com/google-gemini/gemini-cli/issues/12741; that operations answer it is a guess",
    "assumed",
)
NOT_IMPLEMENTED = ErrorText(
    Code.UNIMPLEMENTED,
    "Not implemented.",
    "github.com/google-gemini/deprecated-generative-ai-python google/generativeai/operations.py",
    "documented",
)

# --- creating a tuned model --------------------------------------------------------------------------
NAME_MISSING = _bad("Either tuned_model_id or display_name must be set.", f"{_GENAI_TESTS}, quoted there", "documented")
TUNED_MODEL_ID_FORMAT = _guess(
    "* CreateTunedModelRequest.tuned_model_id: '{id}' does not match [a-z]([a-z0-9-]{{0,38}}[a-z0-9])?\n",
    f"the rule: {_PROTO}/model_service.proto; the text: a guess",
)
DISPLAY_NAME_LENGTH = _bad(
    "Request contains an invalid argument.",
    "github.com/google-gemini/deprecated-generative-ai-js/issues/282 (2024-10), in AI Studio, whose method may be "
    "another",
)
_CREATE = "* CreateTunedModelRequest.tuned_model"
_EXAMPLES = f"{_CREATE}.tuning_task.training_data.examples"
_PAIR = f"{_EXAMPLES}.examples[{{index}}]"
_TALK = f"{_EXAMPLES}.multiturn_examples[{{index}}].contents"
SOURCE_MODEL_MISSING = _guess(
    f"{_CREATE}.source_model: required oneof field 'source_model' must have one initialized field\n",
    f"no recording; style of {_GENKIT}",
)
BASE_MODEL_FORMAT = _guess(
    f"{_CREATE}.base_model: unexpected model name format\n", f"no recording; style of {_LANGCHAIN}"
)
SOURCE_TUNED_MODEL_FORMAT = _guess(
    f"{_CREATE}.tuned_model_source.tuned_model: unexpected model name format\n", f"no recording; style of {_LANGCHAIN}"
)
BASE_MODEL_NOT_TUNABLE = ErrorText(
    Code.NOT_FOUND,
    "models/{model} is not found for CREATE TUNED MODEL at API version {version}.",
    f"{_GENAI_TESTS}, quoted there; the code by analogy",
    "documented",
)
SOURCE_NOT_ACTIVE = ErrorText(
    Code.FAILED_PRECONDITION, "Tuned model tunedModels/{id} is not active: its state is {state}.", _NONE, "assumed"
)
TRAINING_DATA_MISSING = _guess(f"{_CREATE}.tuning_task.training_data: training_data is not specified\n")
EXAMPLES_EMPTY = _guess(
    f"{_EXAMPLES}.examples: examples.examples must not be empty.\n", f"no recording; style of {_CHATWISE}"
)
OUTPUT_MISSING = _guess(f"{_PAIR}.output: output is not specified\n")
TEXT_INPUT_LENGTH = _guess(
    f"{_PAIR}.text_input: text_input must be at most {{limit}} characters long, but has {{length}}\n",
    f"the limit: {_DOC}; the text: a guess",
)
OUTPUT_LENGTH = _guess(
    f"{_PAIR}.output: output must be at most {{limit}} characters long, but has {{length}}\n",
    f"the limit: {_DOC}; the text: a guess",
)
MULTITURN_EMPTY = _guess(f"{_TALK}: contents is not specified\n")
MULTITURN_ROLE = _guess(f"{_TALK}[{{turn}}].role: '{{role}}' is not a valid role: user, model.\n")
MULTITURN_END = _guess(f"{_TALK}: contents must end with role model\n")
MULTITURN_PARTS = _guess(
    f"{_TALK}[{{turn}}].parts: contents.parts must not be empty.\n", f"no recording; style of {_CHATWISE}"
)
_HYPERPARAMETERS = f"{_CREATE}.tuning_task.hyperparameters"
EPOCH_COUNT = _guess(f"{_HYPERPARAMETERS}.epoch_count: epoch_count must be positive.\n")
TOO_MANY_STEPS = _guess(
    f"{_HYPERPARAMETERS}.epoch_count: tuning would take {{steps}} steps, more than the maximum of {{maximum}}.\n"
)
BATCH_SIZE = _guess(f"{_HYPERPARAMETERS}.batch_size: batch_size must be positive.\n")
LEARNING_RATE = _guess(f"{_HYPERPARAMETERS}.learning_rate: learning_rate must be positive.\n")
LEARNING_RATE_MULTIPLIER = _guess(
    f"{_HYPERPARAMETERS}.learning_rate_multiplier: learning_rate_multiplier must be positive.\n"
)
TUNED_TEMPERATURE = _guess("* {request}.tuned_model.temperature: temperature must be in the range [0.0, {maximum}].\n")
TUNED_TOP_P = _guess("* {request}.tuned_model.top_p: top_p must be in the range [0.0, 1.0].\n")
TUNED_TOP_K = _guess("* {request}.tuned_model.top_k: top_k must not be negative.\n")

# --- changing and listing ----------------------------------------------------------------------------
MASK_PATH = _guess("* UpdateTunedModelRequest.update_mask: '{path}' is not a field of TunedModel\n")
MASK_FIELD = _guess("* UpdateTunedModelRequest.update_mask: '{path}' cannot be updated\n")
FILTER = _guess("* ListTunedModelsRequest.filter: '{term}' is not one of {known}\n")

# --- answering ----------------------------------------------------------------------------------------
TUNED_MODEL_NOT_ACTIVE = ErrorText(
    Code.FAILED_PRECONDITION, "Tuned model tunedModels/{id} is not active: its state is {state}.", _NONE, "assumed"
)
CONTENTS_MISSING = _bad("* {request}.contents: contents is not specified\n", "github.com/vercel/ai/issues/3775")
PARTS_EMPTY = _bad("* {request}.contents[{index}].parts: contents.parts must not be empty.\n", _CHATWISE)
PART_WITHOUT_DATA = _bad(
    "* {request}.contents[{index}].parts[{part}].data: required oneof field 'data' must have one initialized field\n",
    _GENKIT,
)
ROLE = _bad("Please use a valid role: user, model.", "github.com/langbot-app/LangBot/issues/1486")
SINGLE_TURN_END = _bad(
    "Please ensure that single turn requests end with a user role or the role field is empty.",
    "github.com/microsoft/semantic-kernel/issues/13262 and the sources of several public clients",
)
MULTITURN_REQUEST_END = _bad(
    "Please ensure that multiturn requests ends with a user role or a function response.",
    "github.com/songquanpeng/one-api/issues/836 (gemini-pro, December 2023)",
)
TEMPERATURE = _bad(
    "* {request}.generation_config.temperature: temperature must be in the range [0.0, {maximum}].\n", _PROBE
)
TOP_P = _guess("* {request}.generation_config.top_p: top_p must be in the range [0.0, 1.0].\n")
TOP_K = _guess("* {request}.generation_config.top_k: top_k must not be negative.\n")
MAX_OUTPUT_TOKENS = _bad(
    "* {request}.generation_config.max_output_tokens: max_output_tokens must be positive.\n",
    "recorded answer kept in a public client's tests, 2026",
)
CANDIDATE_COUNT = _guess(
    "* {request}.generation_config.candidate_count: candidate_count must be in the range [1, {maximum}].\n",
    f"the range 1 to 8: {_PROTO}/generative_service.proto; the text: a guess",
)
ONE_CANDIDATE = _bad(
    "Only one candidate can be specified", "github.com/google-gemini/deprecated-generative-ai-dart/issues/34"
)
STOP_SEQUENCES = _guess(
    "* {request}.generation_config.stop_sequences: stop_sequences must have at most {limit} items, but has {length}\n",
    f"the limit of 5: {_PROTO}/generative_service.proto; the text: a guess",
)
SYSTEM_INSTRUCTION = _bad(
    "Developer instruction is not enabled for {model}",
    "for tuned models: a public project's code comment; for models: "
    "github.com/google-gemini/deprecated-generative-ai-python/issues/278",
)
JSON_MODE = _bad(
    "Json mode is not enabled for {model}",
    f"the text: github.com/google-gemini/deprecated-generative-ai-python/issues/137; that tuned models refuse: {_DOC}",
)
FUNCTION_CALLING = _bad(
    "Function calling is not enabled for {model}",
    "the text: github.com/agno-agi/agno/issues/3505; that tuned models refuse is a guess",
    "assumed",
)
INPUT_MODALITY = _bad(
    "{modality} input modality is not enabled for {model}",
    "github.com/langchain-ai/langchain-google/pull/684 (2025-01-09, gemini-1.5-flash); that tuned models take text "
    f"alone: {_DOC}",
)
MIME_TYPE = _bad(
    "Unsupported MIME type: {mime_type}",
    "github.com/googleapis/python-genai/issues/744 (2025-04-28), github.com/charmbracelet/crush/issues/995",
)
IMAGE_INVALID = _bad(
    "Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
    "github.com/egoist/chatwise-releases/issues/799 (2025-05-27), github.com/pollinations/pollinations/issues/4157",
)
DOCUMENT_INVALID = _bad(
    "The document has no pages.", "quoted in the code and notes of several public clients, to 2026", "documented"
)
MEDIA_INVALID = _bad(
    "Request contains an invalid argument.",
    "github.com/googleapis/js-genai/issues/862 (2025-08-05): a file of a type that is taken for upload alone; that "
    "broken sounds and videos are answered so is assumed",
    "assumed",
)
FILE_URI = _bad(
    "Invalid or unsupported file uri: {uri}",
    "a public repository's comment on https://… in gemini-1.5-pro; gs://: "
    "github.com/google-gemini/deprecated-generative-ai-python/issues/357 (2024-05-24)",
)
FILE_DENIED = ErrorText(
    Code.PERMISSION_DENIED,
    "You do not have permission to access the File {id} or it may not exist.",
    "github.com/google-gemini/deprecated-generative-ai-python/issues/692 (2025-02-25)",
    "recorded",
)
MEDIA_COUNT = _guess("The request has {count} {kind} files; at most {limit} are allowed.", _NONE)
MEDIA_SIZE = _guess("The request has a file of {size} bytes; at most {limit} are allowed.", _NONE)
MEDIA_LENGTH = _guess("The request has a file of {size} {unit}; at most {limit} are allowed.", _NONE)
MULTITURN = _bad("Multiturn chat is not enabled for {model}", "github.com/zuisong/gemini-openai-proxy/issues/37")
INPUT_CHARACTERS = _guess(
    "The input character count ({length}) exceeds the maximum number of characters allowed ({limit}).",
    f"the limit: {_DOC}; the text: after github.com/google-gemini/gemini-cli/issues/4118",
)
INPUT_TOKENS = _bad(
    "The input token count ({length}) exceeds the maximum number of tokens allowed ({limit}).",
    "github.com/google-gemini/gemini-cli/issues/4118",
)
PROMPT_REFUSED = _guess(
    "Request contains an invalid argument. {reason}",
    "a limit of what plays the base model here; the first sentence is this service's",
)
UNAVAILABLE = ErrorText(
    Code.UNAVAILABLE,
    "The service is currently unavailable. {reason}",
    "the code: github.com/google-gemini/deprecated-generative-ai-python/issues/691; the reason is ours",
    "assumed",
)

RESPONSE_MIME_TYPE = _bad(
    "* {request}.generation_config.response_mime_type: allowed mimetypes are `text/plain`, `application/json`, "
    "`application/xml`, `application/yaml` and `text/x.enum`.\n",
    "public run of a third-party client, 2026",
)
# --- schemas of answers and of functions: paths below the request, snake_case, names of properties in brackets
_LIBRECHAT = "github.com/danny-avila/LibreChat/issues/6971"
_CLINE = "github.com/cline/cline/issues/7926"
_PRISM = "github.com/prism-php/prism/issues/334"
_PROBE_AGENT = "github.com/probelabs/probe/issues/569"
SCHEMA_TYPE = _bad(
    "* {request}.{path}.type: must be specified when not using one_of, any_of or all_of fields\n", _LIBRECHAT
)
SCHEMA_PROPERTIES_EMPTY = _bad(
    "* {request}.{path}.properties: should be non-empty for OBJECT type\n",
    "github.com/langchain-ai/langchain-google/pull/416 and github.com/crmne/ruby_llm/issues/61",
)
SCHEMA_NOT_OBJECT = _bad("* {request}.{path}.{field}: only allowed for OBJECT type\n", _PRISM)
SCHEMA_ITEMS = _bad("* {request}.{path}.items: missing field.\n", _CLINE)
SCHEMA_REQUIRED = _bad("* {request}.{path}.required[{index}]: property is not defined\n", _PROBE_AGENT)
SCHEMA_ENUM = _bad("* {request}.{path}.enum: only allowed for STRING type\n", "github.com/decolua/9router/issues/359")
SCHEMA_FORMAT = _bad(
    "* {request}.{path}.format: only 'enum' and 'date-time' are supported for STRING type\n",
    "github.com/enechange/collmbo/pull/195",
)
SCHEMA_NEEDS_MIME_TYPE = _bad(
    "Response_schema with a response mime type 'text/plain' is unsupported",
    "quoted in the notes of several public clients, 2025 and 2026",
)
SCHEMAS_BOTH = _guess(
    "* {request}.generation_config: only one of response_schema and response_json_schema can be set\n",
    "that one must be omitted: the discovery document, GenerationConfig.responseJsonSchema; the text: a guess",
)
SCHEMA_UNREADABLE = _guess(
    "* {request}.{path}: {reason}\n", "that it is checked: ai.google.dev/gemini-api/docs/structured-output"
)
FUNCTIONS_WITH_MIME_TYPE = _bad(
    "Function calling with a response mime type: '{mime_type}' is unsupported",
    "github.com/google-gemini/deprecated-generative-ai-swift/issues/195 (2024) and github.com/symfony/ai/issues/1777 "
    "(gemini-2.5-flash, 2026); that gemini-3 takes both: ai.google.dev/gemini-api/docs/structured-output",
)
FUNCTIONS_MISSING = _bad(
    "Function calling config is set without function_declarations.",
    "quoted in the notes and tests of many public clients, 2025 and 2026",
)
FUNCTION_DUPLICATE = _bad(
    "Duplicate function declaration found: {name}", "quoted in the notes of many public clients, 2025 and 2026"
)
FUNCTION_NAME = _guess(
    "* {request}.{path}.name: Invalid function name. Must start with a letter or an underscore. Must be alphameric "
    "(a-z, A-Z, 0-9), underscores (_), dots (.) or dashes (-), with a maximum length of 64.\n",
    "the first sentences: quoted in the notes of a public client, 2026; the rest: the discovery document",
)
FUNCTION_RESPONSES = _bad(
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn.",
    "github.com/google-gemini/gemini-cli/issues/16415 and many more",
)
FUNCTION_CALL_PLACE = _bad(
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
    "quoted in the notes and tests of many public clients, 2025 and 2026",
)
FUNCTIONS_ALLOWED_UNKNOWN = _guess(
    "* {request}.tool_config.function_calling_config.allowed_function_names[{index}]: function is not declared\n",
    "the rule: the discovery document, FunctionCallingConfig; the text: a guess",
)

# --- tools that models bring along
SEARCH_RETRIEVAL_OLD = _bad(
    "google_search_retrieval is not supported. Please use google_search tool instead.",
    "quoted in the notes of several public projects, 2025 and 2026",
)
SEARCH_NOT_SUPPORTED = _bad(
    "Search Grounding is not supported.",
    "quoted as far as 'supported' in the sources of several public clients, 2024 and 2025; that tuned models say it is "
    "a guess",
)
CODE_EXECUTION = _bad(
    "Code execution is not enabled for {model}",
    "simonwillison.net on gemma-3-27b-it (2025-03); github.com/snailyp/gemini-balance, README; of tuned ones: a guess",
)
TOOL_NOT_SUPPORTED = _guess("{tool} is not enabled for {model}", "which models have it: their pages; the text: a guess")
_BUILT_IN_SINCE = "2026-05-01"
"""Seen on 2026-05-10 first."""
TOOLS_WITH_FUNCTIONS = ErrorText(
    Code.INVALID_ARGUMENT,
    "Tool use with function calling is unsupported",
    "github.com/google/adk-python, issues 53 and 134, and many more, 2025",
    "recorded",
    until=_BUILT_IN_SINCE,
)
TOOLS_WITH_FUNCTIONS_2026 = ErrorText(
    Code.INVALID_ARGUMENT,
    "Built-in tools ({{{tools}}}) and Function Calling cannot be combined in the same request. Please choose one to "
    "continue.",
    "quoted whole in the notes of many public projects on gemini-2.5-flash, from 2026-05-10 on",
    "recorded",
    _BUILT_IN_SINCE,
)
TOOLS_WITH_FUNCTIONS_TEXTS = (TOOLS_WITH_FUNCTIONS, TOOLS_WITH_FUNCTIONS_2026)
"""One after the other."""
TOOLS_WITH_MIME_TYPE = _bad(
    "Tool use with a response mime type: '{mime_type}' is unsupported",
    "quoted in the notes of many public projects, 2025 and 2026; that gemini-3 takes both: "
    "ai.google.dev/gemini-api/docs/structured-output",
)
TOOL_CONTEXT = _bad(
    "Tool call context circulation is not enabled for {model}",
    "github.com/egonSchiele/agency-lang/issues/495 and many more on gemini-2.5, 2026",
)
PENALTY = _bad(
    "Penalty is not enabled for {model}",
    "whole answers of gemini-2.5-flash in the notes and tests of several public clients, 2025 and 2026",
)
SAFETY_CATEGORY = _bad(
    "* {request}.safety_settings[{index}]: element predicate failed: $.category in (HarmCategory."
    "HARM_CATEGORY_HATE_SPEECH, HarmCategory.HARM_CATEGORY_SEXUALLY_EXPLICIT, HarmCategory."
    "HARM_CATEGORY_DANGEROUS_CONTENT, HarmCategory.HARM_CATEGORY_HARASSMENT, HarmCategory."
    "HARM_CATEGORY_CIVIC_INTEGRITY)\n",
    "github.com/SillyTavern/SillyTavern/pull/2728 (2024-08-28), github.com/Visionatrix/ComfyUI-Gemini/issues/8",
)

RESPONSE_MODALITIES = _guess(
    "The requested combination of response modalities ({modalities}) is not supported by the model. "
    "{model} accepts the following combination of response modalities:\n* TEXT\n",
    _NONE,
)
_THIS_MODEL = "2026-01-01"
"""Assumed: texts that named the model said "this model" in all reports of 2026."""
LOGPROBS = ErrorText(
    Code.INVALID_ARGUMENT,
    "Logprobs is not enabled for {model}",
    "reports of 2025, in the form of the rows around",
    "documented",
    until=_THIS_MODEL,
)
LOGPROBS_2026 = ErrorText(
    Code.INVALID_ARGUMENT,
    "Logprobs is not enabled for this model",
    "a whole error in a public repository's notes on gemini-3.5-flash-lite, and many others, 2026",
    "recorded",
    _THIS_MODEL,
)
LOGPROBS_TEXTS = (LOGPROBS, LOGPROBS_2026)
"""One after the other."""
MULTIPLE_CANDIDATES = ErrorText(
    Code.INVALID_ARGUMENT,
    "Multiple candidates is not enabled for {model}",
    "a public issue on gemma-3-27b-it, 2025",
    "recorded",
    until=_THIS_MODEL,
)
MULTIPLE_CANDIDATES_2026 = ErrorText(
    Code.INVALID_ARGUMENT,
    "Multiple candidates is not enabled for this model",
    "github.com/googleapis/python-genai/issues/2347, and many public notes on Gemini 3 models, 2026",
    "recorded",
    _THIS_MODEL,
)
MULTIPLE_CANDIDATES_TEXTS = (MULTIPLE_CANDIDATES, MULTIPLE_CANDIDATES_2026)
"""One after the other. No model that is served here says it: Gemini 2.5 draws several candidates."""
THINKING_NOT_ENABLED = _bad("Thinking is not enabled for {model}", "a public repository's note on gemma-3-27b-it")
THINKING_LEVEL = _bad(
    "Thinking level is not supported for this model.", "quoted in the sources and tests of several public clients, 2026"
)
THINKING_BOTH = _bad(
    "You can only set only one of thinking budget and thinking level.",
    "a whole body in a public repository's probes of gemini-3.8-flash, 2026-10",
)
THINKING_REQUIRED = _bad(
    "Budget 0 is invalid. This model only works in thinking mode.",
    "a whole body in a public repository's note (2026-04-12), and many others, of 2.5 Pro",
)
THINKING_BUDGET = _bad(
    "The thinking budget ({budget}) is invalid.", "github.com/RooCodeInc/Roo-Code/issues/4399 (2025-06-06, 2.5 Pro)"
)
_CACHE_PROBES = "a public repository's probes of gemini-3.5-flash-lite, 2026-09-07"
CACHED_CONTENT = ErrorText(
    Code.PERMISSION_DENIED,
    "CachedContent not found (or permission denied)",
    "github.com/FirebaseExtended/vertexai-sdk-test-data mock-responses, unary-failure-context-cache-not-found.json; "
    f"{_CACHE_PROBES}: to get one that was deleted, and to ask with it",
    "recorded",
)
CACHED_CONTENT_ALONE = _bad(
    "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.\n\n"
    "Proposed fix: move those values to CachedContent from GenerateContent request.",
    f"{_CACHE_PROBES}; github.com/vercel/ai/issues/3333 (2024-10-22) and many more",
)
CACHED_CONTENT_OF_OTHER_MODEL = _bad(
    "Model used by GenerateContent request ({asked}) and CachedContent ({cached}) has to be the same.",
    "quoted whole in the notes of several public clients, 2025 and 2026; github.com/BerriAI/litellm/pull/19193",
)
CACHED_CONTENT_SMALL = _bad(
    "Cached content is too small. total_token_count={count}, min_total_token_count={minimum}",
    f"{_CACHE_PROBES}; github.com/BerriAI/litellm/issues/17696 (2025-12-09)",
)
CACHED_CONTENT_LARGE = _bad(
    "Cached content is too large. total_token_count={count}, max_total_token_count={maximum}",
    "quoted by two public repositories (2026), of projects whose maximum is 0",
)
CACHED_CONTENT_ENDS_WITH_MODEL = _bad(
    "Requests ending with a model turn are not supported.",
    "github.com/BerriAI/litellm/pull/35172 (2026-07-30), of cachedContents; github.com/anomalyco/opencode/issues/45359",
)
CACHED_CONTENT_MODEL_MISSING = _guess("* CreateCachedContentRequest.cached_content.model: model is not specified\n")
CACHED_CONTENT_NAME_LENGTH = _guess(
    "* CreateCachedContentRequest.cached_content.display_name: display_name must be at most {limit} characters long, "
    "but has {length}\n",
    f"the limit: {_PROTO}/cached_content.proto; the text: a guess",
)
CACHED_CONTENT_EXPIRY = _guess(
    "* {request}.cached_content.expiration: the expiration must be in the future\n",
    "that it is a time to come: the proto's words; the text: a guess",
)
CACHED_CONTENT_MASK = _guess(
    "* UpdateCachedContentRequest.update_mask: '{path}' cannot be updated; accepted ones: ttl, expire_time\n",
    "the rule: ai.google.dev/api/caching, cachedContents.patch: only expiration is updatable; the text: a guess",
)

# --- batches ------------------------------------------------------------------------------------------
_BATCH = "* BatchGenerateContentRequest.batch"
BATCH_INPUT_MISSING = _guess(f"{_BATCH}.input_config: input_config is not specified\n")
BATCH_REQUESTS_EMPTY = _guess(f"{_BATCH}.input_config.requests.requests: requests is not specified\n")
BATCH_REQUEST_MISSING = _guess(
    f"{_BATCH}.input_config.requests.requests[{{index}}].request: request is not specified\n"
)
BATCH_OTHER_MODEL = _guess(
    f"{_BATCH}.input_config.requests.requests[{{index}}].request.model: {{model}} is not the model of the batch\n"
)
BATCH_NOT_FOUND = ErrorText(
    Code.NOT_FOUND,
    "Requested entity was not found.",
    "recorded on this host, github.com/google-gemini/gemini-cli/issues/12741; that batches answer it is a guess",
    "assumed",
)
BATCH_CANCELLED = ErrorText(
    Code.CANCELLED,
    "The operation was cancelled.",
    "the code: https://ai.google.dev/api/batch-api, batches.cancel; the text: a guess",
    "assumed",
)

# --- permissions --------------------------------------------------------------------------------------
PERMISSION_NOT_FOUND = ErrorText(Code.NOT_FOUND, "Permission {name} does not exist.", _NONE, "assumed")
PERMISSION_EXISTS = ErrorText(Code.ALREADY_EXISTS, "Permission {name} already exists.", _NONE, "assumed")
ROLE_MISSING = _guess("* {request}.permission.role: role is not specified\n")
ROLE_OWNER = _guess(
    "* {request}.permission.role: OWNER can only be granted by TransferOwnership\n",
    "the rule: TransferOwnership is the only way to change ownership, ai.google.dev/api/tuning; the text: a guess",
)
EMAIL_MISSING = _guess(
    "* CreatePermissionRequest.permission.email_address: email_address is not specified\n", _PERMISSION_TYPES
)
EMAIL_FORBIDDEN = _guess(
    "* CreatePermissionRequest.permission.email_address: email_address must not be set for EVERYONE\n",
    _PERMISSION_TYPES,
)
PERMISSION_MASK_MISSING = _guess("* UpdatePermissionRequest.update_mask: update_mask is not specified\n")
PERMISSION_MASK = _guess(
    "* UpdatePermissionRequest.update_mask: '{path}' cannot be updated; accepted ones: role\n",
    "the rule: generativelanguage v1beta discovery document, revision 20240713; the text: a guess",
)
OWNER_PERMISSION = ErrorText(
    Code.FAILED_PRECONDITION, "The permission of the owner can only be changed by TransferOwnership.", _NONE, "assumed"
)
TRANSFER_EMAIL_MISSING = _guess("* TransferOwnershipRequest.email_address: email_address is not specified\n")
TRANSFER_NOT_OWNER = ErrorText(
    Code.PERMISSION_DENIED,
    "You need to be the owner of the resource to transfer ownership",
    "the text: README of github.com/derrickobedgiu1/gemini-api, April 2024; the code: a guess",
    "recorded",
)

# --- quotas and outages: for faults made on purpose --------------------------------------------------------
GEMINI_EXHAUSTED = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "Resource has been exhausted (e.g. check quota).",
    "github.com/googleapis/python-genai/issues/2065",
    "recorded",
)
GEMINI_QUOTA_HELP = Fact(
    ("Learn more about Gemini API quotas", "https://ai.google.dev/gemini-api/docs/rate-limits"), _QUOTA_403, "recorded"
)
"""Description and address of the ``Help`` that goes with the next row."""
GEMINI_QUOTA = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: "
    "https://ai.dev/rate-limit. \n* Quota exceeded for metric: generativelanguage.googleapis.com/{metric}, "
    "limit: {limit}, model: {model}\nPlease retry in {retry_s}s.",
    _QUOTA_403,
    "recorded",
    since="2026-01-01",
    details=(
        help_link(*GEMINI_QUOTA_HELP.value),
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [
                {
                    "quotaMetric": "generativelanguage.googleapis.com/{metric}",
                    "quotaId": "{id}",
                    "quotaDimensions": {"location": "global", "model": "{model}"},
                    "quotaValue": "{limit}",
                }
            ],
        },
    ),
)
"""Its details come in any order, and RetryInfo with them."""
GEMINI_OVERLOADED = ErrorText(
    Code.UNAVAILABLE,
    "The model is overloaded. Please try again later.",
    "reported on this host, 2024 and 2025; github.com/google-gemini/deprecated-generative-ai-python/issues/691 "
    "saw the code when tuning",
    "recorded",
    until="2026-01-01",
)
GEMINI_HIGH_DEMAND = ErrorText(
    Code.UNAVAILABLE,
    "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.",
    "reported on this host many times, 2026",
    "recorded",
    since="2026-01-01",
)
GEMINI_INTERNAL = ErrorText(
    Code.INTERNAL,
    "An internal error has occurred. Please retry or report in "
    "https://developers.generativeai.google/guide/troubleshooting",
    "reported on this host many times",
    "recorded",
)

ROWS: tuple[Row, ...] = name_rows(globals(), Row)
"""All rows, in this order."""
