"""Chat templates, rendered as transformers renders them and without it: in a sandbox, with the names they expect."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any, TypeAlias

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

Render: TypeAlias = Callable[..., str]

TODAY = date(2024, 7, 26)
"""What a template that asks for the day is told: always the same, so that the same job gives the same bytes. It is what
Llama's templates take where nobody can tell them."""


class InvalidTemplateError(ValueError):
    """A chat template cannot be read, or refuses a conversation; the text says why."""


class _Generation(Extension):
    """``{% generation %}…{% endgeneration %}`` around what an assistant says: only a mark, its content is rendered."""

    tags = {"generation"}  # noqa: RUF012 jinja's own declaration

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)


def compile_template(text: str) -> Render:
    """What renders a template with the variables given to it.

    Raises:
        InvalidTemplateError: it is not a template; also raised by what is returned, for conversations it refuses.
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    environment.globals |= {"raise_exception": _refuse, "strftime_now": TODAY.strftime}
    environment.filters["tojson"] = _to_json
    try:
        template = environment.from_string(text)
    except TemplateError as error:
        raise InvalidTemplateError(f"line {getattr(error, 'lineno', 0)}: {error}") from error

    def render(**variables: Any) -> str:
        try:
            return template.render(**variables)
        except InvalidTemplateError:
            raise
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise InvalidTemplateError(str(error)) from error

    return render


def _refuse(message: str) -> str:
    raise InvalidTemplateError(message)


def _to_json(value: Any, indent: int | None = None, **options: Any) -> str:
    """As Python writes it: jinja's own would escape what HTML does not bear."""
    return json.dumps(value, ensure_ascii=options.pop("ensure_ascii", False), indent=indent, **options)
