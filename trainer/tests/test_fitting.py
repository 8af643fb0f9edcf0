"""Prompts that are longer than a model reads: what goes, and what stays."""

from __future__ import annotations

import pytest

from tests.models import write_llama
from tuning_trainer.data.chat import Chat, load_chat
from tuning_trainer.data.fitting import cut_prompt, fit_prompt
from tuning_trainer.spec import Prompt, Turn

LONG = "".join(chr(97 + number % 26) for number in range(4000))
ASKED = Turn("user", "why?")


@pytest.fixture
def chat(tmp_path_factory: pytest.TempPathFactory) -> Chat:
    return load_chat(write_llama(tmp_path_factory.mktemp("model")))


def test_a_prompt_that_fits_is_left_as_it_is(chat: Chat) -> None:
    """With something in spare and without."""
    turns = (Turn("user", "a"), ASKED)
    for spare in (None, 0, 1):
        assert fit_prompt(Prompt(turns, "be short", spare=spare), chat, 4096) == chat.prompt(turns, "be short")


def test_without_anything_in_spare_it_is_too_long(chat: Chat) -> None:
    """Who gave it is told so."""
    assert len(fit_prompt(Prompt((Turn("user", LONG), ASKED)), chat, 256)) > 256
    assert len(fit_prompt(Prompt((Turn("user", LONG), ASKED), spare=0), chat, 256)) > 256


def test_as_little_as_possible_goes(chat: Chat) -> None:
    """From the beginning of what is spare; room for the answer is left, an eighth at most."""
    prompt = Prompt((Turn("user", LONG), ASKED), max_output_tokens=10_000, spare=1)
    ids = fit_prompt(prompt, chat, 256)
    assert len(ids) <= 256 - 32
    gone = next(cut for cut in range(len(LONG)) if len(chat.prompt(*cut_prompt(prompt, cut))) <= 256 - 32)
    assert ids == chat.prompt((Turn("user", LONG[gone:]), ASKED))
    short = Prompt((Turn("user", LONG), ASKED), max_output_tokens=4, spare=1)
    assert 256 - 32 < len(fit_prompt(short, chat, 256)) <= 252


def test_the_system_turn_goes_last_and_from_its_beginning(chat: Chat) -> None:
    """Its end says which functions there are."""
    prompt = Prompt((Turn("user", "a" * 50), ASKED), f"{LONG}\n\nTools:\nf(a: string)", spare=1)
    ids = fit_prompt(prompt, chat, 256)
    assert len(ids) <= 256
    text = chat.tokenizer.decode(ids, skip_special_tokens=False)
    assert "a" * 20 not in text
    assert text.replace(" ", "").count("Tools:\nf(a:string)") == 1


@pytest.mark.parametrize(
    ("cut", "turns"),
    [
        (0, ["ab", "f {}", "{}", "cd"]),
        (1, ["b", "f {}", "{}", "cd"]),
        (2, ["f {}", "{}", "cd"]),
        (3, ["{}", "cd"]),
        (7, ["cd"]),
        (9, ["d"]),
        (10, []),
    ],
)
def test_calls_and_results_go_whole(cut: int, turns: list[str]) -> None:
    """Half a call is none."""
    spare = (Turn("user", "ab"), Turn("call", "f {}"), Turn("result", "{}"), Turn("model", "cd"))
    found, system = cut_prompt(Prompt((*spare, ASKED), "system", spare=4), cut)
    assert [one.text for one in found] == [*turns, "why?"]
    assert system == "system"


def test_megabytes_are_cut_unread(chat: Chat) -> None:
    """What cannot fit at all is not encoded."""
    prompt = Prompt((Turn("user", "x" * 40_000_000), ASKED), spare=1)
    assert 100 < len(fit_prompt(prompt, chat, 256)) <= 256
