"""Where the emulator knowingly differs from the real services, and why. docs/reference/differences.md lists these."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Subject: TypeAlias = Literal["gemini", "vertex", "training", "front end", "cloud storage"]


class Divergence(Struct, frozen=True):
    """One known difference.

    Attributes:
        name: Identifier, unique.
        subject: What it concerns.
        real: What the real service does.
        here: What the emulator does.
        reason: Why it is so.
    """

    name: str
    subject: Subject
    real: str
    here: str
    reason: str


DIVERGENCES: tuple[Divergence, ...] = (
    Divergence(
        "small_model",
        "training",
        "Tunes Gemini models of many billions of parameters.",
        "Tunes a small language model that ships with the emulator (or one that you bring); every base model's name "
        "stands for it.",
        "A rehearsal must run on a laptop; answers show that tuning worked, not what Gemini would say.",
    ),
    Divergence(
        "learning_rate_scale",
        "training",
        "The base learning rate that Vertex AI's multiplier multiplies is not published.",
        "1e-3 for Gemini models' names; open models use their published rates.",
        "The rate at which the embedded model learns well.",
    ),
    Divergence(
        "token_counts",
        "training",
        "Counts tokens with Gemini's tokenizer.",
        "Dataset statistics use an approximation of it; training uses the small model's own tokenizer.",
        "Gemini's tokenizer is not public in a form that could be shipped.",
    ),
    Divergence(
        "sampling",
        "training",
        "A request without a temperature is answered at the model's default temperature, differently each time.",
        "A request without a temperature gets the likeliest answer; one with a temperature and no seed repeats too.",
        "Tests must repeat, and a small model's less likely answers are wrong more often than a large one's.",
    ),
    Divergence(
        "pace",
        "training",
        "A job takes minutes to hours.",
        "A job takes seconds; states, their order and their fields are the same.",
        "Nobody wants to wait in a test. Jobs can be given a pace.",
    ),
    Divergence(
        "media",
        "training",
        "Models see images and videos, hear sounds and read documents, in prompts and in training data.",
        "Small readers put files into words that the embedded model has been taught: an image's size, brightness, "
        "colours and a grid of three by three, a sound's length, loudness and pitch, a video's length and first frame, "
        "the text of a PDF (no OCR). What nothing reads is a word, `[image]`; log and journal say so. Tokens are "
        "counted as documented, of a file that is not read as the least that it may be.",
        "The embedded model reads text alone; a vision-language directory (`--base-model`) sees images itself.",
    ),
    Divergence(
        "methods",
        "training",
        "Vertex AI also offers reinforcement, partner and video tuning.",
        "Their requests are checked and stored; a job whose method no trainer has ends in FAILED and says so. Rewards "
        "of string matching can be tried (validateReinforcementTuningReward); those of code, services and judges are "
        "errors.",
        "A pretended success would mislead.",
    ),
    Divergence(
        "retired_models",
        "gemini",
        "Since 27 May 2025 no base model can be tuned and tuned models no longer answer.",
        "Retired base models can be tuned as they could before; with as_of the emulator answers as on a given day.",
        "Running tunedModels code is the point.",
    ),
    Divergence(
        "listed_models",
        "gemini",
        "models.list has many models that were never tunable.",
        "It has those that could ever be tuned, and three of today's; as of June 2025 that may be none.",
        "Other models cannot be tuned, and what plays them here is the same small model.",
    ),
    Divergence(
        "versions",
        "gemini",
        "tunedModels and permissions exist under v1beta and v1alpha only, cancel under v1 only; v1 lacks many fields.",
        "v1, v1beta and v1alpha serve the same routes and fields.",
        "google-genai 3.4 sends everything to v1.",
    ),
    Divergence(
        "count_tokens_on_tuned_models",
        "gemini",
        "countTokens has no binding for tunedModels: the router answers 404.",
        "countTokens answers for tunedModels.",
        "google-genai, the fetch clients and langchain call it.",
    ),
    Divergence(
        "tuning_tuned_flash",
        "gemini",
        "Tuning a tuned 1.5 Flash model was answered with 400 (text unknown); for PaLM it worked.",
        "Every tuned model can be tuned further; its adapter is where training starts.",
        "The API documents it.",
    ),
    Divergence(
        "snapshots_at_once",
        "gemini",
        "Progress of an operation reaches its metadata about once a minute.",
        "Every step is there at once, in the operation and in the model.",
        "Jobs take seconds.",
    ),
    Divergence(
        "groups",
        "gemini",
        "A permission of type GROUP holds for the members of a Google group.",
        "It holds for a caller with the group's own address.",
        "There is no directory to ask.",
    ),
    Divergence(
        "unserved_methods",
        "gemini",
        "models.list names methods such as embedContent, which exist.",
        "The names are listed as recorded; these methods are not served.",
        "They have nothing to do with tuning.",
    ),
    Divergence(
        "openai_route",
        "gemini",
        "v1beta/openai/chat/completions answers OpenAI's clients for base models.",
        "It is not served (404); Vertex AI's routes for them are.",
        "No descriptor or discovery document has it, and what it refuses is known from a few reports; tuned models "
        "were not asked there.",
    ),
    Divergence(
        "batch_input",
        "gemini",
        "A batch reads its requests inline or from a file of the Files API, and batches.list takes a filter.",
        "Inline alone; a file is refused in the emulator's own words, a filter as not implemented. `priority` and "
        "`webhookConfig` are taken and shown, and nothing comes of them.",
        "There is no Files API here, and nobody to call back.",
    ),
    Divergence(
        "batch_storage",
        "vertex",
        "A batch reads and writes Cloud Storage, BigQuery or multimodal datasets, for models of Google, tuned ones and "
        "containers.",
        "Cloud Storage as JSON lines, for base models and tuned ones; the rest is refused in the emulator's own words. "
        "Settings for containers (machines, model parameters, explanations, monitoring) are taken and shown, and "
        "nothing comes of them; the journal says so.",
        "There is no BigQuery here, and no container is run.",
    ),
    Divergence(
        "batch_order",
        "vertex",
        "A batch's results come in any order, and it takes minutes to hours.",
        "In the order of the requests, one after the other, at once unless a pace says otherwise.",
        "Tests must repeat.",
    ),
    Divergence(
        "stand_in_numbers",
        "vertex",
        "Every field has a protobuf number.",
        "Fields that only the discovery documents have (preferenceOptimizationSpec, reinforcementTuningSpec and "
        "newer ones) carry numbers from 10001 on and print after the others.",
        "The documents give no numbers. Over gRPC no client can send these fields.",
    ),
    Divergence(
        "left_out_fields",
        "vertex",
        "Messages also have VideoMetadata.video_duration (number 1 of v1alpha alone, with another meaning), "
        "PublisherModel.parent and PublisherModel.supported_actions.",
        "They are not declared: unknown when sent, never printed.",
        "One number cannot mean two things, and only the Model Garden's console reads the other two.",
    ),
    Divergence(
        "cancel_and_wait_bodies",
        "vertex",
        "operations.cancel and operations.wait bind no body.",
        "A body is accepted.",
        "Clients send {}.",
    ),
    Divergence(
        "quota",
        "vertex",
        "Jobs beyond the quota of concurrent jobs are documented to wait.",
        "They wait, PENDING, in the order in which they were created; how many run at once is a setting.",
        "No refusal was ever recorded.",
    ),
    Divergence(
        "machines",
        "vertex",
        "Endpoints run on machines that take minutes to start.",
        "Endpoints serve at once; machine types and replica counts are accepted and not kept.",
        "There are no machines.",
    ),
    Divergence(
        "files_elsewhere",
        "front end",
        "Files are fetched from public URLs, YouTube and the Files API; objects of Cloud Storage are registered with "
        "the Gemini API before it reads them.",
        "gs:// and https://storage.googleapis.com are read from the Cloud Storage in use, without registration; other "
        "URLs are not fetched, their files are words (`[image]`), and log and journal say so; there is no Files API, "
        "so that its files are denied as those of strangers are.",
        "Nothing leaves the machine.",
    ),
    Divergence(
        "held_answers",
        "training",
        "An answer in JSON is cut off where maxOutputTokens ends, and its white space is the model's.",
        "It is brought to an end before, where an instance has room, and has at most a space between its parts. Dates "
        "are days that every month has, in UTC; integers without bounds have at most 53 bits.",
        "A small model may never come to an end by itself; what it writes is to be read by every client.",
    ),
    Divergence(
        "options_without_effect",
        "training",
        "Safety settings filter, searches ground, code is run, thinking budgets buy thoughts.",
        "They are checked as far as the texts are known, and have no effect: nothing is grounded, no thoughts are made "
        "up, thoughtsTokenCount is 0 where some are asked for. docs/reference/requests.md lists every field, and log "
        "and journal say so where a request sets one.",
        "There is no web, no filter and no large model here.",
    ),
    Divergence(
        "job_options_without_effect",
        "vertex",
        "A job reads its data as its service account, is encrypted with a key, is distilled in a pipeline.",
        "These fields are checked as far as texts are known, shown, and have no effect; docs/reference/requests.md "
        "lists every field, and log and journal say so where a job sets one.",
        "There are no accounts, keys or pipelines here.",
    ),
    Divergence(
        "chat_details",
        "vertex",
        "Of chat completions, logprobs are not documented, nor what a tuned endpoint calls its model; a call's "
        "arguments can come in pieces (stream_function_call_arguments).",
        "logprobs and top_logprobs act, the model is called what the request calls it, and a call comes whole.",
        "Clients read them; a small model's call is written at once.",
    ),
    Divergence(
        "cached_contents",
        "training",
        "A model reads all of the content that is cached for it, in less time and for less money.",
        "All of it is kept and counted, within the real limits; the small model reads the end of it, as much as it "
        "can at once, and log and journal say how much that was.",
        "The least that the services cache is more than the embedded model reads.",
    ),
    Divergence(
        "token_ids",
        "vertex",
        "computeTokens shows the tokens and ids of Gemini's tokenizer.",
        "It shows those of what plays the model; the scripted trainer has none and answers 503.",
        "Gemini's vocabulary is not public.",
    ),
    Divergence(
        "open_models",
        "vertex",
        "The merged weights of an open model, its adapter, logs and TensorBoard files are written to outputUri; no "
        "endpoint is made, the user deploys.",
        "What the small model learned is written to postprocess/node-0/checkpoints/final/ there (a PEFT adapter, or "
        "all weights in full tuning; by the scripted trainer its answers.jsonl) and its event files to "
        "postprocess/node-0/metrics/; the model is registered and deployed like a Gemini model.",
        "Programs find the folder that they read; the weights are the small model's, which is played at once.",
    ),
    Divergence(
        "global_jobs",
        "vertex",
        "A job of an open model in global is shown in the region that it runs in, too.",
        "It is shown in global alone; its model, endpoint and experiment are in us-central1.",
        "Two names for one job would have to change together.",
    ),
    Divergence(
        "experiments",
        "vertex",
        "A job's experiment has a TensorBoard and a lineage of artifacts and executions, and clients log to "
        "experiments of their own.",
        "The experiment, its one run, its series in one TensorBoard for each place and the artifact that leads there "
        "can be read and deleted; there are no executions, and nothing else is logged. Of more than 1,000 points of a "
        "series the service draws that many at random; here they are spread evenly.",
        "That is what the notebooks on tuning read. Tests must repeat.",
    ),
    Divergence(
        "evaluations",
        "vertex",
        "An evaluation of checkpoints runs while the job does, with models that judge, code, and metrics that are "
        "computed, under names of an operation and an evaluation run.",
        "It runs after the training, one checkpoint after the other, without such names. Exact match, BLEU and ROUGE "
        "are computed, as sacrebleu and rouge-score do (but splitSummaries ends sentences at marks alone); the others "
        "fail, each in the run's error. Without a validation set the training set is evaluated.",
        "No model here can judge, and no code of a request is run. The datasets and folders of the service are not "
        "documented.",
    ),
    Divergence(
        "traffic",
        "vertex",
        "An endpoint sends each request to one of its models at random, by the traffic split.",
        "It sends them in turn, so that any hundred requests are split exactly.",
        "Tests must repeat.",
    ),
    Divergence(
        "exports",
        "vertex",
        "Open models are exported with merged weights.",
        "What the small model learned is exported: a PEFT adapter, or all weights in full tuning.",
        "The weights are the small model's; tuning-emulator export-adapter merges them.",
    ),
    Divergence(
        "rebase",
        "vertex",
        "rebaseTunedModel can put the new model on the old one's endpoint.",
        "deployToSameEndpoint is refused with 501; without it, the new job has endpoints of its own.",
        "How the service moves the traffic is not documented.",
    ),
    Divergence(
        "dated_texts",
        "front end",
        "Words and rules have changed: in 2023 errors named methods with capitals, until September 2024 tuning took no "
        "API keys, until 2025 a disabled service was reported with fewer details.",
        "Answers are those of the last day on which each feature worked; with as_of, those of a given day, as far as "
        "changes are known.",
        "Code for tunedModels should find them working, and be testable against the day on which they no longer do.",
    ),
    Divergence(
        "http3",
        "front end",
        "Answers announce HTTP/3 (Alt-Svc).",
        "They do not.",
        "A local server speaks HTTP/1.1, and HTTP/2 for gRPC; clients would look for what is not there.",
    ),
    Divergence(
        "pages",
        "front end",
        "Any page may load an object of Cloud Storage, or an answer that is a script (callback).",
        "They carry Cross-Origin-Resource-Policy: same-site, so that pages of other sites may not.",
        "Every key is good here; a page that a developer happens to open must read nothing.",
    ),
    Divergence(
        "grpc_long_errors",
        "front end",
        "What becomes of an error over gRPC that is longer than clients take in trailers (8 KiB) is not recorded.",
        "Its details are left out, and if that is not enough, the end of its text.",
        "Clients would report another error in its place.",
    ),
    Divergence(
        "grpc_names",
        "front end",
        "Over gRPC a resource name may have any form; only the refusal of one such name is recorded.",
        "The Gemini API refuses others in the same style, Vertex AI in the words of its other refusals of names.",
        "Over REST such names lead to no method, so no answer of REST could be taken over.",
    ),
    Divergence(
        "iam",
        "front end",
        "Projects, service accounts and IAM decide who may do what.",
        "Any key or token is accepted unless a credentials file says otherwise; a missing one is refused as the "
        "services do.",
        "There are no projects to ask.",
    ),
    Divergence(
        "iam_policies",
        "vertex",
        "Models and endpoints have IAM policies: setIamPolicy keeps one, testIamPermissions says what it grants.",
        "getIamPolicy answers the empty policy, testIamPermissions grants all that is asked about, setIamPolicy is "
        "refused with 501.",
        "Nothing here is decided by a policy, and one that was kept would seem to.",
    ),
    Divergence(
        "path_and_body",
        "front end",
        "What happens when path and body disagree about a field is not recorded.",
        "The path wins.",
        "The path is what was authorised.",
    ),
    Divergence(
        "storage_access",
        "cloud storage",
        "Access lists, IAM policies and credentials decide who may read and write.",
        "Everybody may do everything; lists and policies are kept and printed, testIamPermissions grants all that is "
        "asked about, the signature of a signed URL is taken as given and only its expiry is checked.",
        "There are no accounts to ask. A hint in log and journal says so where a list or policy is set.",
    ),
    Divergence(
        "storage_inert",
        "cloud storage",
        "Lifecycle rules, CORS, websites, logging, encryption keys, autoclass, contexts and the like act.",
        "They are kept and printed, and have no effect; a hint in log and journal says so where one is set.",
        "None of them changes what a client of tuning reads back.",
    ),
    Divergence(
        "sample_data",
        "cloud storage",
        "gs://cloud-samples-data is a public bucket with gigabytes of files.",
        "Its tuning data sets for text and images are there under their names, with rows and pictures of the "
        "emulator's own; all else in it is 404. A bucket of one's own of that name takes its place.",
        "Samples run unprepared, and nobody else's data is shipped. The first use is a line in the log.",
    ),
    Divergence(
        "storage_missing",
        "cloud storage",
        "Notifications, HMAC keys, folders, managed folders, caches, bulk restore, restored buckets, the XML API's "
        "subresources and uploads that are appended to exist.",
        "They are refused with 501 by name, over gRPC with UNIMPLEMENTED.",
        "They have nothing to do with data sets.",
    ),
    Divergence(
        "storage_soft_delete",
        "cloud storage",
        "A deleted object can be restored for seven days.",
        "The same, but of all deleted objects no more than 256 MiB and 10,000 are kept; the oldest go first.",
        "A test suite would fill a disk.",
    ),
    Divergence(
        "storage_packed",
        "cloud storage",
        "An upload that is sent as gzip (gsutil cp -J) is unpacked, whatever it unpacks to.",
        "The same, up to 100 times what was sent, or 64 MiB; more is refused with 400.",
        "A bomb would fill a disk.",
    ),
)
"""All known differences. Texts that are guesses are marked where they stand: rows of grade ``assumed``."""
