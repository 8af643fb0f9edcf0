"""The Gemini API as the front end serves it: every method and who answers it."""

from __future__ import annotations

from tuning_emulator.api.call import Api, Handler
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.limits import GEMINI_MAX_REQUEST_BYTES
from tuning_emulator.gemini.base_models import BaseModels
from tuning_emulator.gemini.batches import Batches
from tuning_emulator.gemini.cached_contents import CachedContents
from tuning_emulator.gemini.convert import PACKAGE
from tuning_emulator.gemini.generation import Generation
from tuning_emulator.gemini.hints import Hints
from tuning_emulator.gemini.operations import Operations
from tuning_emulator.gemini.permissions import Permissions
from tuning_emulator.gemini.rules import refuse_name
from tuning_emulator.gemini.tuned_models import TunedModels
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.caching import Caches
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.schema.proto import load_schemas

SCHEMAS = load_schemas(PACKAGE)
"""By version: ``v1beta`` (the one that documents tuning), ``v1``, ``v1alpha``."""


def create_gemini_api(backend: Backend) -> Api:
    """The API over these parts."""
    return Api(
        name="gemini",
        service="generativelanguage.googleapis.com",
        title="Generative Language API",
        host_suffix="generativelanguage.googleapis.com",
        schemas=SCHEMAS,
        revision=backend.store.revision,
        handlers=list_handlers(backend),
        server_timing=True,
        misnamed=refuse_name,
        hints=Hints(backend),
        internal_error=gemini_errors.GEMINI_INTERNAL,
        method_limits_bytes={"ModelService.CreateTunedModel": GEMINI_MAX_REQUEST_BYTES.value},
    )


def list_handlers(backend: Backend) -> dict[str, Handler]:
    """Who answers each method."""
    base_models, tuned_models = BaseModels(backend), TunedModels(backend)
    permissions, caches = Permissions(backend), Caches(backend, PACKAGE)
    generation, cached_contents = Generation(backend, caches), CachedContents(backend, caches)
    batches = Batches(backend, generation, Codec(SCHEMAS.values()))
    operations = Operations(backend, batches)
    return {
        "ModelService.GetModel": base_models.get_model,
        "ModelService.ListModels": base_models.list_models,
        "ModelService.CreateTunedModel": tuned_models.create_tuned_model,
        "ModelService.GetTunedModel": tuned_models.get_tuned_model,
        "ModelService.ListTunedModels": tuned_models.list_tuned_models,
        "ModelService.UpdateTunedModel": tuned_models.update_tuned_model,
        "ModelService.DeleteTunedModel": tuned_models.delete_tuned_model,
        "PermissionService.CreatePermission": permissions.create_permission,
        "PermissionService.GetPermission": permissions.get_permission,
        "PermissionService.ListPermissions": permissions.list_permissions,
        "PermissionService.UpdatePermission": permissions.update_permission,
        "PermissionService.DeletePermission": permissions.delete_permission,
        "PermissionService.TransferOwnership": permissions.transfer_ownership,
        "GenerativeService.GenerateContent": generation.generate_content,
        "GenerativeService.StreamGenerateContent": generation.stream_generate_content,
        "GenerativeService.CountTokens": generation.count_tokens,
        "CacheService.CreateCachedContent": cached_contents.create_cached_content,
        "CacheService.GetCachedContent": cached_contents.get_cached_content,
        "CacheService.ListCachedContents": cached_contents.list_cached_contents,
        "CacheService.UpdateCachedContent": cached_contents.update_cached_content,
        "CacheService.DeleteCachedContent": cached_contents.delete_cached_content,
        "TextService.GenerateText": generation.generate_text,
        "BatchService.BatchGenerateContent": batches.batch_generate_content,
        "google.longrunning.Operations.GetOperation": operations.get_operation,
        "google.longrunning.Operations.ListOperations": operations.list_operations,
        "google.longrunning.Operations.CancelOperation": operations.cancel_operation,
        "google.longrunning.Operations.DeleteOperation": operations.delete_operation,
        "google.longrunning.Operations.WaitOperation": operations.wait_operation,
    }
