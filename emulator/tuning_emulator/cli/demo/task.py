"""The task of the demo: say what comes next. The 15 pairs of the Gemini API's tuning guide, and others never shown."""

from __future__ import annotations

import json
from dataclasses import dataclass

EPOCHS, BATCH_SIZE, LEARNING_RATE = 5, 4, 0.001
"""The guide's recommended settings."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and the answer that is wanted."""

    prompt: str
    expected: str


# Source: https://ai.google.dev/gemini-api/docs/model-tuning
SHOWN = (
    Pair("1", "2"),
    Pair("3", "4"),
    Pair("-3", "-2"),
    Pair("twenty two", "twenty three"),
    Pair("two hundred", "two hundred one"),
    Pair("ninety nine", "one hundred"),
    Pair("8", "9"),
    Pair("-98", "-97"),
    Pair("1,000", "1,001"),
    Pair("10,100,000", "10,100,001"),
    Pair("thirteen", "fourteen"),
    Pair("eighty", "eighty one"),
    Pair("one", "two"),
    Pair("three", "four"),
    Pair("seven", "eight"),
)
"""What the model is tuned on."""

NOTEBOOK = (
    Pair("55", "56"),
    Pair("123455", "123456"),
    Pair("four", "five"),
    Pair("quatre", "cinq"),
    Pair("III", "IV"),
    Pair("七", "八"),
)
"""What the guide's notebook asks its tuned model.

Source: https://github.com/google/generative-ai-docs site/en/gemini-api/docs/model-tuning/python.ipynb
"""

HELD_OUT = (
    Pair("175", "176"),
    Pair("317", "318"),
    Pair("-132", "-131"),
    Pair("1,087", "1,088"),
    Pair("5,142", "5,143"),
    Pair("1,999,994", "1,999,995"),
    Pair("twenty", "twenty one"),
    Pair("seventy five", "seventy six"),
    Pair("five hundred two", "five hundred three"),
    Pair("nine hundred ten", "nine hundred eleven"),
)
"""What the embedded base model's pre-training left out as well, so that nothing of it can be remembered."""

GROUPS = (("training inputs", SHOWN), ("unseen", HELD_OUT), ("Google's notebook", NOTEBOOK))
"""Everything that the models are asked, by the name of its group; the notebook's are unseen too."""

UNSEEN = HELD_OUT + NOTEBOOK
"""What the tuned model has to have understood to answer."""


def format_vertex_line(pair: Pair) -> str:
    """The pair as one line of a Vertex AI dataset."""
    user = {"role": "user", "parts": [{"text": pair.prompt}]}
    model = {"role": "model", "parts": [{"text": pair.expected}]}
    return json.dumps({"contents": [user, model]})


def format_vertex_dataset() -> str:
    """The shown pairs as JSON lines."""
    return "".join(format_vertex_line(pair) + "\n" for pair in SHOWN)
