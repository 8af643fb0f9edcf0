"""Every error text of Vertex AI is said by a request that breaks its rule alone, and changes nothing.

Those that jobs end with: see ``test_endings``.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from string import Template
from typing import Any

import pytest
import pytest_asyncio

from tests.cached import CONTENTS, LONG
from tests.serving import NOWHERE
from tests.store_dump import dump_tables
from tests.vertex.batch_samples import BATCHES
from tests.vertex.sample import Sample
from tests.vertex.serving import BUCKET, FLASH, PLACE, PREFERENCES, TRAINING, Serving, make_job
from tests.vertex.tuned import add_own, populate
from tuning_emulator.api.call import Call, Caller
from tuning_emulator.core.errors import ApiError, Code, ErrorRow
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.storage import objects
from tuning_emulator.vertex.rules import RULES
from tuning_emulator.vertex.specs import read_request

ROWS: dict[str, ErrorRow] = {row.name: row for row in (*vertex_errors.ROWS, *emulator_errors.ROWS)}
SPEC = "tuning_job.supervised_tuning_spec"
BASE = f"{PLACE}/publishers/google/models/{FLASH}"
TEMPLATE = f"{PLACE}/templates/mine"
GEMMA = "google/gemma4@gemma-4-e2b-it"
CHAT = {"messages": [{"role": "user", "content": "1"}]}
KEY = "projects/my-project/locations/us-central1/keyRings/r/cryptoKeys/k"
REGIONAL_HOST = "us-central1-aiplatform.googleapis.com"


def create(
    values: dict[str, Any] | None = None, path: str = "", version: str = "v1", place: str = "us-central1", **fields: Any
) -> Sample:
    """A tuning job that differs from a good one in these fields; ``path`` is the field that is reported."""
    parent = f"projects/my-project/locations/{place}"
    return Sample("POST", f"{parent}/tuningJobs", make_job(**fields), "", values or {}, path, version)


def hyper(name: str, key: str, value: float, said: str, version: str = "v1") -> Sample:
    """A tuning job with this hyperparameter."""
    path = f"{SPEC}.hyper_parameters.{name}"
    return create({"name": name, "value": said}, path, version, spec={"hyperParameters": {key: value}})


def hold(*parts: Any, **part: Any) -> dict[str, Any]:
    """A turn of the user's that holds a file, or several."""
    return {"role": "user", "parts": [*parts, *([part] if part else [])]}


def say(model: str = BASE, values: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """A request for content."""
    body = {"contents": [{"role": "user", "parts": [{"text": "1"}]}], **fields}
    return Sample("POST", f"{model}:generateContent", body, values=values or {})


def cache(values: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """A create of cached content that differs from a good one in these fields."""
    body = {"model": BASE, "contents": CONTENTS, **fields}
    return Sample("POST", f"{PLACE}/cachedContents", body, values=values or {})


def rebase(reference: dict[str, str], values: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """A rebase of what the reference names."""
    return Sample(
        "POST", f"{PLACE}/tuningJobs:rebaseTunedModel", {"tunedModelRef": reference, **fields}, "", values or {}
    )


def config(key: str, value: float, low: str, high: str) -> Sample:
    """A request for content with this generation config."""
    values = {"name": key, "value": f"{value:.10g}", "low": low, "high": high}
    return say(BASE, values, generationConfig={key: value})


def think(model: str, values: dict[str, Any] | None = None, **config: Any) -> Sample:
    """A request for content with this thinking config."""
    return say(f"{PLACE}/publishers/google/models/{model}", values, generationConfig={"thinkingConfig": config})


def create_open(model: str, values: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """A tuning job of an open model."""
    return create(values, version="v1beta1", **{"baseModel": model, "outputUri": f"gs://{BUCKET}/out", **fields})


def read(path: str, query: str = "", **values: Any) -> Sample:
    """A GET."""
    return Sample("GET", path, query=query, values=values)


def write_to(prefix: str) -> dict[str, Any]:
    """The output config of an evaluation."""
    return {"gcsDestination": {"outputUriPrefix": prefix}}


EVALUATION: dict[str, Any] = {"metrics": [{"bleuSpec": {}}], "outputConfig": write_to(f"gs://{BUCKET}/evaluated")}


def evaluate(values: dict[str, str] | None = None, path: str = "", **fields: Any) -> Sample:
    """A tuning job with an evaluation of these fields."""
    return create(values, f"{SPEC}.evaluation_config.{path}", spec={"evaluationConfig": {**EVALUATION, **fields}})


def match(**expression: str) -> dict[str, Any]:
    """A reward of string matching."""
    return {"rewardName": "answer", "stringMatchRewardScorer": {"stringMatchExpression": expression}}


RIGHT = match(matchOperation="EXACT_MATCH", expression="1")


def reward(path: str, **fields: Any) -> Sample:
    """A trial of a reward with these fields; one that is None is left out."""
    asked = {"sampleResponse": {"parts": [{"text": "1"}]}, "example": {"contents": [USER]}, "singleRewardConfig": RIGHT}
    body = {name: value for name, value in {**asked, **fields}.items() if value is not None}
    return Sample("POST", f"{PLACE}/tuningJobs:validateReinforcementTuningReward", body, field=path, version="v1beta1")


TEXT = {"type": "STRING"}
USER = {"role": "user", "parts": [{"text": "1"}]}
CALLED = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]}


def answer_as(schema: dict[str, Any]) -> Sample:
    """A request for JSON of this schema."""
    return say(generationConfig={"responseMimeType": "application/json", "responseSchema": schema})


def declare(values: dict[str, Any], **parameters: Any) -> Sample:
    """A request for content with a function of these parameters."""
    tools = [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", **parameters}}]}]
    return say(BASE, values, tools=tools)


SAMPLES: dict[str, Sample] = {
    **BATCHES,
    "not_jsonl_object": create(
        {"field": "training_dataset_uri"}, f"{SPEC}.training_dataset_uri", spec={"trainingDatasetUri": "train.jsonl"}
    ),
    "not_jsonl_object/validation": create(
        {"field": "validation_dataset_uri"}, f"{SPEC}.validation_dataset_uri", spec={"validationDatasetUri": "v.jsonl"}
    ),
    "not_jsonl_object/missing": create(
        {"field": "validation_dataset_uri"},
        f"{SPEC}.validation_dataset_uri",
        spec={"validationDatasetUri": f"gs://{BUCKET}/none.jsonl"},
    ),
    "required_field": create(path="tuning_job.base_model", baseModel=None),
    "required_field/source": create(
        path="tuning_job.pre_tuned_model.tuned_model_name", baseModel=None, preTunedModel={"checkpointId": "1"}
    ),
    "required_field/spec": create(path="tuning_job.tuning_spec", supervisedTuningSpec=None),
    "required_field/training": create(path=f"{SPEC}.training_dataset_uri", supervisedTuningSpec={}),
    "required_field/endpoint": Sample("POST", f"{PLACE}/endpoints", {}, field="endpoint.display_name"),
    "hyperparameter_not_positive": hyper("epoch_count", "epochCount", -1, "-1"),
    "hyperparameter_not_positive/multiplier": hyper("learning_rate_multiplier", "learningRateMultiplier", -0.5, "-0.5"),
    "rate_twice": create(
        path=f"{SPEC}.hyper_parameters.learning_rate",
        version="v1beta1",
        spec={"hyperParameters": {"learningRate": 1e-4, "learningRateMultiplier": 2}},
    ),
    "hyperparameter_not_positive/batch": hyper("batch_size", "batchSize", -4, "-4", "v1beta1"),
    "hyperparameter_not_positive/rate": hyper("learning_rate", "learningRate", -0.5, "-0.5", "v1beta1"),
    "hyperparameter_not_positive/beta": create(
        {"name": "beta", "value": "-0.5"},
        "tuning_job.preference_optimization_spec.hyper_parameters.beta",
        supervisedTuningSpec=None,
        preferenceOptimizationSpec={"trainingDatasetUri": PREFERENCES, "hyperParameters": {"beta": -0.5}},
    ),
    "required_field/teacher": create(
        path="tuning_job.distillation_spec.base_teacher_model",
        version="v1beta1",
        supervisedTuningSpec=None,
        distillationSpec={"promptDatasetUri": TRAINING},
    ),
    "pre_tuned_model_not_found/teacher": create(
        {"name": f"{PLACE}/models/1"},
        version="v1beta1",
        supervisedTuningSpec=None,
        distillationSpec={"promptDatasetUri": TRAINING, "tunedTeacherModelSource": f"{PLACE}/models/1"},
    ),
    "display_name_too_long": create(path="tuning_job.tuned_model_display_name", tunedModelDisplayName="x" * 129),
    "label_invalid": create(path="tuning_job.labels", labels={"Team": "one"}),
    "label_invalid/start": create(path="tuning_job.labels", labels={"-team": "one"}),
    "label_invalid/length": create(path="tuning_job.labels", labels={"team": "x" * 64}),
    "label_invalid/bytes": create(path="tuning_job.labels", labels={"team": "語" * 43}),
    "label_invalid/many": create(path="tuning_job.labels", labels={f"label-{number}": "" for number in range(65)}),
    "adapter_size_not_supported": create(
        baseModel="gemini-1.5-pro-002", spec={"hyperParameters": {"adapterSize": "ADAPTER_SIZE_EIGHT"}}
    ),
    "adapter_size_not_supported/full": create_open(
        "qwen/qwen3@qwen3-4b", spec={"hyperParameters": {"adapterSize": "ADAPTER_SIZE_FOUR"}}
    ),
    "open_model_name_invalid": create_open("google/gemma-3-4b-it"),
    "open_model_name_invalid/long": create_open("publishers/qwen/models/Qwen3-8B"),
    "output_uri_required": create_open("publishers/google/models/gemma3@gemma-3-4b-it", outputUri=None),
    "rate_multiplier_not_supported": create_open(
        GEMMA, {"base_model": GEMMA}, spec={"hyperParameters": {"learningRateMultiplier": 2}}
    ),
    "rate_not_supported": create(
        {"base_model": FLASH}, version="v1beta1", spec={"hyperParameters": {"learningRate": 1e-4}}
    ),
    "batch_size_not_supported": create(
        {"base_model": FLASH}, version="v1beta1", spec={"hyperParameters": {"batchSize": 8}}
    ),
    "mode_not_supported": create_open(
        "qwen/qwen3@qwen3-4b",
        {"mode": "PEFT_ADAPTER", "base_model": "qwen/qwen3@qwen3-4b"},
        spec={"tuningMode": "TUNING_MODE_PEFT_ADAPTER"},
    ),
    "mode_not_supported/full": create_open(
        GEMMA, {"mode": "FULL", "base_model": GEMMA}, spec={"tuningMode": "TUNING_MODE_FULL"}
    ),
    "mode_not_supported/gemini": create(
        {"mode": "FULL", "base_model": FLASH}, version="v1beta1", spec={"tuningMode": "TUNING_MODE_FULL"}
    ),
    "cmek_not_supported": create(
        {"base_model": "gemini-3.5-flash"}, baseModel="gemini-3.5-flash", encryptionSpec={"kmsKeyName": KEY}
    ),
    "cmek_not_global": create_open(GEMMA, place="global", encryptionSpec={"kmsKeyName": KEY}),
    "global_not_onboarded": create(place="global"),
    "base_model_not_supported": create({"base_model": "gemini-9"}, baseModel="gemini-9"),
    "region_not_supported": Sample(
        "POST",
        "projects/my-project/locations/asia-east1/tuningJobs",
        make_job(baseModel="translation-llm-002"),
        values={"base_model": "translation-llm-002", "location": "asia-east1", "regions": "us-central1"},
    ),
    "location_mismatch": Sample(
        "GET",
        "projects/my-project/locations/europe-west4/tuningJobs",
        values={"location": "us-central1"},
        host=REGIONAL_HOST,
    ),
    "pre_tuned_model_not_found": create(
        {"name": f"{PLACE}/models/1"}, baseModel=None, preTunedModel={"tunedModelName": f"{PLACE}/models/1"}
    ),
    "job_not_found": read(f"{PLACE}/tuningJobs/1", kind="TuningJob"),
    "job_ended": Sample("POST", "$job:cancel", {}, values={"state": "JOB_STATE_SUCCEEDED"}),
    "endpoint_not_found": read(f"{PLACE}/endpoints/1", name="$place/endpoints/1"),
    "prediction_endpoint_not_found": say(f"{PLACE}/endpoints/1", {"name": f"{PLACE}/endpoints/1"}),
    "model_name_malformed": say("endpoints/1", {"name": "endpoints/1"}),
    "publisher_model_not_found": say(
        f"{PLACE}/publishers/google/models/gemini-9", {"name": f"{PLACE}/publishers/google/models/gemini-9"}
    ),
    "mask_unknown_field": Sample("PATCH", "$endpoint", {}, "updateMask=colour", {"path": "colour"}),
    "etag_mismatch": Sample("PATCH", "$endpoint", {"displayName": "x", "etag": "old"}),
    "etag_mismatch/model": Sample("PATCH", "$model", {"displayName": "x", "etag": "old"}),
    "location_unknown": read("projects/p/locations/mars", location="mars"),
    "policy_version_invalid": Sample(
        "POST", "$model:getIamPolicy", None, "options.requestedPolicyVersion=2", {"version": "2"}
    ),
    "permission_invalid": Sample(
        "POST", "$model:testIamPermissions", None, "permissions=aiplatform.*", {"permission": "aiplatform.*"}
    ),
    "operation_not_found": read("$job/operations/1", name="$job/operations/1"),
    "rebase_source_not_found": rebase({"tunedModel": f"{PLACE}/models/1"}, {"name": f"{PLACE}/models/1"}),
    "rebase_not_trained": rebase({"tuningJob": "$pending"}, {"name": "$pending"}),
    "rebase_same_endpoint": rebase({"tuningJob": "$job"}, deployToSameEndpoint=True),
    "model_not_found": read("$model@9", name="$model@9"),
    "model_not_found/deploy": Sample(
        "POST",
        "$empty:deployModel",
        {"deployedModel": {"model": "$place/models/1"}},
        values={"name": "$place/models/1"},
    ),
    "checkpoint_not_found": Sample("PATCH", "$model", {"defaultCheckpointId": "7"}, values={"id": "7", "known": "1"}),
    "checkpoint_not_found/source": create(
        {"id": "7", "known": "1"}, baseModel=None, preTunedModel={"tunedModelName": "$model", "checkpointId": "7"}
    ),
    "checkpoint_not_found/deploy": Sample(
        "POST",
        "$empty:deployModel",
        {"deployedModel": {"model": "$model", "checkpointId": "7"}},
        values={"id": "7", "known": "1"},
    ),
    "model_deployed": Sample("DELETE", "$model", values={"endpoints": "$endpoint"}),
    "model_deployed/version": Sample("DELETE", "$model@2:deleteVersion", values={"endpoints": "$endpoint"}),
    "last_model_version": Sample("DELETE", "$lone@1:deleteVersion", values={"name": "$lone@1"}),
    "default_model_version": Sample("DELETE", "$model@1:deleteVersion", values={"name": "$model@1"}),
    "default_alias_removed": Sample("POST", "$model@1:mergeVersionAliases", {"versionAliases": ["-default"]}),
    "endpoint_exists": Sample(
        "POST", f"{PLACE}/endpoints", {"displayName": "x"}, "endpointId=mine", {"name": "$place/endpoints/mine"}
    ),
    "endpoint_not_empty": Sample("DELETE", "$endpoint"),
    "deployed_model_not_found": Sample(
        "POST", "$endpoint:undeployModel", {"deployedModelId": "1"}, values={"id": "1", "name": "$endpoint"}
    ),
    "deployed_model_has_traffic": Sample(
        "POST", "$both:undeployModel", {"deployedModelId": "8"}, values={"id": "8", "share": "60"}
    ),
    "deployed_model_exists": Sample(
        "POST",
        "$endpoint:deployModel",
        {"deployedModel": {"model": "$model", "id": "$deployed"}},
        values={"id": "$deployed", "name": "$endpoint"},
    ),
    "endpoint_id_invalid": Sample(
        "POST", f"{PLACE}/endpoints", {"displayName": "x"}, "endpointId=Mine", field="endpoint_id"
    ),
    "traffic_split_invalid": Sample(
        "PATCH",
        "$endpoint",
        {"trafficSplit": {"$deployed": 99}},
        values={"split": "$deployed: 99", "known": "$deployed"},
    ),
    "traffic_split_invalid/nobody": Sample(
        "PATCH", "$endpoint", {"trafficSplit": {"1": 100}}, values={"split": "1: 100", "known": "$deployed"}
    ),
    "endpoint_without_traffic": say("$empty", {"name": "$empty"}),
    "model_id_invalid": Sample("POST", f"{PLACE}/models:copy", {"sourceModel": "$model", "modelId": "1st"}),
    "model_exists": Sample(
        "POST",
        f"{PLACE}/models:copy",
        {"sourceModel": "$model", "modelId": "mine"},
        values={"name": "$place/models/mine"},
    ),
    "copy_across_projects": Sample(
        "POST",
        "projects/other/locations/us-central1/models:copy",
        {"sourceModel": "$model@1"},
        values={"name": "$model@1"},
    ),
    "export_not_supported": Sample(
        "POST",
        "$model:export",
        {"outputConfig": {"artifactDestination": {"outputUriPrefix": f"gs://{BUCKET}/out"}}},
        values={"name": "$model", "format": ""},
    ),
    "output_prefix_invalid": evaluate(
        {"uri": "out"}, "output_config.gcs_destination.output_uri_prefix", outputConfig=write_to("out")
    ),
    "required_field/metrics": evaluate(path="metrics", metrics=[]),
    "required_field/output": evaluate(path="output_config.gcs_destination.output_uri_prefix", outputConfig={}),
    "required_field/metric": evaluate(path="metrics[1].metric_spec", metrics=[{"bleuSpec": {}}, {}]),
    "required_field/computed": evaluate(
        path="metrics[0].computation_based_metric_spec.type", metrics=[{"computationBasedMetricSpec": {}}]
    ),
    "required_field/template": evaluate(
        path="metrics[0].pointwise_metric_spec.metric_prompt_template", metrics=[{"pointwiseMetricSpec": {}}]
    ),
    "rouge_type_invalid": evaluate(
        {"kind": "rouge0"}, "metrics[0].rouge_spec.rouge_type", metrics=[{"rougeSpec": {"rougeType": "rouge0"}}]
    ),
    "evaluation_region": create(
        {"location": "europe-west4"}, place="europe-west4", spec={"evaluationConfig": EVALUATION}
    ),
    "generation_config_range/evaluation": create(
        {"name": "topP", "value": "2", "low": "0", "high": "1.0001"},
        spec={"evaluationConfig": {**EVALUATION, "inferenceGenerationConfig": {"topP": 2}}},
    ),
    "required_field/response": reward(path="sample_response.parts", sampleResponse={}),
    "required_field/example": reward(path="example.contents", example={}),
    "required_field/reward": reward(path="reward_config", singleRewardConfig=None),
    "required_field/scorer": reward(path="single_reward_config.reward_scorer", singleRewardConfig={"rewardName": "a"}),
    "required_field/operation": reward(
        path="single_reward_config.string_match_reward_scorer.string_match_expression.match_operation",
        singleRewardConfig=match(expression="1"),
    ),
    "required_field/expression": reward(
        path="single_reward_config.string_match_reward_scorer.string_match_expression.expression",
        singleRewardConfig=match(matchOperation="EXACT_MATCH"),
    ),
    "required_field/key": reward(
        path="single_reward_config.string_match_reward_scorer.json_match_expression.key_name",
        singleRewardConfig={
            "stringMatchRewardScorer": {
                "jsonMatchExpression": {
                    "valueStringMatchExpression": {"matchOperation": "EXACT_MATCH", "expression": "1"}
                }
            }
        },
    ),
    "required_field/extract": reward(
        path="single_reward_config.parse_response_config.regex_extract_expression",
        singleRewardConfig={**RIGHT, "parseResponseConfig": {"parseType": "REGEX_EXTRACT"}},
    ),
    "reward_name_twice": reward(
        path="composite_reward_config.weighted_reward_configs[1].reward_config.reward_name",
        singleRewardConfig=None,
        compositeRewardConfig={"weightedRewardConfigs": [{"rewardConfig": RIGHT, "weight": 1}] * 2},
    ),
    "reward_weights_zero": reward(
        path="composite_reward_config.weighted_reward_configs",
        singleRewardConfig=None,
        compositeRewardConfig={"weightedRewardConfigs": [{"rewardConfig": RIGHT}]},
    ),
    "series_points_invalid": read(
        "$board_run/timeSeries/1:read", "maxDataPoints=10001", value="10001", maximum="10000"
    ),
    "context_not_found": read(
        f"{PLACE}/metadataStores/default/contexts/none", name="$place/metadataStores/default/contexts/none"
    ),
    "metadata_not_found": read(
        f"{PLACE}/metadataStores/default/executions/none",
        kind="execution",
        name="$place/metadataStores/default/executions/none",
    ),
    "metadata_store_not_found": read(f"{PLACE}/metadataStores/none/contexts", name="$place/metadataStores/none"),
    "contents_required": say(contents=[]),
    "parts_required": say(contents=[{"role": "user"}]),
    "prompt_invalid_role": say(contents=[{"role": "robot", "parts": [{"text": "1"}]}]),
    "last_turn_is_model": say(contents=[{"role": "model", "parts": [{"text": "1"}]}]),
    "generation_config_range": config("temperature", 2.5, "0", "2.0001"),
    "generation_config_range/tokens": config("maxOutputTokens", 65537, "1", "65537"),
    "generation_config_range/top_p": config("topP", 1.5, "0", "1.0001"),
    "generation_config_range/top_k": config("topK", -1, "0", "1000001"),
    "generation_config_range/candidates": config("candidateCount", 9, "1", "9"),
    "thinking_off": think("gemini-2.5-pro", thinkingBudget=0),
    "thinking_budget_range": think("gemini-2.5-pro", {"low": "128", "high": "32768"}, thinkingBudget=127),
    "thinking_budget_range/lite": think("gemini-2.5-flash-lite", {"low": "512", "high": "24576"}, thinkingBudget=1),
    "thinking_budget_range/high": think(FLASH, {"low": "1", "high": "24576"}, thinkingBudget=24577),
    "thinking_level": think(FLASH, thinkingLevel="LOW"),
    "thinking_not_supported": think("gemini-2.0-flash", thinkingBudget=0),
    "thoughts_without_thinking": think(FLASH, thinkingBudget=0, includeThoughts=True),
    "not_for_predict": Sample("POST", "$endpoint:predict", {"instances": [{"prompt": "1"}]}),
    "chat_model_malformed": Sample(
        "POST",
        f"{PLACE}/endpoints/openapi/chat/completions",
        {"model": "gemini-2.5-flash", **CHAT},
        values={"model": "gemini-2.5-flash"},
    ),
    "chat_not_an_object": Sample("POST", "$endpoint/chat/completions", []),
    "chat_field_invalid": Sample(
        "POST",
        "$endpoint/chat/completions",
        {"messages": 1},
        values={"field": "messages", "value": "1", "wanted": "a list"},
    ),
    "not_for_predict/raw": Sample("POST", "$endpoint:rawPredict", {"whatever": 1}),
    "not_for_predict/published": Sample("POST", f"{BASE}:predict", {}),
    "part_not_read": say(
        BASE,
        {"kind": "executable_code"},
        contents=[{"parts": [{"executableCode": {"language": "PYTHON", "code": ""}}]}],
    ),
    "mime_type_empty": say(BASE, {"field": "fileData"}, contents=[hold(fileData={"fileUri": "gs://b/o"})]),
    "mime_type_empty/inline": say(BASE, {"field": "inlineData"}, contents=[hold(inlineData={"data": "AA=="})]),
    "mime_type_not_supported": say(
        BASE,
        {"mime_type": "application/json"},
        contents=[hold(inlineData={"mimeType": "application/json", "data": "AA=="})],
    ),
    "file_uri_not_supported": say(
        BASE, {"uri": "files/x"}, contents=[hold(fileData={"mimeType": "image/png", "fileUri": "files/x"})]
    ),
    "file_denied": say(BASE, contents=[hold(fileData={"mimeType": "image/png", "fileUri": f"gs://{BUCKET}/none"})]),
    "media_not_supported": say(
        f"{PLACE}/publishers/google/models/gemini-1.0-pro-002",
        {"kind": "image"},
        contents=[hold(inlineData={"mimeType": "image/png", "data": "AA=="})],
    ),
    "media_count": say(
        BASE,
        {"count": 2, "kind": "audio", "limit": 1},
        contents=[hold(*2 * [{"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}])],
    ),
    "response_schema_type": answer_as({"type": "OBJECT", "properties": {"a": {"enum": ["x"]}}}),
    "response_schema_any_of": answer_as({"description": "x", "anyOf": [TEXT]}),
    "response_schema_unreadable": say(
        BASE,
        {"reason": "1 is no JSON Schema"},
        generationConfig={"responseMimeType": "application/json", "responseJsonSchema": 1},
    ),
    "response_schema_mime_type": say(BASE, {"mime_type": "text/plain"}, generationConfig={"responseSchema": TEXT}),
    "function_schema_type": declare({"name": "f", "path": "parameters.a"}, properties={"a": {"description": "x"}}),
    "function_schema_any_of": declare(
        {"name": "f", "path": "parameters.a.items"},
        properties={"a": {"type": "ARRAY", "items": {"title": "x", "anyOf": [TEXT]}}},
    ),
    "function_schema_object": declare({"name": "f"}, type="STRING"),
    "function_duplicate": say(BASE, {"name": "f"}, tools=[{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]),
    "function_responses": say(contents=[USER, CALLED, USER]),
    "function_call_place": say(contents=[CALLED, USER]),
    "search_with_schema": say(
        BASE,
        {"tool": "Code Execution"},
        generationConfig={"responseMimeType": "application/json"},
        tools=[{"codeExecution": {}}],
    ),
    "thinking_level_unknown": think("gemini-3.5-flash", {"level": "9"}, thinkingLevel=9),
    "thinking_both": think("gemini-3.5-flash", thinkingLevel="LOW", thinkingBudget=0),
    "search_retrieval_old": say(BASE, tools=[{"googleSearchRetrieval": {}}]),
    "tool_not_supported": say(
        BASE, {"tool": "computer_use"}, tools=[{"computerUse": {"environment": "ENVIRONMENT_BROWSER"}}]
    ),
    "tool_not_supported/old": say(
        f"{PLACE}/publishers/google/models/gemini-1.5-pro", {"tool": "google_search"}, tools=[{"googleSearch": {}}]
    ),
    "tools_not_together": say(BASE, tools=[{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]),
    "tools_not_together/functions": say(
        BASE, tools=[{"functionDeclarations": [{"name": "f"}]}, {"functionDeclarations": [{"name": "g"}]}]
    ),
    "model_armor_and_safety": say(
        BASE,
        modelArmorConfig={"promptTemplateName": TEMPLATE},
        safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    ),
    "model_armor_template": say(BASE, {"name": "mine"}, modelArmorConfig={"responseTemplateName": "mine"}),
    "stop_sequences": say(BASE, {"length": 6, "limit": 5}, generationConfig={"stopSequences": list("abcdef")}),
    "label_invalid/content": replace(say(BASE, labels={"Team": "one"}), field="labels"),
    "cached_content_not_found": Sample("GET", f"{PLACE}/cachedContents/99", values={"id": "99"}),
    "cached_content_not_found/expired": Sample("PATCH", "$expired", {"ttl": "3600s"}, values={"id": "12"}),
    "cached_content_not_found/deleted": Sample("DELETE", "$dropped", values={"id": "13"}),
    "cached_metadata_not_found": say(BASE, {"id": "99"}, cachedContent=f"{PLACE}/cachedContents/99"),
    "cached_content_expired": say(BASE, {"id": "12"}, cachedContent="$expired"),
    "cached_content_deleted": say(BASE, {"id": "13"}, cachedContent="$dropped"),
    "cached_content_alone": say(BASE, cachedContent="$cached", systemInstruction={"parts": [{"text": "a"}]}),
    "cached_content_of_other_model": say(
        f"{PLACE}/publishers/google/models/gemini-2.5-pro",
        {"asked": "gemini-2.5-pro", "cached": FLASH},
        cachedContent="$cached",
    ),
    "cached_content_of_other_model/tuned": say(
        "$endpoint", {"asked": "$endpoint_number", "cached": FLASH}, cachedContent="$cached"
    ),
    "cached_content_small": cache({"count": 1, "minimum": 1024}, contents=[USER]),
    "cached_content_large": cache(
        {"count": 1_100_000, "maximum": 1_048_576}, contents=[{"role": "user", "parts": [{"text": LONG * 1000}]}]
    ),
    "cached_content_tuned": cache({"name": "$model@2"}, model="$model@2"),
    "cached_content_tuned/endpoint": cache({"name": "$endpoint"}, model="$endpoint"),
    "cached_content_model": cache(
        {"name": f"{PLACE}/publishers/google/models/gemini-1.0-pro-002"},
        model=f"{PLACE}/publishers/google/models/gemini-1.0-pro-002",
    ),
    "cached_content_ends_with_model": cache(contents=[*CONTENTS, {"role": "model", "parts": [{"text": "1"}]}]),
    "cached_content_ttl": cache({"least": 60}, ttl="59s"),
    "cached_content_ttl/changed": Sample("PATCH", "$cached", {"ttl": "-1s"}, values={"least": 60}),
    "cached_content_mask": Sample("PATCH", "$cached", {"displayName": "x"}, "updateMask=displayName"),
    "logprobs_unasked": say(generationConfig={"logprobs": 3}),
    "trainer_unavailable": Sample(
        "POST",
        f"{BASE}:computeTokens",
        {"contents": [{"role": "user", "parts": [{"text": "1"}]}]},
        values={"reason": "the scripted trainer has no vocabulary; install tuning-emulator[lora]"},
    ),
}
"""By name of the row; behind a slash, what is special where a row has several samples."""

OUTCOMES = (
    *("job_cancelled", "job_too_long", "dataset_access_denied", "dataset_not_found"),
    *("batch_bucket_not_found", "batch_output_forbidden", "batch_input_unreadable", "batch_input_empty"),
)
"""Rows that a job ends with."""

ELSEWHERE = {
    "cached_content_small_2026": "said on other days; see test_cached_contents",
    "malformed_name": "HTTP paths are well formed; see test_names_of_another_form_are_refused below",
    "packages_missing": "needs an environment without transformers; see tests/test_wheel",
    "prompt_refused": "needs a trainer that refuses; see test_lora",
    "storage_method_missing": "said by Cloud Storage; see the tests of storage",
    **dict.fromkeys(
        (
            *("image_invalid", "document_invalid", "media_invalid", "media_size", "media_length"),
            *("medium_unreadable", "medium_in_part", "medium_not_looked_at", "prompt_shortened"),
        ),
        "needs what reads files; see media/test_prompts and test_examples",
    ),
    "storage_unavailable": "needs a Cloud Storage that is not there; see test_storage_that_is_not_there",
    "teacher_not_found": "needs a teacher that is deleted before its job; see jobs/test_distillation",
    **dict.fromkeys(("reflection_not_found", "reflection_asks_nothing"), "gRPC reflection; see grpc/test_reflection"),
    **dict.fromkeys(
        ("host_refused", "origin_refused", "site_refused", "write_header_missing", "credential_missing"),
        "said before any API is asked; see proxy/test_access",
    ),
    "batch_file": "of the Gemini API; see gemini/test_batches",
    "storage_upload_inflates": "Cloud Storage's own; see storage/test_downloads",
    **dict.fromkeys(("disk_full", "no_space", "no_space_for_control"), "needs a full disk; see test_app"),
    **dict.fromkeys(("violations", "violation"), "said around the text of a field, in every sample of one"),
    **dict.fromkeys(
        (
            *("vertex_out_of_capacity", "vertex_provisioned_throughput", "service_agents_provisioned"),
            *(
                "region_without_capacity",
                "vertex_exhausted",
                "vertex_quota",
                "vertex_unavailable",
                "vertex_concurrent_jobs",
            ),
            *("endpoint_creation_failed", "magic_value"),
        ),
        "said on purpose; see the tests of faults",
    ),
    **dict.fromkeys(
        (
            *("cut", "over_trainers_limit", "teacher_refused", "teacher_silent", "training_failed"),
            *("all_dropped", "dataset_unreadable", "dataset_unavailable", "method_untrained", "trainer_gone"),
            *("trainer_failed", "trainer_killed", "trainer_starved", "teacher_failed"),
            *("output_refused", "output_forbidden", "output_not_found", "output_unavailable"),
        ),
        "what a job ends with here; see the tests of jobs and datasets",
    ),
    "grpc_connection_full": "see grpc/test_connection",
    **dict.fromkeys(("metric_uncomputed", "prompts_unanswered"), "in an evaluation's error; see test_evaluation"),
    **dict.fromkeys(
        (
            *("reward_uncomputed", "regex_missing", "reward_regex_invalid", "reward_groups"),
            "reward_reference_missing",
        ),
        "the status of a reward; see test_rewards",
    ),
}
"""Rows that no request to the populated project can break: the service's, and the emulator's own."""


def fill(value: Any, names: dict[str, str]) -> Any:
    """A JSON value with ``$job`` and the like replaced."""
    return json.loads(Template(json.dumps(value)).substitute(names))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def populated(storage_url: str) -> AsyncIterator[tuple[Serving, dict[str, str]]]:
    """One project for all samples: none of them may change it."""
    serving = Serving(storage_url)
    await serving.start()
    names = await populate(serving)
    names |= await add_own(serving, names)
    yield serving, names
    await serving.stop()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", SAMPLES)
async def test_each_rule_says_its_text_and_changes_nothing(
    populated: tuple[Serving, dict[str, str]], name: str
) -> None:
    """The sample breaks this row alone: code, text and details are the row's, every table is as it was."""
    (serving, names), row, sample = populated, ROWS[name.partition("/")[0]], SAMPLES[name]
    path, body, values = fill([sample.path, sample.body, sample.values], names)
    before = dump_tables(serving.store)
    reply = await serving.ask(sample.verb, f"/{sample.version}/{path}", body, query=sample.query, host=sample.host)
    said = reply.json[0] if isinstance(reply.json, list) else reply.json
    assert said == format_refusal(row, row.format(**values), sample.field)
    assert reply.status == row.code.http_status
    assert dump_tables(serving.store) == before


def format_refusal(row: ErrorRow, text: str, path: str) -> dict[str, Any]:
    """The body of an answer: a text alone, or as the only violation (recorded form)."""
    error = {"code": row.code.http_status, "message": text, "status": row.code.name}
    if path:
        violations = [{"field": path, "description": text}]
        error["message"] = f"List of found errors:\t1.Field: {path}; Message: {text}\t"
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]
    return {"error": error}


def test_every_text_has_a_sample() -> None:
    """No row of the two tables is without one."""
    assert ROWS.keys() == {name.partition("/")[0] for name in SAMPLES} | set(OUTCOMES) | ELSEWHERE.keys()


def test_names_of_texts_are_unique() -> None:
    """A name leads to one row, whichever table it is in."""
    assert len(ROWS) == len(vertex_errors.ROWS) + len(emulator_errors.ROWS)


def test_every_check_of_create_has_a_sample() -> None:
    """Several checks share a text; each has a sample that breaks it."""
    request = read_request({"supervised_tuning_spec": {}})
    checks = {(one.row.name, one.field if isinstance(one.field, str) else one.field(request)) for one in RULES}
    shown = {
        (
            name.partition("/")[0],
            re.sub(r"preference_optimization_spec|distillation_spec", "supervised_tuning_spec", sample.field),
        )
        for name, sample in SAMPLES.items()
    }
    assert checks <= shown


async def test_storage_that_is_not_there() -> None:
    """``storage_unavailable``: create cannot look at the dataset and says why; no job is stored."""
    serving = Serving(NOWHERE)
    before = dump_tables(serving.store)
    reply = await serving.refuse()
    row = emulator_errors.STORAGE_UNAVAILABLE
    assert (reply.status, reply.json["error"]["status"]) == (503, row.code.name)
    assert reply.message.startswith(row.format(reason="").rstrip())
    assert dump_tables(serving.store) == before
    await serving.stop()


async def test_a_dataset_without_lines_is_no_jsonl(waiting: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """``not_jsonl_object``: a first line beyond what is read is the request's fault, not an outage."""
    monkeypatch.setattr(objects, "LINE_LIMIT_BYTES", 1000)
    uri = f"gs://{BUCKET}/endless.jsonl"
    waiting.objects.write(uri, b"x" * 2000)
    reply = await waiting.refuse(spec={"trainingDatasetUri": uri})
    text = vertex_errors.NOT_JSONL_OBJECT.format(field="training_dataset_uri")
    assert reply.json == format_refusal(vertex_errors.NOT_JSONL_OBJECT, text, f"{SPEC}.training_dataset_uri")


@pytest.mark.parametrize(
    "name", ["", "tuningJobs/1", f"{PLACE}/models/1", f"{PLACE}/tuningJobs", f"{PLACE}/tuningJobs/1/x"]
)
async def test_names_of_another_form_are_refused(waiting: Serving, name: str) -> None:
    """``malformed_name``: gRPC delivers any name; HTTP's paths are matched before."""
    schema = waiting.api.schemas["v1"]
    method = schema.methods[schema.full_name("GenAiTuningService.GetTuningJob")]
    call = Call(waiting.api, schema, "v1", method, {"name": name}, Caller("a@b.c", "", "token"))
    with pytest.raises(ApiError) as caught:
        waiting.api.handlers["GenAiTuningService.GetTuningJob"](call)
    form = "projects/{project}/locations/{location}/tuningJobs/{id}"
    assert caught.value.message == vertex_errors.MALFORMED_NAME.format(name=name, form=form)
    assert caught.value.code is Code.INVALID_ARGUMENT
