"""Tables of docs/reference that are the code's own words: commands, control API, methods, errors, limits, variables."""

from __future__ import annotations

import argparse
import asyncio
import html
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

from tuning_emulator.api.call import Api, relative_name
from tuning_emulator.app import Emulator, create_app
from tuning_emulator.cli import COMMANDS
from tuning_emulator.facts import emulator_errors
from tuning_emulator.facts.catalogue import Entry, list_entries
from tuning_emulator.proxy.variables import VARIABLES, Way
from tuning_emulator.settings import SETTINGS, Settings

_MANY_SETTINGS = 10
"""A command with so many of the settings has them all: ``serve`` and ``exec``."""

_FIGURE, _MODEL = "figure", "base model"


def format_row(*cells: str) -> str:
    """One row of a table. A bar in code is written so that every reader of Markdown shows it as a bar."""
    shown = (re.sub(r"`([^`]*\|[^`]*)`", _write_code, cell).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(shown) + " |\n"


def _write_code(found: re.Match[str]) -> str:
    return f"<code>{html.escape(found[1], quote=False).replace('|', '&#124;')}</code>"


def format_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    return format_row(*headings) + format_row(*("---" for _ in headings)) + "".join(format_row(*row) for row in rows)


def escape(text: str, *, marked: bool = False) -> str:
    """A text on one line so that Markdown shows it as it is; ``marked``: but for what stands between backticks."""
    parts = re.split(r"(`[^`]*`)", text) if marked else [text]
    return " ".join("".join(one if marked and one[:1] == "`" else _escape(one) for one in parts).split())


def _escape(text: str) -> str:
    return re.sub(r"([\\*`\[\]~]|(?<!\w)_|_(?!\w))", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


# --- the command line


def format_commands() -> str:
    """Every command with its arguments and options, as ``--help`` has them."""
    parts = []
    for name, (module_name, purpose) in COMMANDS.items():
        module = import_module(f"tuning_emulator.cli.{module_name}")
        parser = argparse.ArgumentParser(prog=f"tuning-emulator {name}")
        getattr(module, "COMMANDS", {}).get(name, module).add_arguments(parser)
        parts.append(f"\n## {name}\n\n{purpose[0].upper()}{purpose[1:]}.\n" + "".join(_format_parser(parser)))
    return "".join(parts) + "\n"


def _format_parser(parser: argparse.ArgumentParser) -> Iterator[str]:
    actions = list(parser._actions)  # noqa: SLF001 argparse tells its arguments by no other name
    settings = [one for one in actions if one.dest in SETTINGS]
    if len(settings) >= _MANY_SETTINGS:
        yield "\nIts options are [the settings](settings.md), and:\n"
        actions = [one for one in actions if one.dest not in SETTINGS]
    rows = [(_name_argument(one), _read_help(one)) for one in actions if _is_told(one)]
    if rows:
        yield "\n" + format_table(("argument", "what it says"), rows)
    for one in actions:
        if isinstance(one, argparse._SubParsersAction):  # noqa: SLF001 the same
            for name, inner in one.choices.items():
                yield f"\n### {parser.prog.rpartition(' ')[2]} {name}\n" + "".join(_format_parser(inner))


def _is_told(action: argparse.Action) -> bool:
    inner = isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 the same
    return not inner and action.help != argparse.SUPPRESS and action.dest != "help"


def _name_argument(action: argparse.Action) -> str:
    choices = "|".join(map(str, action.choices or ()))
    value = action.metavar or choices or (action.dest.upper() if action.option_strings else action.dest)
    shown = " ".join(value) if isinstance(value, tuple) else value
    if not action.option_strings:
        return f"`{shown}`"
    return f"`{', '.join(action.option_strings)}{'' if action.nargs == 0 else ' ' + shown}`"


def _read_help(action: argparse.Action) -> str:
    places = {**vars(action), "choices": ", ".join(map(str, action.choices or ()))}
    return escape((action.help or "") % places, marked=True)


# --- what answers


@contextmanager
def _emulator() -> Iterator[Emulator]:
    with tempfile.TemporaryDirectory() as folder:
        made = create_app(Settings(trainer="scripted", data_dir=Path(folder)))
        yield made
        asyncio.run(made.stop())


async def _describe_control(emulator: Emulator) -> dict[str, Any]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator), base_url="http://localhost") as client:
        return dict((await client.get("/emulator/openapi.json")).json())


def format_control() -> str:
    """Every method of the control API: what it does, what may be asked for, what its body has."""
    with _emulator() as emulator:
        document = asyncio.run(_describe_control(emulator))
    rows = []
    for path, verbs in document["paths"].items():
        for verb, one in verbs.items():
            query = [each["name"] for each in one.get("parameters", ()) if each["in"] == "query"]
            body = ", ".join(_list_body(one.get("requestBody", {}).get("content", {}), document))
            summary = escape(one["summary"], marked=True)
            rows.append((f"`{verb.upper()} {path}`", summary, ", ".join(f"`{name}`" for name in query), body))
    return format_table(("request", "what it does", "query", "body"), rows)


def _list_body(content: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for kind, one in content.items():
        schema = one.get("schema", {})
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        fields = (document["components"]["schemas"][name] if name else schema).get("properties", {})
        yield from [f"`{field}`" for field in fields] or [f"`{kind}`"]


def format_methods() -> str:
    """Every method of the APIs that is served: its HTTP bindings, and the versions that have it."""
    with _emulator() as emulator:
        assert emulator.storage is not None
        apis = (*emulator.dispatcher.router.apis, emulator.google_services.projects, *emulator.storage.grpc_apis)
        return "".join(_format_api(api) for api in apis) + "\n"


def _format_api(api: Api) -> str:
    found: dict[str, tuple[dict[str, None], list[str]]] = {}
    for version, schema in api.schemas.items():
        for method in schema.methods.values():
            name = relative_name(schema, method)
            if name in api.handlers:
                bindings, versions = found.setdefault(name, ({}, []))
                bindings |= dict.fromkeys(f"`{rule.verb} {rule.template}`" for rule in method.http)
                versions.append(version)
    rows = [(f"`{name}`", "<br>".join(each) or "gRPC alone", ", ".join(of)) for name, (each, of) in found.items()]
    return f"\n### {api.service}, {api.name}\n\n" + format_table(("method", "over HTTP", "versions"), rows)


def format_variables() -> str:
    """Every variable of the environment that leads a program here."""
    rows = []
    for one in VARIABLES:
        ways = ["yes" if one.way & way else "" for way in (Way.POINT, Way.LEAD)]
        rows.append((f"`{one.name}`", f"`{one.value}`" if one.value else "is unset", *ways, escape(one.readers)))
    return format_table(("variable", "value", "`env`", "`exec`", "read by"), rows)


# --- what the services say


def format_errors() -> str:
    """Every error text of the services, table by table."""
    return _format_entries(
        [one for one in list_entries() if one.kind not in (_FIGURE, _MODEL)],
        ("name", "code", "what it says", "grade", "source"),
        lambda one: (f"`{one.name}`", one.kind, escape(one.text), one.grade + one.days, escape(one.source)),
    )


def format_limits() -> str:
    """Every figure of the services, table by table; prices are with the base models."""
    return _format_entries(
        [one for one in list_entries() if one.kind == _FIGURE and not one.where.endswith("prices")],
        ("name", "figure", "grade", "source"),
        lambda one: (f"`{one.name}`", escape(one.text), one.grade + one.days, escape(one.source)),
    )


def _format_entries(
    entries: Sequence[Entry], headings: Sequence[str], describe: Callable[[Entry], Sequence[str]]
) -> str:
    parts = []
    for where in dict.fromkeys(one.where for one in entries):
        rows = [describe(one) for one in entries if one.where == where]
        parts.append(f"\n## {where[0].upper()}{where[1:]}\n\n" + format_table(headings, rows))
    return "".join(parts) + "\n"


def format_own_errors() -> str:
    """What only the emulator says."""
    rows = [(f"`{one.name}`", one.code.name, escape(one.text)) for one in emulator_errors.ROWS]
    return format_table(("name", "code", "what it says"), rows)
