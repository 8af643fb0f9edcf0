"""What a row of the base models' table says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from emulator.facts.fact import FactError, Grade, check_row

Api: TypeAlias = Literal["gemini", "vertex"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningLimits:
    """What a base model's documentation says of its tuning datasets.

    Attributes:
        max_tokens_per_example: Input and output together; longer examples are dropped.
        max_training_examples: Of text; 0 when no limit is stated.
        max_multimodal_examples: Of examples with media; 0 when no limit is stated.
        max_validation_examples: Of the validation dataset; 0 when no limit is stated.
        validation_share: Largest share of the training examples that the validation dataset may have ...
        validation_share_from: ... once it holds more examples than this; 0 when there is no such rule.
        min_training_examples: 0 when no limit is stated.
        max_dataset_bytes: Of the training file.
    """

    max_tokens_per_example: int
    max_training_examples: int = 0
    max_multimodal_examples: int = 0
    max_validation_examples: int = 0
    validation_share: float = 0.0
    validation_share_from: int = 0
    min_training_examples: int = 0
    max_dataset_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """A base model of one API.

    Attributes:
        id: As requests name it: ``gemini-1.5-flash-001-tuning`` (without ``models/``), ``gemini-2.5-flash``.
        methods: What it answers, in the API's words: ``generateContent``, ``createTunedModel``.
        temperature: Default of inference, like ``top_p`` and ``top_k``; None when the service shows none.
        max_temperature: Highest temperature; None when the service shows none.
        tuning_methods: Values of ``core.records.TuningMethod`` that it can be tuned by; empty: not tunable.
        adapter_sizes: Ranks that a job may ask for; empty: the API has no such choice.
        default_adapter_size: Rank when a job asks for none; 0 where there is no choice.
        modalities: What examples may hold: ``text``, ``image``, ``audio``, ``video``, ``document``.
        regions: Where it can be tuned; empty: anywhere.
        tunable_since, tunable_until: First days, ISO dates or "" when unknown (or still tunable).
        since, until: First day on which the service answers for it, and first day on which it no longer does.
        editions: The same model as it was shown between their ``since`` and ``until``, where that differs.
        defaults_grade: Grade of ``default_adapter_size`` alone; the rest has ``grade``.
    """

    id: str
    api: Api
    display_name: str
    source: str
    grade: Grade
    version: str = ""
    description: str = ""
    input_token_limit: int = 0
    output_token_limit: int = 0
    methods: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_temperature: float | None = None
    thinking: bool = False
    tuning_methods: tuple[str, ...] = ()
    limits: TuningLimits | None = None
    adapter_sizes: tuple[int, ...] = ()
    default_adapter_size: int = 0
    defaults_grade: Grade = "assumed"
    modalities: tuple[str, ...] = ("text",)
    regions: tuple[str, ...] = ()
    tunable_since: str = ""
    tunable_until: str = ""
    since: str = ""
    until: str = ""
    editions: tuple[BaseModel, ...] = ()

    def __post_init__(self) -> None:
        check_row(self.id, self.source, self.grade)
        if self.adapter_sizes and self.default_adapter_size not in self.adapter_sizes:
            raise FactError(f"{self.id}: default_adapter_size {self.default_adapter_size} is not one of its sizes")
        if self.tuning_methods and self.limits is None:
            raise FactError(f"{self.id}: limits must be given for a model that can be tuned")

    @property
    def tunable(self) -> bool:
        """Whether any tuning method takes it."""
        return bool(self.tuning_methods)
