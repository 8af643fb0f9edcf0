"""The part of a dataset that create looks at before it answers."""

from __future__ import annotations

from collections.abc import Callable

from emulator.core.records import TuningMethod
from emulator.datasets.check import check_first_line
from emulator.datasets.forms import dataset_form
from emulator.datasets.objects import ObjectStore


def check_first_row(objects: Callable[[], ObjectStore], uri: str, method: TuningMethod, base_model: str) -> None:
    """Opens the object and, where the form of its lines is known, reads its first row. Blocks.

    How many rows the service reads is not known; row 0 is in every report.

    Raises:
        StorageError: it cannot be read.
        DatasetError: the row is no example.
    """
    lines = objects().lines(uri)
    form = dataset_form(method, base_model)
    if form is not None:
        check_first_line(lines, form)
