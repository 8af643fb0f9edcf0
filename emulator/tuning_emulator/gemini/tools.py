"""What the Gemini API checks of tools that models bring along: which of them a model has, and what goes together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tuning_emulator.core.errors import ErrorText
from tuning_emulator.core.forms import list_built_in_tools, list_declarations
from tuning_emulator.core.rules import Breaches, Rule, Values
from tuning_emulator.facts import gemini_errors

if TYPE_CHECKING:
    from tuning_emulator.gemini.prompts import ContentRequest

_NEWER = "gemini-3"
"""From which on tools go together."""


def _list_lacking(asked: ContentRequest) -> list[str]:
    """Tools of a request that its model has not; tuned models have none (assumed)."""
    has = () if asked.is_tuned else asked.base.built_in_tools
    return [tool for tool in list_built_in_tools(asked.body) if tool not in has]


def _lacks_retrieval(asked: ContentRequest) -> bool:
    return "google_search_retrieval" in _list_lacking(asked) and "google_search" in asked.base.built_in_tools


def _lacks_search(asked: ContentRequest) -> bool:
    lacking = _list_lacking(asked)
    old = "google_search_retrieval" in lacking and "google_search" not in asked.base.built_in_tools
    return "google_search" in lacking or old


def _find_lacking(asked: ContentRequest) -> Iterator[Values]:
    others = ("google_search", "google_search_retrieval", "code_execution")
    return ({"tool": tool} for tool in _list_lacking(asked) if tool not in others)


def _mixes(row: ErrorText) -> Callable[[ContentRequest], Breaches]:
    def check(asked: ContentRequest) -> Breaches:
        tools = list_built_in_tools(asked.body)
        mixed = bool(tools) and bool(list_declarations(asked.body)) and not asked.base.id.startswith(_NEWER)
        values = {"tools": ", ".join(tools)} if "tools" in row.placeholders else {}
        return mixed and asked.day.holds(row) and values

    return check


def _find_mime_type(asked: ContentRequest) -> Breaches:
    mixed = bool(list_built_in_tools(asked.body)) and asked.mime_type != "text/plain"
    return mixed and not asked.base.id.startswith(_NEWER) and {"mime_type": asked.mime_type}


def _circulates(asked: ContentRequest) -> bool:
    config = asked.body.get("tool_config") or {}
    return bool(config.get("include_server_side_tool_invocations")) and not asked.base.id.startswith(_NEWER)


TOOL_RULES: tuple[Rule[ContentRequest], ...] = (
    Rule(gemini_errors.SEARCH_RETRIEVAL_OLD, _lacks_retrieval),
    Rule(gemini_errors.SEARCH_NOT_SUPPORTED, _lacks_search),
    Rule(gemini_errors.CODE_EXECUTION, lambda asked: "code_execution" in _list_lacking(asked)),
    Rule(gemini_errors.TOOL_NOT_SUPPORTED, _find_lacking),
    Rule(gemini_errors.TOOL_CONTEXT, _circulates),
    *(Rule(row, _mixes(row)) for row in gemini_errors.TOOLS_WITH_FUNCTIONS_TEXTS),
    Rule(gemini_errors.TOOLS_WITH_MIME_TYPE, _find_mime_type),
)
"""Each speaks alone."""
