"""The filter of listing tuned models: words looked for in name and description, and who the models belong to.

Source: googleapis google/ai/generativelanguage/v1beta/model_service.proto, ListTunedModelsRequest.filter. All terms
must hold (assumed). Models shared with everyone alone are left out unless the filter asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tuning_emulator.api.call import Caller
from tuning_emulator.api.listing import format_page_token, parse_page_token, read_page_size
from tuning_emulator.core.errors import Fact
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import Permission, TuningJob
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.limits import GEMINI_PAGE_MAX
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import Store


def _grants(permission: Permission, caller: Caller) -> bool:
    """Whether the permission is the caller's own, not everyone's."""
    return permission.grantee_type != "EVERYONE" and permission.email.lower() == caller.principal.lower()


def _has_own_role(role: str) -> Callable[[Iterable[Permission], Caller], bool]:
    def holds(permissions: Iterable[Permission], caller: Caller) -> bool:
        return any(p.role == role and _grants(p, caller) for p in permissions)

    return holds


def _is_for_everyone(permissions: Iterable[Permission], _: Caller) -> bool:
    return any(p.grantee_type == "EVERYONE" for p in permissions)


OPERATORS: Mapping[str, Callable[[Iterable[Permission], Caller], bool]] = {
    "owner:me": _has_own_role("OWNER"),
    "writers:me": _has_own_role("WRITER"),
    "readers:me": _has_own_role("READER"),
    "readers:everyone": _is_for_everyone,
}
_FIELDS = frozenset(operator.partition(":")[0] for operator in OPERATORS)


class Search(Struct, frozen=True):
    """A filter: lower-case words, and terms of ``OPERATORS``."""

    words: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()

    def matches(self, job: TuningJob, permissions: Sequence[Permission], caller: Caller) -> bool:
        """Whether a listing for the caller has the tuned model."""
        text = f"{job.display_name} {job.description}".lower()
        if not all(word in text for word in self.words):
            return False
        if self.operators:
            return all(OPERATORS[operator](permissions, caller) for operator in self.operators)
        return any(_grants(one, caller) for one in permissions) or _is_reader_project(job, caller)


def _is_reader_project(job: TuningJob, caller: Caller) -> bool:
    numbers = job.reader_project_numbers
    return bool(numbers) and caller.project != "" and int(project_number(caller.project)) in numbers


def parse_search(text: str) -> Search:
    """Reads a filter.

    Raises:
        ApiError: INVALID_ARGUMENT, an operator has an unknown value (``owner:somebody``).
    """
    words: list[str] = []
    operators: list[str] = []
    for term in text.split():
        if term.lower() in OPERATORS:
            operators.append(term.lower())
        elif term.partition(":")[0].lower() in _FIELDS and ":" in term:
            raise gemini_errors.FILTER(term=term, known=", ".join(OPERATORS))
        else:
            words.append(term.strip("\"'").lower())
    return Search(tuple(word for word in words if word), tuple(operators))


# --- pages of lists


class Page(Struct, frozen=True):
    """Which part of a list is asked for.

    Attributes:
        start: Position where the page begins: an index, or the uid after which it does.
        query: What the token is good for.
    """

    size: int
    start: int
    query: Mapping[str, Any]

    def format_token(self, position: int) -> str:
        """The token of the page that begins there."""
        return format_page_token(str(position), self.query)


def read_page(request: Value, default: Fact[int], **query: str) -> Page:
    """The page that a list request asks for.

    Raises:
        ApiError: INVALID_ARGUMENT, a negative size or a token of another query.
    """
    size = read_page_size(request.get("page_size", 0), default.value, GEMINI_PAGE_MAX.value)
    return Page(size, int(parse_page_token(request.get("page_token", ""), query) or 0), query)


def list_jobs(
    store: Store, page: Page, principal: str, is_wanted: Callable[[TuningJob], bool]
) -> tuple[list[TuningJob], str]:
    """The wanted tuned models of a page, oldest first, and the token of the next page ("" on the last)."""
    found: list[TuningJob] = []
    uid, wanted = page.start, page.size + 1
    while len(found) < wanted:
        batch = store.list_tuned_models_for(principal, uid, wanted)
        found += filter(is_wanted, batch)
        if len(batch) < wanted:
            break
        uid = batch[-1].uid
    more = len(found) >= wanted
    return found[: page.size], page.format_token(found[page.size - 1].uid) if more else ""
