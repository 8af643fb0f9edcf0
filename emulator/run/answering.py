"""Answers prompts with whatever made the adapter: finds the trainer and fills in directories."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

from emulator.run.trainers import Target, Trainer, TrainerUnavailableError
from trainer.spec import EMBEDDED, Prompt, Reply


class Answering:
    """Base and tuned models, one way to ask them.

    Args:
        trainers: By name.
        default: Name of the trainer that answers for base models.
        directory: What adapters' directories are relative to.
        base_models: Directory in Hugging Face layout by base model id; others are played by the embedded one.
    """

    def __init__(
        self, trainers: Mapping[str, Trainer], default: str, directory: Path, base_models: Mapping[str, Path]
    ) -> None:
        self._trainers = trainers
        self._default = default
        self._directory = directory
        self._base_models = base_models

    def base_model_directory(self, base_model: str) -> str:
        """Where the weights that play this base model are, or ``embedded``."""
        found = self._base_models.get(base_model)
        return str(found) if found else EMBEDDED

    async def generate(self, target: Target, prompt: Prompt) -> Reply:
        """Answers.

        Raises:
            TrainerUnavailableError: no trainer here can answer for that target.
        """
        return await self._trainer(target).generate(self._complete(target, prompt))

    def stream(self, target: Target, prompt: Prompt) -> AsyncIterator[str | Reply]:
        """Answers piece by piece; the last item is the whole ``Reply``. Raises as ``generate``."""
        return self._trainer(target).stream(self._complete(target, prompt))

    async def count_tokens(self, base_model: str, texts: list[str]) -> list[int]:
        """Lengths of texts in tokens of what plays that base model."""
        return await self._trainers[self._default].count_tokens(self.base_model_directory(base_model), texts)

    async def tokenize(self, base_model: str, texts: list[str]) -> list[list[tuple[int, str]]]:
        """Tokens of texts, as (id, piece of the text), of what plays that base model. Raises as ``generate``."""
        return await self._trainers[self._default].tokenize(self.base_model_directory(base_model), texts)

    def _trainer(self, target: Target) -> Trainer:
        name = target.trainer or self._default
        if name not in self._trainers:
            raise TrainerUnavailableError(
                f"the adapter was made by the {name!r} trainer, which is not installed here; "
                "install tuning-emulator[lora]"
            )
        return self._trainers[name]

    def _complete(self, target: Target, prompt: Prompt) -> Prompt:
        adapter = str(self._directory / target.adapter) if target.adapter else None
        return replace(prompt, base_model=self.base_model_directory(target.base_model), adapter=adapter)
