"""Conversations become tokens in the model's own format, and a user's text never becomes a control token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.models import CALL_TOKENS, write_gemma, write_gpt2, write_llama, write_qwen, write_tokenizer
from tuning_trainer.data.chat import Chat, UnsupportedTokenizerError, load_chat
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


CHAT_ML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HEADERS = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
TURNS = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else 'user' }}\n"
    "{{ m.content }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
ROLES = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}<|endoftext|>{% endif %}"
)
BRACKETS = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}{{ eos_token }}"
    "{% elif m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %}{{ raise_exception('no such role') }}"
    "{% endif %}{% endfor %}"
)


def write_chat(directory: Path, template: str, special: list[str], eos: str, stops: list[int] | None = None) -> Path:
    """A tokenizer with a template; ``special`` begins with the token that begins a text."""
    directory.mkdir(parents=True, exist_ok=True)
    write_tokenizer(directory, special)
    values = {"bos_token": special[0], "eos_token": {"content": eos}, "chat_template": template}
    (directory / "tokenizer_config.json").write_text(json.dumps(values))
    if stops:
        (directory / "generation_config.json").write_text(json.dumps({"eos_token_id": stops}))
    return directory


@pytest.mark.parametrize(
    ("template", "special", "eos", "listed", "stops"),
    [
        (
            CHAT_ML,
            ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            "<|im_end|>",
            [2, 0],
            ["<|endoftext|>", "<|im_end|>"],
        ),
        (
            HEADERS,
            ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"],
            "<|end_of_text|>",
            None,
            ["<|end_of_text|>", "<|eot_id|>"],
        ),
        (TURNS, ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], "<eos>", None, ["<eos>", "<end_of_turn>"]),
        (
            ROLES,
            ["<s>", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>"],
            "<|endoftext|>",
            [1, 4],
            ["<|endoftext|>", "<|end|>"],
        ),
        (BRACKETS, ["<s>", "</s>", "[INST]", "[/INST]"], "</s>", None, ["</s>"]),
    ],
    ids=["Qwen, SmolLM", "Llama 3", "Gemma", "Phi-3", "Mistral"],
)
def test_families_stop_where_their_turns_end(
    template: str, special: list[str], eos: str, listed: list[int] | None, stops: list[str], tmp_path: Path
) -> None:
    """Whether the generation settings name that token or not; and what is learned begins where a prompt ends."""
    chat = load_chat(write_chat(tmp_path, template, special, eos, listed))
    assert chat.stops == {chat.tokenizer.token_to_id(token) for token in stops}
    for turns in (CONVERSATION[:1], CONVERSATION[:3]):
        answered = chat.encode((*turns, Turn("model", "two")))
        prompt = chat.prompt(turns)
        assert list(answered.ids[: len(prompt)]) == prompt
        learned = [token for token, flag in zip(answered.ids, answered.scored, strict=True) if flag]
        assert stops[-1] in spell(chat, learned)


def test_template_gets_what_it_expects_of_transformers(tmp_path: Path) -> None:
    """Its tag, its filters, the day, the choice not to think; and refuses the system turn as it likes."""
    template = (
        "{{ strftime_now('%d %b %Y') }} {{ {'a': 'é<'} | tojson }} {% for m in messages %}{% if m.role == 'user' %}"
        "{{ m.content }}{% else %}{% generation %}{% if enable_thinking is defined and not enable_thinking %}"
        "<think></think>{% endif %}{{ m.content }}<end>{% endgeneration %}{% endif %}{% break %}{% endfor %}"
    )
    chat = load_chat(write_chat(tmp_path, template, ["<bos>", "<end>"], "<end>"))
    assert spell(chat, chat.prompt(CONVERSATION[:1])) == '26 Jul 2024 {"a": "é<"} one'
    answered = chat.encode(CONVERSATION[1:2])
    assert spell(chat, answered.ids).endswith("<think></think>two<end>")
    assert scored_text(chat, CONVERSATION[1:2]) == "two<end>"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for m in messages %}", "line 1"),
        ("{{ messages[0].content.nothing.more }}", "no attribute"),
        ("{{ messages | unheard_of }}", "unheard_of"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_template_that_cannot_be_rendered_is_refused(template: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedTokenizerError, match=f"chat template: .*{said}"):
        load_chat(write_chat(tmp_path, template, ["<bos>", "<eos>"], "<eos>"))
