"""The command line's own argparse: of what is wrong it says which option, which value, and what would be right."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

_ABOUT = re.compile(r"argument (?P<names>\S+): (?P<text>.*)", re.DOTALL)
_REQUIRED = "the following arguments are required: "


class Parser(argparse.ArgumentParser):
    """Answers what is wrong in two lines: what, and where the rest can be read.

    Options have to be written out: one that is nearly known is named, not guessed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["allow_abbrev"] = False
        super().__init__(*args, **kwargs)
        self.set_defaults(parser=self)  # of the command that was parsed last: whom ``refuse`` is asked of
        self._given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; remembers what was given, for the error's text."""
        self._given = list(args or ())
        return super().parse_known_args(args, namespace)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Ends the program over arguments that nothing takes."""
        name = next((one for one in unknown if one.startswith("-") and one != "--"), None)
        if name is None:
            self._end(f"{unknown[0]!r} is one argument too many for {self.prog}")
        name = name.partition("=")[0]
        self._end(f"{name}: {self.prog} has no such option{_suggest(name, self._option_string_actions)}")

    def error(self, message: str) -> NoReturn:
        """What argparse found, in our words."""
        if message.startswith(_REQUIRED):
            if unknown := [*self._find_unknown()]:  # what is missing is misspelt, or the reader will see next time
                self.refuse(unknown)
            self._end(f"{message.removeprefix(_REQUIRED)}: {self.prog} needs it")
        if (about := _ABOUT.fullmatch(message)) is None:
            self._end(message)
        names = about["names"].split("/")
        action = self._option_string_actions.get(names[0])
        text = about["text"]
        if text.startswith("expected ") and action is not None:
            text = f"its value is missing: {names[-1]} {_name_value(action)}  {self._expand_help(action)}"
        elif text.startswith("ignored explicit argument"):
            text = "it takes no value"
        elif text.startswith("not allowed with argument "):
            text = f"it cannot be given together with {text.removeprefix('not allowed with argument ')}"
        self._end(f"{names[-1]}: {text}")

    def _expand_help(self, action: argparse.Action) -> str:
        return self._get_formatter()._expand_help(action) if action.help else ""  # noqa: SLF001 the one way to it

    def _find_unknown(self) -> Iterator[str]:
        for one in self._given:
            if one == "--":
                return
            if re.match(r"--?[A-Za-z]", one) and one.partition("=")[0] not in self._option_string_actions:
                yield one

    def _end(self, text: str) -> NoReturn:
        self.exit(2, f"tuning-emulator: {text}\nsee {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Whether it is among an argument's choices; the nearest of them is named, then all."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        raise argparse.ArgumentError(
            action, f"{value!r} is none of {', '.join(choices)}{_suggest(str(value), choices)}"
        )


def _suggest(text: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # late: only where something is wrong

    near = [] if text.isdigit() else get_close_matches(text, [*known], n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _name_value(action: argparse.Action) -> str:
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())
