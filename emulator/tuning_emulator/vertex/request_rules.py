"""What Vertex AI checks of a request for content beside contents, schemas and functions; one breach speaks alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.forms import list_built_in_tools
from tuning_emulator.core.rules import Rule
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.facts.limits import VERTEX_MAX_STOP_SEQUENCES
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.rules import check_fields, labels_fit

SEARCH_TOOLS = frozenset(
    ("google_search", "google_search_retrieval", "enterprise_web_search", "google_maps", "retrieval", "url_context")
) | {"parallel_ai_search", "exa_ai_search"}
"""What Google calls search tools is not listed anywhere; these look things up."""

_TEMPLATE = re.compile(r"projects/[^/]+/locations/[^/]+/templates/[^/]+")

LABEL_RULES: tuple[Rule[Value], ...] = (
    Rule(vertex_errors.LABEL_INVALID, lambda body: not labels_fit(body.get("labels") or {}), "labels"),
)


def check_content_request(body: Value, model: BaseModel) -> None:
    """Holds a request against the model's tools and the API's own limits.

    Raises:
        ApiError: it wants too much, or what does not go together.
    """
    check_fields(LABEL_RULES, body)
    for error in (*find_tool_breaches(body, model), *_find_safety_breaches(body), *_find_stop_breaches(body)):
        raise error


def find_tool_breaches(body: Value, model: BaseModel) -> Iterator[ApiError]:
    """Tools that a Gemini model has not, or not together; those of other models are not looked at."""
    if not model.id.startswith("gemini"):
        return
    for tool in list_built_in_tools(body):
        if tool in model.built_in_tools:
            continue
        if tool == "google_search_retrieval" and "google_search" in model.built_in_tools:
            yield vertex_errors.SEARCH_RETRIEVAL_OLD()
        yield vertex_errors.TOOL_NOT_SUPPORTED(tool=tool)
    tools = [tool for tool in body.get("tools") or () if any(value is not None for value in tool.values())]
    kinds = [name for tool in tools for name, value in tool.items() if value not in (None, [])]
    if len(kinds) > 1 and not set(kinds) <= SEARCH_TOOLS and not model.id.startswith("gemini-3"):
        yield vertex_errors.TOOLS_NOT_TOGETHER()


def _find_safety_breaches(body: Value) -> Iterator[ApiError]:
    armor: Value = body.get("model_armor_config") or {}
    if armor and body.get("safety_settings"):
        yield vertex_errors.MODEL_ARMOR_AND_SAFETY()
    for name in ("prompt_template_name", "response_template_name"):
        if armor.get(name) and not _TEMPLATE.fullmatch(armor[name]):
            yield vertex_errors.MODEL_ARMOR_TEMPLATE(name=armor[name])


def _find_stop_breaches(body: Value) -> Iterator[ApiError]:
    length = len((body.get("generation_config") or {}).get("stop_sequences") or ())
    if length > VERTEX_MAX_STOP_SEQUENCES.value:
        yield vertex_errors.STOP_SEQUENCES(length=length, limit=VERTEX_MAX_STOP_SEQUENCES.value)
