"""The Gemini API as the front end serves it: every method and who answers it."""

from __future__ import annotations

from pathlib import Path

from emulator.core.calendar import Calendar
from emulator.core.clock import Clock
from emulator.core.names import Ids
from emulator.facts.limits import GEMINI_MAX_REQUEST_BYTES
from emulator.gemini import methods
from emulator.gemini.base_models import BaseModels
from emulator.gemini.generation import Generation
from emulator.gemini.operations import Operations
from emulator.gemini.permissions import Permissions
from emulator.gemini.rules import refuse_name
from emulator.gemini.schemas import SCHEMAS
from emulator.gemini.services import Services
from emulator.gemini.training_data import load_default_dataset
from emulator.gemini.tuned_models import TunedModels
from emulator.protocol.call import Api, Handler
from emulator.run.answering import Answering
from emulator.run.queue import Queue
from emulator.store.store import Store

INTERNAL_ERROR = (
    "An internal error has occurred. Please retry or report in "
    "https://developers.generativeai.google/guide/troubleshooting"
)
"""Recorded: public reports of 500 answers of this host."""


def create_gemini_api(
    store: Store,
    clock: Clock,
    ids: Ids,
    queue: Queue,
    answering: Answering,
    *,
    calendar: Calendar | None = None,
    default_dataset: Path | None = None,
) -> Api:
    """The API over these parts.

    Args:
        calendar: As of which day each project is answered; None: leniently.
        default_dataset: JSON lines of ``{text_input, output}`` for creates that bring no examples, or None.

    Raises:
        DefaultDatasetError: the file cannot be used.
    """
    examples = load_default_dataset(default_dataset)
    services = Services(store, clock, ids, queue, answering, calendar or Calendar(), examples)
    return Api(
        name="gemini",
        service="generativelanguage.googleapis.com",
        title="Generative Language API",
        host_suffix="generativelanguage.googleapis.com",
        schemas=SCHEMAS,
        revision=lambda: store.revision,
        handlers=list_handlers(services),
        server_timing=True,
        misnamed=refuse_name,
        internal_error=INTERNAL_ERROR,
        method_limits_bytes={"ModelService.CreateTunedModel": GEMINI_MAX_REQUEST_BYTES.value},
    )


def list_handlers(services: Services) -> dict[str, Handler]:
    """Who answers each method."""
    base_models, tuned_models = BaseModels(services), TunedModels(services)
    permissions, generation, operations = Permissions(services), Generation(services), Operations(services)
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
        "TextService.GenerateText": generation.generate_text,
        methods.GET_OPERATION: operations.get_operation,
        methods.LIST_OPERATIONS: operations.list_operations,
        methods.CANCEL_OPERATION: operations.cancel_operation,
        methods.DELETE_OPERATION: operations.delete_operation,
        methods.WAIT_OPERATION: operations.wait_operation,
    }
