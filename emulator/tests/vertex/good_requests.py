"""A good request for every method of Vertex AI, to be spoilt."""

from __future__ import annotations

from tests.cached import CONTENTS
from tests.vertex.serving import FLASH, PLACE, PREDICTIONS, REQUESTS, TRAINING
from tuning_emulator.schema.schema import Value

BASE = f"{PLACE}/publishers/google/models/{FLASH}"
SAID = {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}
CHAT = "PredictionService.ChatCompletions"
"""Its body is no message: this one has none and is refused; see ``test_chat``."""
SPEC = {"training_dataset_uri": TRAINING}
BATCH = {
    "display_name": "b",
    "model": f"publishers/google/models/{FLASH}",
    "input_config": {"instances_format": "jsonl", "gcs_source": {"uris": [REQUESTS]}},
    "output_config": {"predictions_format": "jsonl", "gcs_destination": {"output_uri_prefix": PREDICTIONS}},
}
TOKENLESS = "LlmUtilityService.ComputeTokens"
"""The scripted trainer has no tokens: this one answers 503."""
LOCATION = "google.cloud.location.Locations.GetLocation"
"""An unknown location is one that the caller may not see: 403."""
UNKEPT = ("MetadataService.GetExecution", "ModelService.ExportModel")
"""Tuning logs no executions: 404. Gemini's weights are not handed out: 400."""
NOT_FOR_GEMINI = tuple(f"PredictionService.{name}" for name in ("Predict", "RawPredict", "StreamRawPredict"))
"""Ways of other models: always refused."""
REWARD: Value = {
    "sample_response": {"parts": [{"text": "The answer is 42."}]},
    "example": {"contents": SAID["contents"], "references": {"answer": "42"}},
    "single_reward_config": {
        "reward_name": "answer",
        "string_match_reward_scorer": {
            "correct_answer_reward": 1.0,
            "wrong_answer_reward": -1.0,
            "string_match_expression": {
                "match_operation": "PARTIAL_MATCH",
                "expression": "{{references.answer}}",
            },
        },
    },
}
"""A reward that takes no code, and an answer."""

GOOD: dict[str, Value] = {
    "GenAiTuningService.CreateTuningJob": {
        "parent": PLACE,
        "tuning_job": {"base_model": FLASH, "supervised_tuning_spec": SPEC},
    },
    "GenAiTuningService.GetTuningJob": {"name": "$job"},
    "GenAiTuningService.ListTuningJobs": {"parent": PLACE},
    "GenAiTuningService.CancelTuningJob": {"name": "$pending"},
    "GenAiTuningService.ValidateReinforcementTuningReward": {"parent": PLACE, **REWARD},
    "GenAiTuningService.RebaseTunedModel": {"parent": PLACE, "tuned_model_ref": {"tuning_job": "$job"}},
    "JobService.CreateBatchPredictionJob": {"parent": PLACE, "batch_prediction_job": BATCH},
    "JobService.GetBatchPredictionJob": {"name": "$batch"},
    "JobService.ListBatchPredictionJobs": {"parent": PLACE},
    "JobService.CancelBatchPredictionJob": {"name": "$waiting"},
    "JobService.DeleteBatchPredictionJob": {"name": "$batch"},
    "ModelService.GetModel": {"name": "$model"},
    "ModelService.ListModels": {"parent": PLACE},
    "ModelService.UpdateModel": {"model": {"name": "$model", "description": "d"}},
    "ModelService.DeleteModel": {"name": "$lone"},
    "ModelService.DeleteModelVersion": {"name": "$model@3"},
    "ModelService.ListModelVersions": {"name": "$model"},
    "ModelService.ListModelVersionCheckpoints": {"name": "$model"},
    "ModelService.MergeVersionAliases": {"name": "$model@2", "version_aliases": ["best"]},
    "ModelService.CopyModel": {"parent": PLACE, "source_model": "$model@2"},
    "ModelService.ExportModel": {
        "name": "$model",
        "output_config": {"artifact_destination": {"output_uri_prefix": "gs://numbers/exported"}},
    },
    "EndpointService.CreateEndpoint": {"parent": PLACE, "endpoint": {"display_name": "e"}},
    "EndpointService.GetEndpoint": {"name": "$endpoint"},
    "EndpointService.ListEndpoints": {"parent": PLACE},
    "EndpointService.UpdateEndpoint": {"endpoint": {"name": "$endpoint", "description": "d"}},
    "EndpointService.UpdateEndpointLongRunning": {"endpoint": {"name": "$endpoint", "description": "d"}},
    "EndpointService.DeleteEndpoint": {"name": "$empty"},
    "EndpointService.DeployModel": {"endpoint": "$empty", "deployed_model": {"model": "$model"}},
    "EndpointService.UndeployModel": {"endpoint": "$endpoint", "deployed_model_id": "$deployed"},
    "PredictionService.GenerateContent": {"model": "$endpoint", **SAID},
    "PredictionService.StreamGenerateContent": {"model": "$endpoint", **SAID},
    CHAT: {"endpoint": "$endpoint"},
    **{name: {"endpoint": "$endpoint"} for name in NOT_FOR_GEMINI},
    "PredictionService.CountTokens": {"endpoint": BASE, **SAID},
    "LlmUtilityService.CountTokens": {"endpoint": BASE, **SAID},
    TOKENLESS: {"endpoint": BASE, **SAID},
    "MetadataService.GetMetadataStore": {"name": f"{PLACE}/metadataStores/default"},
    "MetadataService.ListMetadataStores": {"parent": PLACE},
    "GenAiCacheService.CreateCachedContent": {
        "parent": PLACE,
        "cached_content": {"model": BASE, "contents": CONTENTS, "ttl": 3_600_000_000_000},
    },
    "GenAiCacheService.GetCachedContent": {"name": "$cached"},
    "GenAiCacheService.ListCachedContents": {"parent": PLACE},
    "GenAiCacheService.UpdateCachedContent": {"cached_content": {"name": "$cached", "ttl": 3_600_000_000_000}},
    "GenAiCacheService.DeleteCachedContent": {"name": "$cached"},
    "MetadataService.GetContext": {"name": "$context"},
    "MetadataService.ListContexts": {"parent": f"{PLACE}/metadataStores/default"},
    "MetadataService.DeleteContext": {"name": "$context"},
    "MetadataService.ListExecutions": {"parent": f"{PLACE}/metadataStores/default"},
    "MetadataService.ListArtifacts": {"parent": f"{PLACE}/metadataStores/default"},
    "MetadataService.GetExecution": {"name": f"{PLACE}/metadataStores/default/executions/e"},
    "MetadataService.GetArtifact": {"name": "$artifact"},
    "MetadataService.DeleteArtifact": {"name": "$artifact"},
    "MetadataService.QueryContextLineageSubgraph": {"context": "$context"},
    "TensorboardService.GetTensorboard": {"name": "$board"},
    "TensorboardService.ListTensorboards": {"parent": PLACE},
    "TensorboardService.DeleteTensorboard": {"name": "$board"},
    "TensorboardService.GetTensorboardExperiment": {"name": "$board_experiment"},
    "TensorboardService.ListTensorboardExperiments": {"parent": "$board"},
    "TensorboardService.DeleteTensorboardExperiment": {"name": "$board_experiment"},
    "TensorboardService.GetTensorboardRun": {"name": "$board_run"},
    "TensorboardService.ListTensorboardRuns": {"parent": "$board_experiment"},
    "TensorboardService.DeleteTensorboardRun": {"name": "$board_run"},
    "TensorboardService.GetTensorboardTimeSeries": {"name": "$board_run/timeSeries/1"},
    "TensorboardService.ListTensorboardTimeSeries": {"parent": "$board_run"},
    "TensorboardService.ReadTensorboardTimeSeriesData": {"tensorboard_time_series": "$board_run/timeSeries/1"},
    "TensorboardService.BatchReadTensorboardTimeSeriesData": {
        "tensorboard": "$board",
        "time_series": ["$board_run/timeSeries/1"],
    },
    "TensorboardService.ExportTensorboardTimeSeriesData": {"tensorboard_time_series": "$board_run/timeSeries/1"},
    "ModelGardenService.ListPublisherModels": {"parent": "publishers/google"},
    "ModelGardenService.GetPublisherModel": {"name": f"publishers/google/models/{FLASH}"},
    LOCATION: {"name": PLACE},
    "google.cloud.location.Locations.ListLocations": {"name": PLACE.partition("/locations/")[0]},
    "google.iam.v1.IAMPolicy.GetIamPolicy": {"resource": "$model"},
    "google.iam.v1.IAMPolicy.TestIamPermissions": {"resource": "$model", "permissions": ["aiplatform.models.get"]},
    "google.longrunning.Operations.GetOperation": {"name": "$operation"},
    "google.longrunning.Operations.ListOperations": {"name": "$endpoint"},
    "google.longrunning.Operations.CancelOperation": {"name": "$rebase"},
    "google.longrunning.Operations.DeleteOperation": {"name": "$operation"},
    "google.longrunning.Operations.WaitOperation": {"name": "$rebase", "timeout": 1},
}
"""Requests that are all right, to be spoilt. ``$job`` and the like are names of what is populated."""

UNHANDLED = (
    "GenAiTuningService.OptimizePrompt",
    "GenAiTuningService.ProcessData",
    "google.iam.v1.IAMPolicy.SetIamPolicy",
)
"""Methods that are declared and answer 501: nothing here could do what they ask."""
