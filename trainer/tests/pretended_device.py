"""A second device that is not there: faults of devices show on a machine without a GPU.

While ``PretendedDevice`` is entered, whatever is put on ``cuda`` stays in memory, with its values, and is remembered as
being there; every operation then sees whether its tensors are together, as CUDA would. What CUDA itself refuses for
other reasons, or computes otherwise, is not seen; tests marked ``cuda`` show that where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

THERE = torch.device("cuda", 0)

_CROSSING = {"aten::copy_", "aten::_to_copy", "aten::set_", "aten::set_.source_Storage", "aten::detach", "aten::alias"}
"""Operations that may see tensors of both."""

_INDEXING = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}
"""Tensors there may be indexed with tensors here."""


class Places:
    """Which storages are there. A weak reference keeps the address of one that is gone from being taken for another."""

    def __init__(self) -> None:
        self._there: dict[int, StorageWeakRef] = {}
        self.crossing = False

    def put(self, tensor: Tensor) -> Tensor:
        """Remembers a tensor as being there."""
        storage = tensor.untyped_storage()
        refer: Any = StorageWeakRef
        self._there[storage._cdata] = refer(storage)
        return tensor

    def copy(self, tensor: Tensor, there: bool) -> Tensor:
        """A copy, there or here."""
        self.crossing = True
        try:
            copied = tensor.clone()
        finally:
            self.crossing = False
        return self.put(copied) if there else copied

    def has(self, tensor: Tensor) -> bool:
        """Whether a tensor is there."""
        return tensor.untyped_storage()._cdata in self._there


def _means_there(value: object) -> bool:
    if isinstance(value, str):
        return value.split(":")[0] == "cuda"
    return isinstance(value, torch.device) and value.type == "cuda"


class _Asking(TorchFunctionMode):
    """What a program asks of torch: devices named ``cuda``, and where a tensor is."""

    def __init__(self, places: Places) -> None:
        super().__init__()
        self._places = places

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if function == Tensor.device.__get__:
            return THERE if self._places.has(args[0]) else function(*args)
        if function == Tensor.is_cuda.__get__:  # type: ignore[attr-defined]  # torch says it is a plain attribute
            return self._places.has(args[0])
        if name == "numpy" and self._places.has(args[0]):
            raise TypeError("can't convert a pretended cuda tensor to numpy; use Tensor.cpu() first")
        if name == "pin_memory":
            return args[0]
        if name == "cuda":
            return self._places.copy(args[0], there=True)
        if name == "cpu":
            return self._places.copy(args[0], there=False) if self._places.has(args[0]) else args[0]
        if name == "to":
            return self._move(function, args, kwargs)
        named = [value for value in (*args, *kwargs.values()) if _means_there(value)]
        if not named or name in ("__set__", "_parse_to"):
            return function(*args, **kwargs)
        made = function(*_stay(args), **{key: _stay((value,))[0] for key, value in kwargs.items()})
        return self._places.put(made) if isinstance(made, Tensor) else made

    def _move(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        here = args[0]
        like = next((one for one in (*args[1:], *kwargs.values()) if isinstance(one, Tensor)), None)
        wanted = [one for one in (*args[1:], *kwargs.values()) if isinstance(one, str | torch.device)]
        there = self._places.has(like) if like is not None else bool(wanted) and _means_there(wanted[0])
        moved = function(*_stay(args), **{key: _stay((value,))[0] for key, value in kwargs.items()})
        if like is None and not wanted:
            return moved
        return moved if there == self._places.has(here) else self._places.copy(moved, there)


def _stay(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple("cpu" if _means_there(value) else value for value in values)


class _Doing(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch says no types here
    """Every operation, those of the backward pass too."""

    def __init__(self, places: Places) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # nor here
        self._places = places

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        name = function.name().split(".")[0]
        there = [self._places.has(one) for one in tensors]
        if any(there) and not all(there) and name not in _CROSSING:
            first_is_there = there[0] and name in _INDEXING
            if not first_is_there and any(one.dim() > 0 for one, far in zip(tensors, there, strict=True) if not far):
                raise RuntimeError(f"Expected all tensors to be on the same device: {name} of cuda:0 and cpu")
        made = function(*args, **(kwargs or {}))
        # What is made is where its tensors are, or, of those that may cross, where the first is.
        if any(there) and (name not in _CROSSING or there[0]) and not self._places.crossing:
            tree_map(lambda one: self._places.put(one) if isinstance(one, Tensor) else one, made)
        return made


_PLACES = Places()
"""One for the process: what the trainer keeps (angles, base models) stays where it was put."""


class PretendedDevice:
    """Enter it, and ``cuda`` is there."""

    def __init__(self) -> None:
        self._modes: tuple[Any, Any] = _Doing(_PLACES), _Asking(_PLACES)

    def __enter__(self) -> PretendedDevice:
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(None, None, None)
