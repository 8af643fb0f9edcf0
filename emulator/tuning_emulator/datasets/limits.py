"""What a base model allows of a dataset, and what the model here that plays it reads."""

from __future__ import annotations

from msgspec import Struct

from tuning_emulator.datasets.lines import DatasetError
from tuning_emulator.facts import dataset_errors


class DatasetLimits(Struct, frozen=True):
    """What a base model allows.

    Attributes:
        max_tokens_per_example: Longer examples are dropped.
        modalities: Kinds of parts besides text, as the service lists them in its error: ``image``, ``PDF document``,
            ``audio``, ``video``.
        function_calls: Whether examples may call functions.
        readable_tokens: What the model reads that plays the base model, in its own tokens; examples that are longer by
            all appearance are counted as reduced. 0: the trainer will say so.
        validation_max_examples: 0: no limit.
        validation_fraction: Largest share of the training examples; 0: no such rule.
        validation_fraction_above: The share only counts for more validation examples than this.
        validation_bytes_fraction: Largest share of the training file's bytes; 0: no such rule.
    """

    max_tokens_per_example: int = 131_072
    min_examples: int = 1
    max_examples: int = 10_000_000
    max_media_examples: int = 300_000
    max_bytes: int = 1 << 30
    modalities: tuple[str, ...] = ("image", "PDF document", "audio", "video")
    function_calls: bool = True
    readable_tokens: int = 0
    validation_max_examples: int = 5000
    validation_fraction: float = 0.3
    validation_fraction_above: int = 1000
    validation_bytes_fraction: float = 0.0


DEFAULT_LIMITS = DatasetLimits()
"""The newest Gemini models'. Source: docs.cloud.google.com …/models/tuning/supervised-tuning (2026-09-25)."""


def check_validation_size(examples: int, training_examples: int, limits: DatasetLimits) -> None:
    """The rules that tie a validation set to its training set.

    Raises:
        DatasetError: too many validation examples.
    """
    allowed = [limits.validation_max_examples] if limits.validation_max_examples else []
    if limits.validation_fraction and examples > limits.validation_fraction_above:
        allowed.append(int(training_examples * limits.validation_fraction))
    if allowed and examples > min(allowed):
        raise DatasetError(dataset_errors.VALIDATION_TOO_LARGE, examples=examples, limit=min(allowed))


def check_validation_bytes(size: int, training_size: int, limits: DatasetLimits) -> None:
    """The rule that ties the size of a validation file to that of its training file.

    Raises:
        DatasetError: it is too large.
    """
    limit = int(training_size * limits.validation_bytes_fraction)
    if limits.validation_bytes_fraction and size > limit:
        raise DatasetError(dataset_errors.VALIDATION_FILE_TOO_LARGE, size=size, limit=limit)


_EMBEDDED_TOKENS = 1.6
"""Of the embedded model for each approximated one of the service: measured 1.2 to 1.7 in English, more elsewhere."""


def is_cut(tokens: int, readable_tokens: int) -> bool:
    """Whether the trainer will probably cut an example, by the service's tokens and what the model reads."""
    return tokens * _EMBEDDED_TOKENS > readable_tokens
