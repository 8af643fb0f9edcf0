"""Whatever is wrong with a command line, its answer names the option, the value and what would be right."""

from __future__ import annotations

import argparse
import contextlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tuning_emulator.cli import COMMANDS, main, make_parser
from tuning_emulator.cli.values import want_new_file
from tuning_emulator.settings import SETTINGS, name_option

NOBODY = "http://127.0.0.1:1"
NO_VALUE = "@@"


class Option(NamedTuple):
    """An option of a command."""

    command: tuple[str, ...]
    name: str
    action: argparse.Action

    @property
    def takes_value(self) -> bool:
        return self.action.nargs != 0


def list_parsers(
    parser: argparse.ArgumentParser, name: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Every command, and every command of a command."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if name and not inner:
        yield name, parser
    for action in inner:
        for word, command in action.choices.items():
            yield from list_parsers(command, (*name, word))


PARSERS = dict(list_parsers(make_parser()))
OPTIONS = [
    Option(command, name, action)
    for command, parser in PARSERS.items()
    for action in parser._actions
    for name in action.option_strings[-1:]
    if name != "--help"
]


def refuse(*arguments: str) -> str:
    """What a command says that cannot be understood: one line, then where to read on."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(arguments)
    assert (ended.value.code, out.getvalue()) == (2, "")
    said, rest = err.getvalue().split("\nsee ")
    assert said.startswith("tuning-emulator: ")
    assert rest.endswith(" --help\n")
    return said.removeprefix("tuning-emulator: ")


def mark(option: Option) -> str:
    return " ".join((*option.command, option.name))


def test_all_commands_are_looked_at() -> None:
    assert {command[0] for command in PARSERS} == set(COMMANDS)
    assert len(OPTIONS) > 150


@given(option=st.sampled_from(OPTIONS), data=st.data())
def test_a_misspelt_option_is_named_with_the_one_that_was_meant(option: Option, data: st.DataObject) -> None:
    """One letter left out, doubled, swapped or mistyped, wherever, with a value or none."""
    word = option.name[2:]
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("aeoknz"))
    wrong = data.draw(
        st.sampled_from(
            (
                word[:place] + word[place + 1 :],
                word[:place] + letter + word[place:],
                word[:place] + letter + word[place + 1 :],
                word[:place] + word[place : place + 2][::-1] + word[place + 2 :],
            )
        )
    )
    known = PARSERS[option.command]._option_string_actions
    assume(len(word) > 3 and wrong[:1].isalpha() and f"--{wrong}" not in known)
    said = refuse(*option.command, data.draw(st.sampled_from((f"--{wrong}", f"--{wrong}=1"))))
    start, _, near = said.partition("; did you mean ")
    assert start == f"--{wrong}: tuning-emulator {' '.join(option.command)} has no such option"
    assert near.removesuffix("?") in known


@pytest.mark.parametrize("option", OPTIONS, ids=mark)
def test_a_value_that_is_missing_or_too_many(option: Option) -> None:
    """The option, and what its value is; or that it takes none."""
    given = [f"{option.name}=1"] if not option.takes_value else [option.name]
    said = refuse(*option.command, *given)
    assert said.startswith(f"{option.name}: ")
    wanted = "it takes no value" if not option.takes_value else f"its value is missing: {option.name} "
    assert wanted in said


@pytest.mark.parametrize(
    "option",
    [one for one in OPTIONS if one.action.choices or one.action.type not in (None, Path, str, want_new_file)],
    ids=mark,
)
def test_a_value_of_another_kind(option: Option) -> None:
    """The option, the value, and what is wanted: numbers, choices, addresses, JSON."""
    said = refuse(*option.command, f"{option.name}={NO_VALUE}")
    assert said.startswith(f"{option.name}: {NO_VALUE!r} is n")
    if option.action.choices and option.action.type is None:
        assert all(str(choice) in said for choice in option.action.choices)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["journal", "--limit", "0"], "--limit: 0 is not a whole number of 1 or more"),
        (["validate", "x", "--max-errors", "-1"], "--max-errors: -1 is not a whole number of 0 or more"),
        (["validate", "x", "--processes", "-1"], "--processes: -1 is not a whole number of 0 or more"),
        (["tune", "x", "--epochs", "9" * 30], f"--epochs: {'9' * 30} is too large; at most 2147483647 counts"),
        (["tune", "x", "--learning-rate-multiplier", "inf"], "--learning-rate-multiplier: 'inf' is not a number"),
        (["tune", "x", "--adapter-size", "3"], "--adapter-size: 3 is none of 1, 2, 4, 8, 16, 32"),
        (["clock", "--advance", "nan"], "--advance: 'nan' is not a number"),
        (["export", "none/x.tar.gz"], "file: 'none/x.tar.gz' is not possible: its folder is not there"),
        (["export", "."], "file: '.' is not possible: it is a folder; give a file"),
        (["demo", "--svg", "none/x.svg"], "--svg: 'none/x.svg' is not possible: its folder is not there"),
        (
            ["journal", "--status", "teapot"],
            "--status: 'teapot' is neither a status like 404 or 4xx, nor a code like NOT_FOUND",
        ),
        (["clock", "--freeze", "--resume"], "--resume: it cannot be given together with --freeze"),
        (["reset", "everything"], "'everything' is one argument too many for tuning-emulator reset"),
        (["validate"], "dataset: tuning-emulator validate needs it"),
        (["convert", "a", "b"], "--to: tuning-emulator convert needs it"),
        (["models", "ad", "x"], "list|add|remove|verify: 'ad' is none of list, add, remove, verify; did you mean add?"),
    ],
)  # fmt: skip
def test_values_out_of_range_and_arguments_too_many(arguments: list[str], said: str) -> None:
    """What is not possible, what cannot be together, what nobody takes, what is missing."""
    assert refuse(*arguments) == said


def test_a_misspelt_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest one; all of them; and without any the help."""
    assert refuse("vaildate", "x").endswith("; did you mean validate?")
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    [name for name, one in SETTINGS.items() if isinstance(one.default, int | float) and one.default is not False],
)
def test_a_setting_of_another_kind(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``serve`` looks at all of them before it starts, and names those that are wrong."""
    assert main(["serve", "--port", "much", name_option(name), NO_VALUE]) == 2
    said = capsys.readouterr().err
    assert f"tuning-emulator: {name_option(name)}: " in said
    assert NO_VALUE in said


@pytest.mark.parametrize(
    "url", ["localhost:8790", "127.0.0.1", "ftp://x", "http://", "http://h:port", "http://h:0", "http://a b"]
)
@pytest.mark.parametrize(
    "command", [command for command, parser in PARSERS.items() if "--url" in parser._option_string_actions]
)
def test_an_address_that_is_none(command: tuple[str, ...], url: str) -> None:
    """Scheme, host, and a port that is a number, said before anything is asked."""
    said = refuse(*command, "--url", url)
    assert said == f"--url: {url!r} is not an address like http://127.0.0.1:8790"


ALONE = {
    "tune": ["tune", "{file}"],
    "exec": ["exec"],
    "export-adapter": ["export-adapter", "tunedModels/x", "{folder}/new"],
    "export": ["export", "{folder}/new"],
    "import": ["import", "{file}"],
}


REACHING = [
    command[0]
    for command, parser in PARSERS.items()
    if "--url" in parser._option_string_actions and command[0] not in ("models", "doctor")
]
"""Commands that do nothing without a server."""


def ask(capsys: pytest.CaptureFixture[str], folder: Path, command: str, url: str) -> str:
    """The one line that a command says of a server; nothing is written."""
    file = folder / "pairs.jsonl"
    file.write_text('{"text_input": "1", "output": "2"}\n' * 20)
    arguments = [one.format(file=file, folder=folder) for one in ALONE.get(command, [command])]
    end = ["--", "true"] if command == "exec" else []
    assert main([*arguments, "--url", url, *end]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "; start it" in said
    assert [one.name for one in folder.iterdir()] == [file.name]
    return said


@pytest.mark.parametrize("command", REACHING)
def test_a_server_that_is_not_there(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its address, and what to do."""
    assert f"answers at {NOBODY}: " in ask(capsys, tmp_path, command, NOBODY)


class _Other(BaseHTTPRequestHandler):
    """Somebody else's server."""

    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 names of http.server

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("command", REACHING)
def test_a_server_that_is_no_emulator(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its page is not printed."""
    with HTTPServer(("127.0.0.1", 0), _Other) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            said = ask(capsys, tmp_path, command, f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert f"answers at http://127.0.0.1:{server.server_port}: HTTP " in said
    assert "<" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["validate", "none.jsonl"], "none.jsonl: No such file or directory"),
        (["tune", "none.jsonl"], "none.jsonl: No such file or directory"),
        (["rehearse", "none.jsonl"], "none.jsonl: No such file or directory"),
        (["convert", "none.jsonl", "x", "--to", "vertex"], "none.jsonl: No such file or directory"),
        (["validate", "-"], "--api: a pipe is read once, so the data's form cannot be seen before; give --api"),
        (["validate", "{pairs}", "--adapter-size", "4"], "--adapter-size: the Gemini API has no such parameter; {out}"),
        (["validate", "{pairs}", "--location", "x"], "--location: the Gemini API has no regions; {out}"),
        (["tune", "{pairs}", "--validation", "x"], "--validation: the Gemini API takes no validation dataset; {out}"),
        (["validate", "{pairs}", "--as-of", "soon"], "--as-of: 'soon' is not a date like 2024-08-01, nor `today`"),
    ],
)  # fmt: skip
def test_files_and_options_that_do_not_go_together(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is seen only after the command line has been read, in the same words."""
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"text_input": "1", "output": "2"}\n' * 20)
    assert main([one.format(pairs=pairs) for one in arguments]) == 2
    assert capsys.readouterr().err == f"tuning-emulator: {said.format(out='leave it out')}\n"
