"""What tuning costs, as far as public pages say it. What no row covers is unknown, and said to be."""

from __future__ import annotations

from dataclasses import dataclass

from tuning_emulator.core.errors import Fact, Row, name_rows
from tuning_emulator.facts.base_models import Api

_PAGE = "cloud.google.com/vertex-ai/generative-ai/pricing"
_QUOTED = f"{_PAGE}, as two public repositories' cost estimates quote it"
_TABLE = "a public repository's study of tuning costs, which names no source of its own"
_FREE = 'ai.google.dev/gemini-api/docs/billing: "Model tuning is free"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Fact[float]):
    """US dollars (``value``) for a million training tokens: billable tokens of the dataset times epochs.

    Attributes:
        api: Whose price.
        model: Id of the base model; "" for every base model of the API.
        methods: Values of ``core.records.TuningMethod``.
        dated: When the source said so, as closely as is known.
    """

    api: Api
    model: str = ""
    methods: tuple[str, ...] = ("supervised",)
    dated: str


TRAINING_TOKENS_TIMES_EPOCHS = Fact(
    True, "a course's model card with the bill checked: 27,353 billable tokens, 3 epochs, billed as 82,059", "recorded"
)
"""What is paid for: ``totalBillableTokenCount`` counts the dataset once, the bill once per epoch."""

GEMINI_TUNING = Price(value=0.0, source=_FREE, grade="documented", api="gemini", dated="2024 or 2025")
GEMINI_1_5_FLASH_TUNING = Price(
    value=8.0,
    source=f"{_PAGE}?hl=es",
    grade="documented",
    api="vertex",
    model="gemini-1.5-flash-002",
    dated="late 2024",
)
GEMINI_2_5_FLASH_TUNING = Price(
    value=5.0, source=_QUOTED, grade="documented", api="vertex", model="gemini-2.5-flash", dated="2025 or 2026"
)
GEMINI_2_5_FLASH_PREFERENCE_TUNING = Price(
    value=5.0,
    source=_TABLE,
    grade="assumed",
    api="vertex",
    model="gemini-2.5-flash",
    methods=("preference",),
    dated="2025 or 2026",
)
GEMINI_2_5_PRO_TUNING = Price(
    value=25.0, source=_TABLE, grade="assumed", api="vertex", model="gemini-2.5-pro", dated="2025 or 2026"
)
GEMINI_2_5_FLASH_LITE_TUNING = Price(
    value=1.5,
    source=_TABLE,
    grade="assumed",
    api="vertex",
    model="gemini-2.5-flash-lite",
    methods=("supervised", "preference"),
    dated="2025 or 2026",
)
GEMINI_2_0_FLASH_TUNING = Price(
    value=3.0, source=_TABLE, grade="assumed", api="vertex", model="gemini-2.0-flash-001", dated="2025 or 2026"
)

ROWS: tuple[Row, ...] = name_rows(globals(), Row)
"""All rows, in this order."""

PRICES: tuple[Price, ...] = tuple(row for row in ROWS if isinstance(row, Price))


def find_price(api: Api, model: str, method: str) -> Price | None:
    """The price of tuning a base model (an id without prefix) in a way; None when it is not known."""
    for price in PRICES:
        if price.api == api and price.model in ("", model) and method in price.methods:
            return price
    return None
