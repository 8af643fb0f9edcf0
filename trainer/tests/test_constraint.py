"""Answers that are held to a form: whatever a model would say, what it says fits."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest

from tests.models import CALL_TOKENS, write_llama, write_qwen
from tests.schemas import WRITTEN, draw_schema, make_object
from tuning_emulator.core.json_schema import normalise_schema
from tuning_trainer.answering.constraint import hold
from tuning_trainer.answering.generate import Answering, Delta, Finished, answer
from tuning_trainer.answering.vocabulary import InvalidFormError
from tuning_trainer.data.chat import load_chat
from tuning_trainer.spec import Answer, Form, Function, Prompt, Reply, Turn

CITY = json.dumps(make_object(city={"type": "string", "maxLength": 8}))
FUNCTIONS = (Function("get_weather", CITY), Function("stop"))
BLOCKS = int(os.environ.get("SCHEMA_BLOCKS", "4"))
CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose format has tokens for calls."""
    return write_llama(tmp_path_factory.mktemp("calling"), special=CALL_TOKENS)


def ask(model: Path, form: Form, *, text: str = "one", tokens: int = 400, **settings: Any) -> Answer:
    """The answer of a model that knows nothing."""
    prompt = Prompt((Turn("user", text),), base_model=str(model), max_output_tokens=tokens, form=form, **settings)
    return answer(prompt, "cpu").answers[0]


def check(schema: dict[str, Any], given: Answer) -> Any:
    """The instance that was answered."""
    assert given.finish == "STOP"
    value = json.loads(given.text)
    jsonschema.Draft202012Validator(schema, format_checker=CHECKER).validate(value)
    return value


@pytest.mark.parametrize("temperature", [0.0, 3.0])
@pytest.mark.parametrize("name", WRITTEN)
def test_an_answer_is_an_instance(name: str, temperature: float, calling: Path) -> None:
    """Likeliest or drawn; the schema that the client wrote holds, not only the one that was made of it."""
    form = Form(schema=json.dumps(normalise_schema(WRITTEN[name])))
    check(WRITTEN[name], ask(calling, form, temperature=temperature, seed=7))


@pytest.mark.parametrize("block", range(BLOCKS))
def test_answers_fit_whatever_the_schema(block: int, calling: Path) -> None:
    """Schemas at random, ten at once; ``SCHEMA_BLOCKS=1000`` tries ten thousand."""
    random = Random(block)
    schemas = {str(number): draw_schema(random) for number in range(10)}
    answering = Answering("cpu")
    for name, schema in schemas.items():
        form = Form(schema=json.dumps(normalise_schema(schema)))
        turns = (Turn("user", random.choice(("one", "two", "ü"))),)
        answering.submit(name, Prompt(turns, base_model=str(calling), max_output_tokens=400, form=form, temperature=2))
    replies: dict[str, Reply] = {}
    while answering.busy:
        replies |= {output.id: output.reply for output in answering.advance() if isinstance(output, Finished)}
    assert replies.keys() == schemas.keys()
    for name, reply in replies.items():
        check(schemas[name], reply.answers[0])


def test_an_answer_ends_before_the_limit(calling: Path) -> None:
    """A model that would go on for ever is brought to an end; one whose limit holds no instance is cut off."""
    schema = make_object(text={"type": "string"}, more={"type": "array", "items": {"type": "string"}})
    form = Form(schema=json.dumps(schema))
    for tokens in (60, 100):
        given = ask(calling, form, tokens=tokens)
        check(schema, given)
        assert given.tokens <= tokens
    assert ask(calling, form, tokens=10).finish == "MAX_TOKENS"


def test_one_of_several_texts(calling: Path) -> None:
    """A choice may hold what JSON would escape, and begin as another does."""
    choices = ("no", "no way", 'say "yes"\n', "ü")
    assert {ask(calling, Form(choices=choices), temperature=5, seed=seed).text for seed in range(12)} <= set(choices)
    assert ask(calling, Form(choices=("only",))).text == "only"


@pytest.mark.parametrize("with_tokens", [True, False])
def test_a_call_that_has_to_be(with_tokens: bool, calling: Path, tmp_path: Path) -> None:
    """Of a declared function, with arguments that fit; in formats with tokens for calls and without."""
    model = calling if with_tokens else write_qwen(tmp_path)
    given = ask(model, Form(functions=FUNCTIONS[:1], calling="any"))
    assert given.call
    for line in given.text.splitlines():
        name, _, arguments = line.partition(" ")
        assert name == "get_weather"
        jsonschema.validate(json.loads(arguments), json.loads(CITY))


def test_no_call_where_none_is_wanted(calling: Path) -> None:
    """Not even by a model that likes nothing better."""
    answers = [
        ask(calling, Form(functions=FUNCTIONS, calling="none"), temperature=9, seed=s, tokens=3) for s in range(20)
    ]
    assert not any(given.call for given in answers)


def test_a_call_or_an_instance(calling: Path) -> None:
    """Where both a schema and functions are given, an answer is one of the two."""
    form = Form(schema=json.dumps(make_object(a={"type": "integer"})), functions=FUNCTIONS)
    kinds = set()
    for seed in range(30):
        given = ask(calling, form, temperature=20, seed=seed)
        kinds.add(given.call)
        if given.call:
            assert {line.partition(" ")[0] for line in given.text.splitlines()} <= {"get_weather", "stop"}
        else:
            check(make_object(a={"type": "integer"}), given)
    assert kinds == {True, False}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (Form(schema='{"type": "object", "minProperties": 2, "properties": {"a": {}}}'), "minProperties|min/max"),
        (Form(schema='{"type": "string", "pattern": "(?=a)"}'), "regex"),
        (Form(schema='{"$ref": "#/$defs/none"}'), "none|ref"),
        (Form(schema='{"type": "string", "minLength": 5, "maxLength": 1}'), "unsatisfiable|maxLength|minLength"),
    ],
)
def test_forms_that_cannot_be_kept_are_refused(form: Form, words: str, calling: Path) -> None:
    """By what they say, before a token is written."""
    with pytest.raises(InvalidFormError, match=f"^form: .*({words})"):
        hold(form, load_chat(calling), 100)


def test_pieces_of_a_stream_are_the_answer(calling: Path) -> None:
    """Put together; whole characters each."""
    schema = make_object(a={"type": "string", "maxLength": 30}, b={"type": "boolean"})
    answering = Answering("cpu")
    prompt = Prompt((Turn("user", "one"),), base_model=str(calling), form=Form(schema=json.dumps(schema)))
    answering.submit("it", prompt, stream=True)
    pieces, whole = "", ""
    while answering.busy:
        for output in answering.advance():
            if isinstance(output, Delta):
                pieces += output.text
            elif isinstance(output, Finished):
                whole = output.reply.answers[0].text
    assert pieces == whole
    jsonschema.validate(json.loads(whole), schema)


def test_tokens_are_told(calling: Path) -> None:
    """The mean is that of the tokens chosen; greedy, each is the likeliest; the text is theirs."""
    given = ask(calling, Form(), tokens=8, alternatives=3)
    assert len(given.chosen) == given.tokens == len(given.likeliest)
    assert given.logprob == pytest.approx(sum(token.logprob for token in given.chosen) / given.tokens)
    for chosen, likeliest in zip(given.chosen, given.likeliest, strict=True):
        assert likeliest[0] == chosen
        assert len(likeliest) == 3
        assert [token.logprob for token in likeliest] == sorted((token.logprob for token in likeliest), reverse=True)
    assert ask(calling, Form(), tokens=8).chosen == ()
    assert ask(calling, Form(), tokens=8, alternatives=0).likeliest[0] == ()


def test_tokens_that_cannot_come_are_not_told(calling: Path) -> None:
    """Of an answer with two possible beginnings no third is named."""
    given = ask(calling, Form(choices=("a", "b")), alternatives=5)
    assert [len(place) for place in given.likeliest] == [2]


def test_penalties_make_repetition_rarer(calling: Path) -> None:
    """A model that repeats itself stops doing so; a negative penalty makes it worse."""
    plain = ask(calling, Form(), tokens=30, alternatives=0)
    once = ask(calling, Form(), tokens=30, alternatives=0, presence_penalty=2.0, frequency_penalty=2.0)
    more = ask(calling, Form(), tokens=30, alternatives=0, frequency_penalty=-2.0)
    sizes = [len({token.id for token in given.chosen}) for given in (more, plain, once)]
    assert sizes[0] <= sizes[1] < sizes[2]


def test_what_may_be_left_out_is_left_out_where_it_has_no_room(calling: Path) -> None:
    """Four long texts fit into what the model reads when nothing optional stands beside them."""
    item = make_object(**{"x-y": {"type": "string", "minLength": 2}, "ü": {"type": "string", "format": "uuid"}})
    item["properties"] = {"name": {"type": "string", "minLength": 3}, **item["properties"]}
    pair = {"type": "array", "items": item, "minItems": 2}
    schema = {"type": "array", "items": pair, "minItems": 2, "maxItems": 2}
    given = ask(calling, Form(schema=json.dumps(normalise_schema(schema))), tokens=240, temperature=2)
    assert "name" not in json.dumps(check(schema, given))
