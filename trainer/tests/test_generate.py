"""Answers: what the model says, in any company, with the settings of generateContent."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models import CALL_TOKENS, make_job, pair, write_examples, write_gpt2, write_llama, write_qwen
from tuning_trainer.answering.generate import BROKEN, Answering, Delta, Finished, Refused, answer
from tuning_trainer.answering.writing import NO_CHARACTER, InvalidPromptError, Request, Writing
from tuning_trainer.data.chat import load_chat
from tuning_trainer.learning.loop import run_job
from tuning_trainer.model import open_answering
from tuning_trainer.spec import Answer, Done, Prompt, Reply, Turn


def ask(base_model: Path, text: str = "one", **settings: Any) -> Prompt:
    return Prompt((Turn("user", text),), base_model=str(base_model), **{"max_output_tokens": 12} | settings)


def run_all(answering: Answering, limit: int = 2000) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    for _ in range(limit):
        if not answering.busy:
            return replies
        for output in answering.advance():
            assert isinstance(output, Finished | Delta), output
            if isinstance(output, Finished):
                replies[output.id] = output.reply
    raise AssertionError("still busy")


@pytest.fixture(scope="module")
def adapter(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    last = run_job(make_job(tmp_path_factory.mktemp("job"), tiny, learning_rate=1e-2), lambda _: None)
    assert isinstance(last, Done)
    return last.adapter


def greedy_by_transformers(directory: Path, adapter: str | None, text: str, count: int) -> list[int]:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    loader: Any = AutoModelForCausalLM
    model = loader.from_pretrained(directory, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    chat = load_chat(directory)
    ids = chat.prompt((Turn("user", text),))
    for _ in range(count):
        with torch.no_grad():
            token = int(model(torch.tensor([ids])).logits[0, -1].argmax())
        if token in chat.stops:
            break
        ids.append(token)
    return ids


@pytest.mark.slow
@pytest.mark.parametrize("tuned", [False, True])
def test_greedy_answer_is_that_of_transformers(tuned: bool, tiny: Path, adapter: str) -> None:
    path = adapter if tuned else None
    chat = load_chat(tiny)
    prompt = chat.prompt((Turn("user", "twenty"),))
    ids = greedy_by_transformers(tiny, path, "twenty", 12)
    (reply,) = answer(ask(tiny, "twenty", adapter=path)).answers
    assert reply.text == chat.tokenizer.decode(ids[len(prompt) :]).replace(NO_CHARACTER, "")
    assert reply.tokens == len(ids) - len(prompt)


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_qwen, write_gpt2])
def test_other_architectures_answer_with_their_cache(write: Any, tmp_path: Path) -> None:
    directory = write(tmp_path)
    chat = load_chat(directory)
    prompt = chat.prompt((Turn("user", "twenty"),))
    ids = greedy_by_transformers(directory, None, "twenty", 12)
    (reply,) = answer(ask(directory, "twenty")).answers
    assert reply.text == chat.tokenizer.decode(ids[len(prompt) :]).replace(NO_CHARACTER, "")


def test_company_changes_no_answer(tiny: Path, adapter: str) -> None:
    """Requests of different length, that come at different times, share steps and leave at different times."""
    prompts = {f"{i}": ask(tiny, "two " * i, max_output_tokens=3 + i % 7, adapter=adapter) for i in range(1, 10)}
    alone = {name: answer(prompt) for name, prompt in prompts.items()}
    answering = Answering("cpu")
    replies: dict[str, Reply] = {}
    for name, prompt in prompts.items():
        answering.submit(name, prompt)
        replies |= {o.id: o.reply for o in answering.advance() if isinstance(o, Finished)}
    replies |= run_all(answering)
    assert {name: r.answers[0].text for name, r in replies.items()} == {n: r.answers[0].text for n, r in alone.items()}
    for name, reply in replies.items():
        assert reply.answers[0].logprob == pytest.approx(alone[name].answers[0].logprob, abs=1e-3)


def test_models_answer_side_by_side(tiny: Path, adapter: str) -> None:
    answering = Answering("cpu")
    answering.submit("base", ask(tiny))
    answering.submit("tuned", ask(tiny, adapter=adapter))
    replies = run_all(answering)
    assert replies["base"] == answer(ask(tiny))
    assert replies["tuned"] == answer(ask(tiny, adapter=adapter))
    assert replies["base"] != replies["tuned"]


def tune_apart(tiny: Path, folder: Path, sizes: tuple[int, ...]) -> list[str]:
    """Adapters of different sizes, each learned from other answers."""
    adapters = []
    for number, size in enumerate(sizes):
        place = folder / str(number)
        place.mkdir()
        write_examples(place / "examples.jsonl", [pair(f"{n}", f"{n * (number + 2)}") for n in range(8)])
        job = make_job(place, tiny, learning_rate=2e-2, adapter_size=size, epochs=10)
        last = run_job(job, lambda _: None)
        assert isinstance(last, Done), last
        adapters.append(last.adapter)
    return adapters


@pytest.mark.slow
def test_many_adapters_answer_in_one_batch_what_they_answer_alone(tiny: Path, tmp_path: Path) -> None:
    """Adapters of sizes 1, 4 and 16 and the bare base share every step; greedy answers stay the same to the token."""
    models = [None, *tune_apart(tiny, tmp_path, (1, 4, 16))]
    prompts = {f"{text}/{n}": ask(tiny, text, adapter=model) for n, model in enumerate(models) for text in ("3", "two")}
    alone = {name: answer(prompt) for name, prompt in prompts.items()}
    answering = Answering("cpu")
    for name, prompt in prompts.items():
        answering.submit(name, prompt)
    assert len(answering._desks) == 1
    replies = run_all(answering)
    assert {name: reply.answers[0].text for name, reply in replies.items()} == {
        name: reply.answers[0].text for name, reply in alone.items()
    }
    for name, reply in replies.items():
        assert reply.answers[0].logprob == pytest.approx(alone[name].answers[0].logprob, abs=1e-4)
    assert len({reply.answers[0].text for name, reply in replies.items() if name.startswith("3/")}) > 1


def test_an_adapter_joins_and_leaves_the_company_of_another(tiny: Path, tmp_path: Path) -> None:
    """Rows change from merged weights to side branches and back while they are written."""
    first, second = tune_apart(tiny, tmp_path, (4, 8))
    long = ask(tiny, "2", adapter=first, max_output_tokens=20, temperature=0.8, seed=3)
    short = ask(tiny, "5", adapter=second, max_output_tokens=4)
    answering = Answering("cpu")
    answering.submit("long", long)
    outputs = [output for _ in range(3) for output in answering.advance()]
    answering.submit("short", short)
    replies = run_all(answering) | {o.id: o.reply for o in outputs if isinstance(o, Finished)}
    assert replies["short"].answers[0].text == answer(short).answers[0].text
    assert replies["long"].answers[0].text == answer(long).answers[0].text


@pytest.mark.slow
def test_log_probability_is_the_mean_over_the_tokens(tiny: Path) -> None:
    (first,) = answer(ask(tiny, max_output_tokens=1)).answers
    from transformers import AutoModelForCausalLM

    loader: Any = AutoModelForCausalLM
    ids = load_chat(tiny).prompt((Turn("user", "one"),))
    with torch.no_grad():
        logs = loader.from_pretrained(tiny, dtype=torch.float32)(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    assert first.logprob == pytest.approx(float(logs.max()), abs=1e-4)
    assert math.isfinite(answer(ask(tiny)).answers[0].logprob)


def test_limit_ends_an_answer_and_says_so(tiny: Path) -> None:
    assert [answer(ask(tiny, max_output_tokens=n)).answers[0].tokens for n in (1, 5)] == [1, 5]
    assert answer(ask(tiny, max_output_tokens=5)).answers[0].finish == "MAX_TOKENS"


def test_context_ends_an_answer(tiny: Path) -> None:
    reply = answer(ask(tiny, "x" * 240, max_output_tokens=1000))
    assert reply.prompt_tokens + reply.answers[0].tokens == 256


def sample(directory: Path, **settings: Any) -> tuple[Answer, ...]:
    return answer(ask(directory, temperature=1.5, **settings)).answers


def test_seed_and_candidates(tiny: Path) -> None:
    three = sample(tiny, seed=4, candidates=3)
    assert sample(tiny, seed=4, candidates=3) == three
    assert len({each.text for each in three}) == 3
    assert sample(tiny, seed=5) != sample(tiny, seed=6)


def test_stop_text_ends_an_answer_and_is_not_part_of_it(tiny: Path) -> None:
    (whole,) = sample(tiny, seed=1, max_output_tokens=30)
    stop = whole.text[4:6]
    (cut,) = sample(tiny, seed=1, max_output_tokens=30, stop=(stop, "never seen"))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish == "STOP"


@pytest.mark.parametrize("stop", [(), ("twenty",)])
def test_streamed_pieces_make_up_the_answer(stop: tuple[str, ...], tiny: Path) -> None:
    answering = Answering("cpu")
    prompt = ask(tiny, temperature=1.0, seed=2, max_output_tokens=60, stop=stop)
    answering.submit("s", prompt, stream=True)
    pieces = []
    while answering.busy:
        for output in answering.advance():
            if isinstance(output, Delta):
                pieces.append(output.text)
            elif isinstance(output, Finished):
                reply = output.reply
    assert len(pieces) > 5
    assert "".join(pieces) == reply.answers[0].text == answer(prompt).answers[0].text


SCRIPTS = (
    "naïve façade", "Привет, мир", "γειά σου", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "হ্যালো", "வணக்கம்", "สวัสดี",
    "你好，世界", "こんにちは", "안녕하세요", "გამარჯობა", "բարեւ", "ሰላም", "𝔘𝔫𝔦", "🐱🔥👩‍👩‍👧", "a𐍈b",
)  # fmt: skip


def write_by_hand(directory: Path, text: str, limit: int, call: bool = False) -> tuple[list[str], Answer | None]:
    """The pieces of a stream and the answer, when the model says the tokens of ``text``, up to ``limit`` of them."""
    model = open_answering(str(directory), None, "cpu", "float32")
    writing = Writing(Request("1", ask(directory, max_output_tokens=limit), True, model, 1 << 20), 0)
    tokens = [*model.chat.tokenizer.encode(text, add_special_tokens=False).ids, *model.chat.stops]
    pieces = []
    for token in tokens if not call else [model.chat.call, *tokens]:
        assert token is not None
        writing.take(token, 0.0)
        pieces.append(writing.news())
        if writing.answer:
            break
    return pieces, writing.answer


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_letter_is_sent_whole_or_not_at_all(text: str, tiny: Path) -> None:
    """In every script, with a tokenizer of bytes: no piece and no answer cut anywhere holds half a character."""
    pieces, whole = write_by_hand(tiny, text, 200)
    assert whole is not None
    assert ("".join(pieces), whole.text, whole.finish) == (text, text, "STOP")
    for limit in range(1, whole.tokens + 1):
        pieces, cut = write_by_hand(tiny, text, limit)
        assert cut is not None
        assert cut.finish == "MAX_TOKENS"
        assert text.startswith(cut.text)
        assert "".join(pieces) == cut.text
        assert NO_CHARACTER not in "".join(pieces)


@pytest.mark.parametrize("seed", range(12))
def test_random_weights_break_no_letter(seed: int, tiny: Path) -> None:
    """Tokens drawn at random are mostly bytes that are no characters; none of them gets out."""
    answering = Answering("cpu")
    answering.submit("1", ask(tiny, temperature=2.0, seed=seed, max_output_tokens=80), stream=True)
    streamed, replies = "", list[Reply]()
    while answering.busy:
        for output in answering.advance():
            assert isinstance(output, Delta | Finished), output
            if isinstance(output, Delta):
                assert NO_CHARACTER not in output.text
                streamed += output.text
            else:
                replies.append(output.reply)
    assert streamed == replies[0].answers[0].text
    assert streamed.encode().decode() == streamed


def test_a_call_comes_whole_and_says_that_it_is_one(tmp_path: Path) -> None:
    directory = write_llama(tmp_path, special=CALL_TOKENS)
    pieces, called = write_by_hand(directory, 'get_time {"city": "Rome"}', 90, call=True)
    assert called is not None
    assert (called.call, called.text) == (True, 'get_time {"city": "Rome"}')
    assert not any(pieces)
    _, plain = write_by_hand(directory, "<call>", 90)
    assert plain is not None
    assert (plain.call, plain.text) == (False, "<call>")


def test_no_piece_holds_the_beginning_of_a_stop_text(tiny: Path) -> None:
    """A text that might still become a stop text is held back until it is certain."""
    (whole,) = sample(tiny, seed=1, max_output_tokens=30)
    stop = whole.text[5:9]
    answering = Answering("cpu")
    answering.submit("s", ask(tiny, temperature=1.5, seed=1, max_output_tokens=30, stop=(stop,)), stream=True)
    pieces = ""
    while answering.busy:
        pieces += "".join(output.text for output in answering.advance() if isinstance(output, Delta))
    assert pieces == whole.text[: whole.text.index(stop)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_output_tokens", 0),
        ("candidates", 0),
        ("temperature", -0.1),
        ("top_p", 1.5),
        ("top_k", -1),
        ("stop", ("",)),
        ("turns", (Turn("model", "x"),)),
    ],
)
def test_bad_setting_is_named(field: str, value: Any, tiny: Path) -> None:
    with pytest.raises(InvalidPromptError, match=field):
        answer(dataclasses.replace(ask(tiny), **{field: value}))


def test_prompt_that_fills_the_context_is_refused(tiny: Path) -> None:
    with pytest.raises(InvalidPromptError, match="leave no room within 256"):
        answer(ask(tiny, "x" * 300))


def test_a_prompt_with_documents_loses_its_middle_instead(tiny: Path) -> None:
    """What is asked at its end stays; there is room for an answer, and the reply says how much went."""
    text = f"{'one ' * 400}five?"
    whole = load_chat(tiny).prompt((Turn("user", text),))
    answering = Answering()
    answering.submit("a", ask(tiny, text, shorten=True, max_output_tokens=8))
    reply = run_all(answering)["a"]
    assert reply.left_out == len(whole) - reply.prompt_tokens > 0
    room = open_answering(str(tiny), None, "cpu", "float32").max_tokens
    assert room - 8 - 4 <= reply.prompt_tokens <= room - 8
    short = ask(tiny, "five?", shorten=True)
    answering.submit("b", short)
    assert run_all(answering)["b"].left_out == 0


def test_adapter_written_anew_is_read_anew(tiny: Path, tmp_path: Path) -> None:
    answering = Answering("cpu")

    def tune_and_ask(rate: float) -> Reply:
        import shutil

        shutil.rmtree(tmp_path / "job", ignore_errors=True)
        last = run_job(make_job(tmp_path, tiny, learning_rate=rate), lambda _: None)
        assert isinstance(last, Done)
        answering.submit("a", ask(tiny, adapter=last.adapter))
        return run_all(answering)["a"]

    assert tune_and_ask(1e-6) != tune_and_ask(3e-2)


def test_one_models_failure_leaves_the_others_alone(tiny: Path, tmp_path: Path) -> None:
    other = write_llama(tmp_path / "other")
    answering = Answering("cpu")
    answering.submit("good", ask(tiny))
    answering.submit("bad", ask(other))

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    bad = next(desk for key, desk in answering._desks.items() if key.startswith(f"{other.resolve()} "))
    bad.decoder.advance = fail  # type: ignore[assignment, method-assign]
    outputs = []
    while answering.busy:
        outputs += list(answering.advance())
    assert Refused("bad", BROKEN) in outputs
    assert [output.id for output in outputs if isinstance(output, Finished)] == ["good"]


def test_models_used_longest_ago_make_room(tiny: Path, adapter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuning_trainer.answering import generate

    monkeypatch.setattr(generate, "KEPT_BYTES", 100)
    answering = Answering("cpu")
    first: dict[str, Reply] = {}
    for name, path in (("tuned", adapter), ("base", None), ("again", adapter)):
        answering.submit(name, ask(tiny, adapter=path))
        first |= run_all(answering)
        assert sum(model.own_bytes > 0 for model in answering._models.values()) <= 1
    assert first["tuned"] == first["again"]
    assert answering._models[next(reversed(answering._models))].own_bytes > 0


def test_tokens_are_counted_without_the_format(tiny: Path) -> None:
    assert Answering("cpu").count(str(tiny), ["", "abc", "<eot>"]) == [0, 3, 5]


def test_tokens_are_listed_with_the_pieces_they_stand_for(tiny: Path) -> None:
    """As many as are counted, and together the whole text; none is a control token."""
    texts = ["", "abc", "<eot>"]
    answering = Answering("cpu")
    tokens = answering.tokenize(str(tiny), texts)
    assert [len(found) for found in tokens] == answering.count(str(tiny), texts)
    assert ["".join(piece for _, piece in found) for found in tokens] == texts


def test_an_answered_request_lets_its_model_go(tiny: Path, adapter: str) -> None:
    """At once, not when a collection comes by: tensors are not what Python counts before it makes one."""
    import gc
    import weakref

    gc.disable()
    try:
        answering = Answering("cpu")
        answering.submit("a", ask(tiny, adapter=adapter, candidates=2))
        model = weakref.ref(next(iter(answering._models.values())))
        run_all(answering)
        answering._models.clear()
        assert model() is None
    finally:
        gc.enable()


def test_what_has_no_room_waits_and_is_answered_the_same(
    tiny: Path, adapter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask at once: rows stay within the bound, some are set aside and go on, each answer is its own."""
    from tuning_trainer.answering import generate

    prompts = {
        f"{i}": ask(tiny, "two " * (1 + i % 3), seed=i, temperature=1.5, max_output_tokens=60) for i in range(24)
    }
    prompts["tuned"] = ask(tiny, adapter=adapter, candidates=2)
    alone = {name: answer(prompt) for name, prompt in prompts.items()}
    room = 2 * 6 * 40 * Answering("cpu")._model((str(tiny), None, 0)).token_bytes
    monkeypatch.setattr(generate, "WRITING_BYTES", room)
    monkeypatch.setattr(generate, "_PARAMETER_BYTES", 0)
    answering, aside = Answering("cpu"), 0
    replies: dict[str, Reply] = {}
    for name, prompt in prompts.items():
        answering.submit(name, prompt)
    assert answering._queue
    while answering.busy:
        replies |= {one.id: one.reply for one in answering.advance() if isinstance(one, Finished)}
        for desk in answering._desks.values():
            assert len(desk.rows) == 1 or desk.used_bytes <= room * 1.1  # a token more since it was looked at
            aside += any(row.tokens for row in desk.waiting)
    assert {n: [a.text for a in r.answers] for n, r in replies.items()} == {
        n: [a.text for a in r.answers] for n, r in alone.items()
    }
    assert aside


def test_a_queued_request_is_refused_for_itself_alone(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words and with the code that it would have got at once; what lies where is for the log."""
    from tuning_trainer.answering import generate

    monkeypatch.setattr(generate, "WRITING_BYTES", 40 * Answering("cpu")._model((str(tiny), None, 0)).token_bytes)
    monkeypatch.setattr(generate, "_PARAMETER_BYTES", 0)
    answering = Answering("cpu")
    answering.submit("good", ask(tiny, candidates=4))
    answering.submit("long", ask(tiny, "x" * 300))
    answering.submit("gone", ask(tiny, adapter=str(tiny / "none")))
    outputs = []
    while answering.busy:
        outputs += list(answering.advance())
    refused = {one.id: (one.message, one.code) for one in outputs if isinstance(one, Refused)}
    assert refused["long"][1] == 3
    assert "leave no room within 40: 0 MiB hold no more" in refused["long"][0]
    assert refused["gone"] == (BROKEN, 13)
    assert [one.id for one in outputs if isinstance(one, Finished)] == ["good"]
