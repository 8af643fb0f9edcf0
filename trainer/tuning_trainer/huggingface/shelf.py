"""One base model of transformers in memory, with the adapters that were used last."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor

from tuning_trainer.data.chat import Chat
from tuning_trainer.huggingface.rows_cache import find_obstacle
from tuning_trainer.huggingface.tuned import load_adapter, position_limit

KEPT_ADAPTERS = 8
"""Adapters kept loaded beside one base model while answering; more only while rows of more are being written."""

_BARE = "__base__"
"""What peft calls a row without an adapter."""


class Shelf:
    """A model with its adapters, which are not merged."""

    def __init__(self, model: Any, chat: Chat, device: str) -> None:
        self.model, self.chat, self.max_tokens, self.device = model, chat, position_limit(model), device
        self._takes = set(inspect.signature(model.forward).parameters)
        self._cache_name = "cache_params" if "cache_params" in self._takes else "past_key_values"  # the former: a state
        self._names: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._made = 0

    @cached_property
    def obstacle(self) -> str | None:
        """Why its rows cannot be written side by side, if they cannot."""
        return find_obstacle(
            self.model, lambda inputs, cache: self.run([None] * len(inputs["input_ids"]), inputs, cache)
        )

    @torch.no_grad()
    def run(self, adapters: Sequence[str | None], inputs: dict[str, Any], cache: Any) -> tuple[Tensor, Any]:
        """New tokens of rows, each with its adapter; scores of the last positions, float32 (rows, V), and the cache.

        What the model's forward does not take of the inputs is left out.
        """
        with self._choose(adapters) as more:
            given = {name: value for name, value in inputs.items() if name in self._takes or "kwargs" in self._takes}
            last = {"logits_to_keep": 1} if "logits_to_keep" in self._takes else {}
            out = self.model(**given, **last, **more, **{self._cache_name: cache}, use_cache=True)
        return out.logits[:, -1].float(), getattr(out, self._cache_name)

    def prepare(self, adapters: Sequence[str | None]) -> None:
        """Loads adapters, and gives up others that were used longest ago.

        Raises:
            InvalidAdapterError: see ``load_adapter``.
        """
        wanted = [_key(adapter) for adapter in adapters if adapter is not None]
        for key in wanted:
            if key not in self._names:
                self._made += 1
                self.model = load_adapter(self.model, key[0], f"adapter{self._made}").eval()
                self._names[key] = f"adapter{self._made}"
            self._names.move_to_end(key)
        while len(self._names) > max(KEPT_ADAPTERS, len(set(wanted))):
            self.model.delete_adapter(self._names.popitem(last=False)[1])

    def _choose(self, adapters: Sequence[str | None]) -> AbstractContextManager[dict[str, Any]]:
        self.prepare(adapters)
        names = [_BARE if adapter is None else self._names[_key(adapter)] for adapter in adapters]
        if not isinstance(self.model, PeftModel):
            return nullcontext({})
        if len(set(names)) > 1:
            return nullcontext({"adapter_names": names})
        if names[0] == _BARE:
            return _Bare(self.model.disable_adapter())
        if self.model.active_adapter != names[0]:
            self.model.set_adapter(names[0])
        return nullcontext({})


class _Bare(AbstractContextManager[dict[str, Any]]):
    """Without adapters."""

    def __init__(self, inner: AbstractContextManager[Any]) -> None:
        self._inner = inner

    def __enter__(self) -> dict[str, Any]:
        self._inner.__enter__()
        return {}

    def __exit__(self, *error: Any) -> None:
        self._inner.__exit__(*error)


def _key(adapter: str) -> tuple[str, int]:
    return adapter, (Path(adapter) / "adapter_config.json").stat().st_mtime_ns
