"""Which weights play which base model: shown, and changed while the emulator runs; and which weights there are."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from tuning_emulator.facts.packaged_models import PACKAGED_MODELS
from tuning_emulator.jobs.trainer import Answering
from tuning_emulator.models.added import AddedModel, AddedModels, MissingModelError, check_weights


class PlayedBody(BaseModel):
    """What plays base models from now on; models that are tuned already go on with what they were tuned on."""

    model_config = ConfigDict(extra="forbid")
    base_models: Annotated[dict[str, str], AfterValidator(check_weights)] = Field(
        description="Weights by base model, `*` for all others: an added model's name, a directory, or `embedded`."
    )


class ModelReport(TypedDict):
    """A model that `tuning-emulator models add` has brought.

    ``kind``: ``gguf`` or ``directory``, which is read in place. ``license``: "" where nothing says. ``trouble``: why it
    cannot be used now, "" else.
    """

    name: str
    kind: str
    origin: str
    parameters: int
    architecture: str
    quantization: str
    precision: str
    license: str
    bytes: int
    added: str
    directory: str
    trouble: str


class PackagedReport(TypedDict):
    """A model that a package index carries and that is not here yet. ``command``: what brings it."""

    name: str
    summary: str
    license: str
    bytes: int
    command: str


class ModelList(TypedDict):
    """``folder``: where added models are kept. ``projects``: weights of projects that have a choice of their own."""

    folder: str
    models: list[ModelReport]
    packaged: list[PackagedReport]
    projects: dict[str, dict[str, str]]


def list_models(answering: Answering) -> ModelList:
    """What there is to choose from."""
    added = AddedModels()
    found = added.find_all()
    return ModelList(
        folder=str(added.folder),
        models=[_describe(added, model) for model in found],
        packaged=[
            PackagedReport(
                name=one.name,
                summary=one.summary,
                license=one.license,
                bytes=one.wheel_bytes,
                command=f"tuning-emulator models add {one.name}",
            )
            for one in PACKAGED_MODELS.values()
            if not any(model.name == one.name for model in found)
        ],
        projects=answering.list_own_weights(),
    )


def _describe(added: AddedModels, model: AddedModel) -> ModelReport:
    trouble = ""
    try:
        added.find_directory(model)
    except MissingModelError as error:
        trouble = str(error)
    return ModelReport(
        name=model.name,
        kind=model.kind,
        origin=model.origin,
        parameters=model.parameters,
        architecture=model.architecture,
        quantization=model.quantization,
        precision=model.precision,
        license=model.license,
        bytes=model.bytes,
        added=model.added,
        directory=model.path or str(added.folder / model.name),
        trouble=trouble,
    )


def create_router(answering: Answering) -> APIRouter:
    """``/emulator/v1/base-models``, of all projects and of one; ``/emulator/v1/models``."""
    router = APIRouter(prefix="/emulator/v1", tags=["base models"])

    def check(project: str) -> str:
        if not project or "/" in project:
            raise HTTPException(422, f"project: {project!r} is no project; give its id or number")
        return project

    @router.get("/models", summary="Language models that can play base models: added ones, and what can be added")
    async def get_models() -> ModelList:
        return await asyncio.to_thread(list_models, answering)

    @router.get("/base-models", summary="Which weights play which base model")
    async def get_played() -> dict[str, str]:
        return answering.list_weights()

    @router.put("/base-models", summary='Let other weights play base models: `{"base_models": {"*": "smollm2"}}`')
    async def put_played(wanted: PlayedBody) -> dict[str, str]:
        answering.play(wanted.base_models)
        return answering.list_weights()

    @router.delete("/base-models", summary="Back to the weights that the emulator was started with")
    async def delete_played() -> dict[str, str]:
        answering.play(None)
        return answering.list_weights()

    @router.get("/projects/{project}/base-models", summary="Which weights play which base model in a project")
    async def get_project_played(project: str) -> dict[str, str]:
        return answering.list_weights(check(project))

    @router.put("/projects/{project}/base-models", summary="Let weights of its own play them there")
    async def put_project_played(project: str, wanted: PlayedBody) -> dict[str, str]:
        answering.play(wanted.base_models, check(project))
        return answering.list_weights(project)

    @router.delete("/projects/{project}/base-models", summary="Take them away: what plays for everybody does there too")
    async def delete_project_played(project: str) -> dict[str, str]:
        answering.play(None, check(project))
        return answering.list_weights(project)

    return router
