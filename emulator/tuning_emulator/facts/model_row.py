"""What one row of the base models' table says: what a model is, what it answers, and what tuning it takes."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from tuning_emulator.core.errors import FactError, Grade, check_row
from tuning_emulator.core.records import Api
from tuning_emulator.facts.media import GEMINI_2_MEDIA, MEDIA_KINDS, MediaRules

Rate: TypeAlias = Literal["multiplier", "value"]
"""How requests set the learning rate: ``learningRateMultiplier``, or ``learningRate`` itself."""

OPEN_MARK = "@"
"""In the ids of open models alone: ``publisher/family@version``."""


DYNAMIC_BUDGET = -1
"""The ``thinkingBudget`` that leaves it to the model."""


class TuningLimits(Struct, frozen=True, kw_only=True):
    """What a base model's documentation says of its tuning datasets.

    Attributes:
        max_tokens_per_example: Input and output together; longer examples are dropped.
        max_training_examples: Of text; 0 when no limit is stated.
        max_multimodal_examples: Of examples with media; 0 when no limit is stated.
        max_validation_examples: Of the validation dataset; 0 when no limit is stated.
        validation_share: Largest share of the training examples that the validation dataset may have ...
        validation_share_from: ... once it holds more examples than this; 0 when there is no such rule.
        validation_bytes_share: Largest share of the training file's bytes that the validation file may have; 0: any.
        min_training_examples: 0 when no limit is stated.
        max_dataset_bytes: Of the training file.
        packed_sequences: Training takes sequences of ``max_tokens_per_example`` tokens, filled with as many examples as
            fit, so many a step; 0: examples are not packed.
    """

    max_tokens_per_example: int
    max_training_examples: int = 0
    max_multimodal_examples: int = 0
    max_validation_examples: int = 0
    validation_share: float = 0.0
    validation_share_from: int = 0
    validation_bytes_share: float = 0.0
    min_training_examples: int = 0
    max_dataset_bytes: int = 1 << 30
    packed_sequences: int = 0


class Price(Struct, frozen=True, kw_only=True):
    """US dollars (``value``) for a million training tokens: billable tokens of the dataset times epochs.

    Attributes:
        methods: Values of ``core.records.TuningMethod``.
        dated: When the source said so, as closely as is known.
    """

    value: float
    source: str
    grade: Grade
    methods: tuple[str, ...] = ("supervised",)
    dated: str

    def __post_init__(self) -> None:
        check_row(repr(self.value), self.source, self.grade)


class BaseModel(Struct, frozen=True, kw_only=True):
    """A base model of one API.

    Attributes:
        id: As requests name it: ``gemini-1.5-flash-001-tuning`` (without ``models/``), ``gemini-2.5-flash``.
        methods: What it answers, in the API's words: ``generateContent``, ``createTunedModel``.
        temperature: Default of inference, like ``top_p`` and ``top_k``; None when the service shows none.
        max_temperature: Highest temperature; None when the service shows none.
        thinking_budget: Lowest and highest ``thinkingBudget``; None: any is taken, as nothing is known.
        thinking_off: Whether a budget of 0 is taken too.
        thinking_levels: What ``thinkingLevel`` may be; empty: nothing.
        built_in_tools: Of the fields of ``Tool``, those beside functions that the model has.
        min_cached_tokens: Of content that is cached for it; 0: none is.
        tuning_methods: Values of ``core.records.TuningMethod`` that it can be tuned by; empty: not tunable.
        adapter_sizes: Ranks that a job may ask for; empty: the model takes no adapter, or the API has no such choice.
        default_adapter_size: Rank when a job asks for none; 0 where there is no choice.
        rate: How a job may set the learning rate.
        cmek: Whether a job may have an ``encryptionSpec``.
        modalities: What examples may hold, in the order in which the service lists them: ``text``, ``image``,
            ``document``, ``audio``, ``video``; prompts may hold the same.
        media: How media are counted, and how much of them a prompt may hold.
        tools: Whether examples may hold function calls and declarations.
        regions: Where it can be tuned; empty: in every region, but neither in ``global`` nor in a multi-region.
        multi_region: Whether its tuned models live in the multi-region around the job's region, not in the region.
        tunable_since, tunable_until: First day on which it could be tuned, and first on which new jobs are refused;
            ISO dates or "" when unknown (or still tunable).
        since, until: First day on which the service answers for it, and first day on which it no longer does.
        editions: The same model as it was shown between their ``since`` and ``until``, where that differs.
        prices: Of tuning it, as far as public pages say it: what has none is unknown, and said to be.
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
    thinking_budget: tuple[int, int] | None = None
    thinking_off: bool = True
    thinking_levels: tuple[str, ...] = ()
    built_in_tools: tuple[str, ...] = ()
    min_cached_tokens: int = 0
    tuning_methods: tuple[str, ...] = ()
    limits: TuningLimits | None = None
    adapter_sizes: tuple[int, ...] = ()
    default_adapter_size: int = 0
    defaults_grade: Grade = "assumed"
    rate: Rate = "multiplier"
    cmek: bool = True
    modalities: tuple[str, ...] = ("text",)
    media: MediaRules = GEMINI_2_MEDIA
    tools: bool = False
    regions: tuple[str, ...] = ()
    multi_region: bool = False
    tunable_since: str = ""
    tunable_until: str = ""
    since: str = ""
    until: str = ""
    editions: tuple[BaseModel, ...] = ()
    prices: tuple[Price, ...] = ()

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

    @property
    def open(self) -> bool:
        """Whether it is one of the Model Garden's open models."""
        return OPEN_MARK in self.id

    def takes_thinking_budget(self, budget: int) -> bool:
        """Whether a request may set it; ``DYNAMIC_BUDGET`` always."""
        if self.thinking_budget is None or budget == DYNAMIC_BUDGET:
            return True
        low, high = self.thinking_budget
        return self.thinking_off if budget == 0 else low <= budget <= high

    @property
    def prompt_kinds(self) -> tuple[str, ...]:
        """What prompts may hold: of Gemini models that are tuned on any media all of them, else what it is tuned on."""
        return self.modalities if self.open or len(self.modalities) < 2 else ("text", *MEDIA_KINDS)

    @property
    def modes(self) -> tuple[str, ...]:
        """How its weights can be tuned: ``PEFT_ADAPTER``, ``FULL``, as the end of ``tuningMode`` says it."""
        peft = ("PEFT_ADAPTER",) if self.adapter_sizes else ()
        return (*peft, "FULL") if "full" in self.tuning_methods else peft


SAMPLING: dict[str, Any] = {"temperature": 1.0, "top_p": 0.95, "top_k": 64, "max_temperature": 2.0}
"""Of most models since 2024."""


def days(since: str, until: str = "", tunable_until: str = "") -> dict[str, Any]:
    """Of a model that can be tuned as long as it is there, or until the day given."""
    return {"since": since, "until": until, "tunable_since": since, "tunable_until": tunable_until or until}
