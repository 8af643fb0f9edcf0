"""Which weights play which base model: shown, and changed while the emulator runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tuning_emulator.jobs.trainer import Answering
from tuning_emulator.models.added import check_weights


class PlayedBody(BaseModel):
    """What plays base models from now on; models that are tuned already go on with what they were tuned on."""

    model_config = ConfigDict(extra="forbid")
    base_models: Annotated[dict[str, str], AfterValidator(check_weights)] = Field(
        description="Weights by base model, `*` for all others: an added model's name, a directory, or `embedded`."
    )


def create_router(answering: Answering) -> APIRouter:
    """``/emulator/v1/base-models``."""
    router = APIRouter(prefix="/emulator/v1", tags=["base models"])

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

    return router
