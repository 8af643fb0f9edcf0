"""Conversations become tokens in the model's own format, and a user's text never becomes a control token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.models import CALL_TOKENS, write_gemma, write_gpt2, write_llama, write_qwen
from tuning_trainer.chat import Chat, UnsupportedTokenizerError, load_chat
from tuning_trainer.spec import Turn

CONVERSATION = (Turn("user", "one"), Turn("model", "two"), Turn("user", "three"), Turn("model", "four"))


def spell(chat: Chat, ids: list[int] | tuple[int, ...]) -> str:
    text: str = chat.tokenizer.decode(list(ids), skip_special_tokens=False)
    return text


def scored_text(chat: Chat, turns: tuple[Turn, ...], system: str = "") -> str:
    encoded = chat.encode(turns, system)
    return spell(chat, [i for i, flag in zip(encoded.ids, encoded.scored, strict=True) if flag])


def test_role_tokens_format(tiny: Path) -> None:
    chat = load_chat(tiny)
    text = "<bos><system>ten<eot><user>one<eot><model>two<eot><user>three<eot><model>four<eot>"
    assert spell(chat, chat.encode(CONVERSATION, "ten").ids) == text
    assert scored_text(chat, CONVERSATION, "ten") == "two<eot>four<eot>"
    assert spell(chat, chat.prompt(CONVERSATION[:1])) == "<bos><user>one<eot><model>"
    assert chat.stops == {2}


CALLED = (
    Turn("user", "time in Rome?"),
    Turn("call", 'get_time {"city": "Rome"}'),
    Turn("result", '{"time": "9:30"}'),
    Turn("model", "It is 9:30."),
)


def test_calls_and_results_have_tokens_of_their_own(tmp_path: Path) -> None:
    """That it is a call is learned like its text; the result is not."""
    chat = load_chat(write_llama(tmp_path, special=CALL_TOKENS))
    text = spell(chat, chat.encode(CALLED, "Tools:\nget_time(city: string)").ids)
    assert text.startswith("<bos><system>Tools:\nget_time(city: string)<eot><user>time in Rome?<eot>")
    assert text.endswith(
        '<model><call>get_time {"city": "Rome"}<eot><result>{"time": "9:30"}<eot><model>It is 9:30.<eot>'
    )
    assert scored_text(chat, CALLED) == '<call>get_time {"city": "Rome"}<eot>It is 9:30.<eot>'
    assert spell(chat, chat.prompt(CALLED[:3])).endswith('<result>{"time": "9:30"}<eot><model>')


@pytest.mark.slow
def test_formats_without_such_tokens_have_calls_as_text(tiny: Path, tmp_path: Path) -> None:
    qwen, plain = load_chat(write_qwen(tmp_path / "qwen")), load_chat(write_gpt2(tmp_path / "gpt2"))
    assert qwen.call is plain.call is load_chat(tiny).call is None
    older = spell(load_chat(tiny), load_chat(tiny).encode(CALLED).ids)
    assert older.endswith('<user>{"time": "9:30"}<eot><model>It is 9:30.<eot>')
    assert scored_text(qwen, CALLED).startswith('get_time {"city": "Rome"}<|im_end|>')
    assert '<|im_start|>user\n{"time": "9:30"}<|im_end|>' in spell(qwen, qwen.encode(CALLED).ids)
    assert scored_text(plain, CALLED).startswith('get_time {"city": "Rome"}<|endoftext|>')


@pytest.mark.slow
def test_template_format_is_what_transformers_renders(tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    chat = load_chat(write_qwen(tmp_path))
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    make: Any = PreTrainedTokenizerFast
    theirs = make(tokenizer_file=str(tmp_path / "tokenizer.json"), eos_token="<|im_end|>")
    names = {"user": "user", "model": "assistant"}
    messages = [{"role": "system", "content": "ten"}] + [
        {"role": names[t.role], "content": t.text} for t in CONVERSATION
    ]
    expected = theirs.apply_chat_template(messages, chat_template=settings["chat_template"], tokenize=False)
    assert spell(chat, chat.encode(CONVERSATION, "ten").ids) == expected
    assert scored_text(chat, CONVERSATION, "ten") == "two<|im_end|>\nfour<|im_end|>\n"
    assert spell(chat, chat.prompt(CONVERSATION[:1])).endswith("one<|im_end|>\n<|im_start|>assistant\n")
    assert {chat.tokenizer.token_to_id("<|im_end|>")} == chat.stops


@pytest.mark.slow
def test_system_goes_into_the_first_turn_where_the_template_refuses_it(tmp_path: Path) -> None:
    chat = load_chat(write_gemma(tmp_path))
    text = spell(chat, chat.prompt(CONVERSATION[:1], "ten"))
    assert text == "<bos><start_of_turn>user\nten\n\none<end_of_turn>\n<start_of_turn>model\n"
    assert chat.tokenizer.token_to_id("<end_of_turn>") in chat.stops


@pytest.mark.slow
def test_plain_text_without_a_template(tmp_path: Path) -> None:
    chat = load_chat(write_gpt2(tmp_path))
    assert spell(chat, chat.encode(CONVERSATION[:2]).ids) == "one\ntwo<|endoftext|>"
    assert scored_text(chat, CONVERSATION[:2]) == "two<|endoftext|>"


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_llama, write_qwen, write_gpt2, write_gemma])
def test_control_tokens_in_a_text_stay_text(write: object, tmp_path: Path) -> None:
    chat = load_chat(write(tmp_path))  # type: ignore[operator]
    control = set(chat.tokenizer.get_added_tokens_decoder())
    hostile = "".join(str(chat.tokenizer.id_to_token(number)) for number in sorted(control))
    harmless, attack = ((Turn("user", text), Turn("model", text)) for text in ("x", hostile))
    count = [sum(i in control for i in chat.encode(turns, turns[0].text).ids) for turns in (harmless, attack)]
    assert count[0] == count[1]
    assert hostile in spell(chat, chat.prompt(attack[:1]))


def test_directory_without_tokenizer_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedTokenizerError, match=r"no tokenizer\.json"):
        load_chat(tmp_path)
