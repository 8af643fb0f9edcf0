"""A good request for every method of Vertex AI, to be spoilt."""

from __future__ import annotations

from tests.cached import CONTENTS
from tests.vertex.serving import FLASH, PLACE, TRAINING
from tuning_emulator.schema.schema import Value

BASE = f"{PLACE}/publishers/google/models/{FLASH}"
SAID = {"contents": [{"role": "user", "parts": [{"text": "1"}]}]}
SPEC = {"training_dataset_uri": TRAINING}
TOKENLESS = "LlmUtilityService.ComputeTokens"
"""The scripted trainer has no tokens: this one answers 503."""
LOCATION = "google.cloud.location.Locations.GetLocation"
"""An unknown location is one that the caller may not see: 403."""
UNKEPT = ("MetadataService.GetExecution", "MetadataService.GetArtifact")
"""Tuning logs neither: 404."""
NOT_FOR_GEMINI = tuple(f"PredictionService.{name}" for name in ("Predict", "RawPredict", "StreamRawPredict"))
"""Ways of other models: always refused."""

GOOD: dict[str, Value] = {
    "GenAiTuningService.CreateTuningJob": {
        "parent": PLACE,
        "tuning_job": {"base_model": FLASH, "supervised_tuning_spec": SPEC},
    },
    "GenAiTuningService.GetTuningJob": {"name": "$job"},
    "GenAiTuningService.ListTuningJobs": {"parent": PLACE},
    "GenAiTuningService.CancelTuningJob": {"name": "$pending"},
    "GenAiTuningService.RebaseTunedModel": {"parent": PLACE, "tuned_model_ref": {"tuning_job": "$job"}},
    "ModelService.GetModel": {"name": "$model"},
    "ModelService.ListModels": {"parent": PLACE},
    "ModelService.UpdateModel": {"model": {"name": "$model", "description": "d"}},
    "ModelService.DeleteModel": {"name": "$lone"},
    "ModelService.DeleteModelVersion": {"name": "$model@3"},
    "ModelService.ListModelVersions": {"name": "$model"},
    "ModelService.ListModelVersionCheckpoints": {"name": "$model"},
    "ModelService.MergeVersionAliases": {"name": "$model@2", "version_aliases": ["best"]},
    "EndpointService.CreateEndpoint": {"parent": PLACE, "endpoint": {"display_name": "e"}},
    "EndpointService.GetEndpoint": {"name": "$endpoint"},
    "EndpointService.ListEndpoints": {"parent": PLACE},
    "EndpointService.UpdateEndpoint": {"endpoint": {"name": "$endpoint", "description": "d"}},
    "EndpointService.DeleteEndpoint": {"name": "$empty"},
    "EndpointService.DeployModel": {"endpoint": "$empty", "deployed_model": {"model": "$model"}},
    "EndpointService.UndeployModel": {"endpoint": "$endpoint", "deployed_model_id": "$deployed"},
    "PredictionService.GenerateContent": {"model": "$endpoint", **SAID},
    "PredictionService.StreamGenerateContent": {"model": "$endpoint", **SAID},
    **{name: {"endpoint": "$endpoint"} for name in NOT_FOR_GEMINI},
    "PredictionService.CountTokens": {"endpoint": BASE, **SAID},
    "LlmUtilityService.CountTokens": {"endpoint": BASE, **SAID},
    TOKENLESS: {"endpoint": BASE, **SAID},
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
    "MetadataService.GetArtifact": {"name": f"{PLACE}/metadataStores/default/artifacts/a"},
    "MetadataService.QueryContextLineageSubgraph": {"context": "$context"},
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
    "GenAiTuningService.ValidateReinforcementTuningReward",
    "google.iam.v1.IAMPolicy.SetIamPolicy",
)
"""Methods that are declared and answer 501: nothing here could do what they ask."""
