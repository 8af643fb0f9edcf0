"""A good request for every method of the Gemini API, to be spoilt."""

from __future__ import annotations

from tests.cached import CONTENTS
from tests.gemini.serving import FLASH
from tuning_emulator.schema.schema import Value

SAID = {"contents": [{"parts": [{"text": "1"}]}]}
PAIR = {"text_input": "a", "output": "b"}
GOOD: dict[str, Value] = {
    "ModelService.CreateTunedModel": {
        "tuned_model": {
            "display_name": "a",
            "base_model": FLASH,
            "tuning_task": {"training_data": {"examples": {"examples": [PAIR]}}},
        }
    },
    "ModelService.UpdateTunedModel": {"tuned_model": {"name": "tunedModels/mine", "description": "d"}},
    "GenerativeService.GenerateContent": {"model": "tunedModels/mine", **SAID},
    "GenerativeService.StreamGenerateContent": {"model": FLASH, **SAID},
    "GenerativeService.CountTokens": {"model": "tunedModels/mine", **SAID},
    "TextService.GenerateText": {"model": "tunedModels/palm", "prompt": {"text": "1"}},
    "CacheService.CreateCachedContent": {
        "cached_content": {"model": "models/gemini-2.5-flash", "contents": CONTENTS, "ttl": 3_600_000_000_000}
    },
    "CacheService.GetCachedContent": {"name": "cachedContents/kept"},
    "CacheService.ListCachedContents": {"page_size": 5},
    "CacheService.UpdateCachedContent": {
        "cached_content": {"name": "cachedContents/kept", "ttl": 3_600_000_000_000},
        "update_mask": ["ttl"],
    },
    "CacheService.DeleteCachedContent": {"name": "cachedContents/kept"},
    "PermissionService.CreatePermission": {"parent": "tunedModels/mine"},
    "PermissionService.GetPermission": {"name": "tunedModels/mine/permissions/everyone"},
    "PermissionService.UpdatePermission": {
        "permission": {"name": "tunedModels/mine/permissions/everyone", "role": "WRITER"},
        "update_mask": ["role"],
    },
    "PermissionService.DeletePermission": {"name": "tunedModels/mine/permissions/everyone"},
    "PermissionService.ListPermissions": {"parent": "tunedModels/mine"},
    "PermissionService.TransferOwnership": {"name": "tunedModels/mine"},
    "BatchService.BatchGenerateContent": {
        "batch": {
            "model": "models/gemini-2.5-flash",
            "display_name": "b",
            "input_config": {"requests": {"requests": [{"request": SAID}]}},
        }
    },
    "google.longrunning.Operations.GetOperation": {"name": "tunedModels/mine/operations/op"},
    "google.longrunning.Operations.CancelOperation": {"name": "tunedModels/mine/operations/op"},
    "google.longrunning.Operations.ListOperations": {"name": "operations"},
    "ModelService.GetTunedModel": {"name": "tunedModels/mine"},
    "ModelService.DeleteTunedModel": {"name": "tunedModels/mine"},
    "ModelService.GetModel": {"name": FLASH},
}
"""``mine`` is a tuned model with an operation ``op`` and a permission ``everyone``; ``palm`` one that writes text;
``kept`` is cached content."""
