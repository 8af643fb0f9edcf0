"""Faults made on purpose: which calls they are for, when they fire, and what they then do."""

from __future__ import annotations

import asyncio
import fnmatch
import random
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from tuning_emulator.api.exchange import (
    BrokenConnectionError,
    Cut,
    Exchange,
    Manner,
    PageError,
    find_project_of,
    find_resource,
    find_test,
    same_project,
)
from tuning_emulator.core.as_of import Calendar, Day
from tuning_emulator.core.errors import ApiError, Code, ErrorText, retry_info
from tuning_emulator.facts import gemini_errors, google_errors, vertex_errors
from tuning_emulator.middleware.named_faults import find_named_fault

LONGEST_WAIT_S = 3600.0
_ID = "fault-"
PAGES = ("502",)
"""Answers that come from the front end alone, as an HTML page."""


class FaultError(ValueError):
    """A fault that can never fire; the text names the field and the value and says what would be right."""


@dataclass(frozen=True)
class Fault:
    """A fault as it is written down. It fires on the calls that match all of the first group.

    Attributes:
        api: ``gemini`` or ``vertex``. method: Glob over the name as the protos have it, with or without its service:
            ``GetTunedModel``, ``GenAiTuningService.*``. project: Id or number. resource: Glob over the resource's name,
            of lists and creates the parent's. transport: ``rest`` or ``grpc``. test: The ``x-tuning-emulator-test``
            header.
        nth: Which of the matching calls, from 1. after: How many matching calls to let pass first. times: How often
            to fire. probability: Chance of each call, which needs a ``seed``.
        name: Answer a trouble by its name (`faults:choices`), on the calls that meet it unless ``method`` says which.
        before_credentials: Fires before anyone looks who calls; otherwise those whom the service refuses count not.
        wait_s: Real seconds to wait first, or alone.
        code: Answer this: name of a canonical code, an HTTP status, or 502 for the front end's HTML page.
        message: Instead of the service's own words. details: ``google.rpc`` messages as JSON, each with ``@type``.
        quota: Answer RESOURCE_EXHAUSTED in the words for a quota that is used up.
        retry_delay_s: Adds ``RetryInfo``. retry_after_s: Adds a ``Retry-After`` header (not recorded on the services).
        break_at: Break the connection, at the ``start`` before any byte or in the middle of the answer's ``body``.
        after_bytes: How much of the body goes out; half of it if not given.
        cut_after: End a stream after so many messages, with ``code`` as an error in the stream, or by breaking.
        manner: How the connection breaks.
    """

    api: Literal["", "gemini", "vertex"] = ""
    method: str = "*"
    project: str = ""
    resource: str = "*"
    transport: Literal["", "rest", "grpc"] = ""
    test: str = ""

    nth: tuple[int, ...] = ()
    after: int = 0
    times: int | None = None
    probability: float | None = None
    seed: int | None = None

    name: str = ""
    before_credentials: bool = False
    wait_s: float = 0
    code: str = ""
    message: str | None = None
    details: tuple[dict[str, Any], ...] = ()
    quota: Quota | None = None
    retry_delay_s: float | None = None
    retry_after_s: float | None = None
    break_at: Literal["", "start", "body"] = ""
    after_bytes: int | None = None
    cut_after: int | None = None
    manner: Manner = "close"

    def __post_init__(self) -> None:
        """Raises ValueError: the fields do not go together; the text names them."""
        if self.code and self.code not in PAGES:
            parse_code(self.code)
        if self.name:
            named = find_named_fault(self.name)
            if self.api not in ("", *named.rows):
                raise ValueError(f"api: {self.name} is said by {', '.join(named.rows)} alone, not by {self.api}")
            if self.code or self.quota or self.message is not None:
                raise ValueError("name: says what is answered; leave code, quota and message out")
        _check_timing(self)
        _check_action(self)


def _check_timing(fault: Fault) -> None:
    if fault.nth and (fault.after or fault.times or fault.probability):
        raise ValueError("nth: says exactly which calls; leave after, times and probability out")
    if (fault.probability is None) != (fault.seed is None):
        raise ValueError("probability, seed: give both, so that every run is the same, or neither")


def _check_action(fault: Fault) -> None:
    answers = bool(fault.code or fault.quota or fault.name)
    if not (answers or fault.wait_s or fault.break_at or fault.cut_after):
        raise ValueError("nothing to do: give one of name, code, quota, wait_s, break_at and cut_after")
    if fault.break_at and (answers or fault.cut_after):
        raise ValueError("break_at: a broken connection answers nothing; leave name, code, quota and cut_after out")
    if fault.quota and fault.code and parse_code(fault.code) is not Code.RESOURCE_EXHAUSTED:
        raise ValueError(f"code: {fault.code!r} with quota; a quota answers RESOURCE_EXHAUSTED")
    texts = (fault.message, fault.details or None, fault.retry_delay_s, fault.retry_after_s)
    if any(text is not None for text in texts) and (not answers or fault.code in PAGES):
        raise ValueError("message, details, retry_delay_s, retry_after_s: belong to an answer; give its name or code")
    if fault.code in PAGES and fault.cut_after:
        raise ValueError(f"code: {fault.code!r} is a page and cannot end a stream; give a canonical code")
    if fault.after_bytes is not None and fault.break_at != "body":
        raise ValueError("after_bytes: belongs to break_at 'body'")
    for detail in fault.details:
        if not str(detail.get("@type", "")).startswith("type.googleapis.com/"):
            raise ValueError(f"details: {detail!r} has no @type like 'type.googleapis.com/google.rpc.RetryInfo'")


@dataclass(frozen=True)
class SavedFault:
    """A fault and its counters, as a state archive holds them."""

    id: str
    fault: Fault
    matched: int
    fired: int


class ArmedFault:
    """A fault in force, and its counters.

    Attributes:
        matched: Calls that it is for, so far. fired: Those that it has disturbed.
        released: Set when it is taken away, which ends the waiting of those that it holds.
    """

    def __init__(self, identifier: str, fault: Fault) -> None:
        self.id = identifier
        self.fault = fault
        self.matched = 0
        self.fired = 0
        self.released = asyncio.Event()
        self._random = random.Random(fault.seed)
        named = find_named_fault(fault.name) if fault.name else None
        self._apis = (fault.api,) if fault.api else tuple(named.rows) if named else ()
        methods = named.methods if named and fault.method == "*" else (fault.method,)
        self._method = re.compile("|".join(map(fnmatch.translate, methods)))
        self._resource = re.compile(fnmatch.translate(fault.resource))

    def takes_method(self, api: str, name: str) -> bool:
        """Whether it is for a method, by relative name."""
        if self._apis and api not in self._apis:
            return False
        return bool(self._method.match(name) or self._method.match(name.rpartition(".")[2]))

    def matches(self, exchange: Exchange) -> bool:
        """Whether it is for this call."""
        fault = self.fault
        return (
            self.takes_method(exchange.api, exchange.method)
            and fault.transport in ("", exchange.transport)
            and (not fault.cut_after or exchange.streaming)
            and (not fault.project or same_project(fault.project, find_project_of(exchange)))
            and fault.test in ("", find_test(exchange.headers))
            and (fault.resource == "*" or bool(self._resource.match(find_resource(exchange))))
        )

    def count(self) -> bool:
        """Counts a matching call; whether the fault is due."""
        self.matched += 1
        fault = self.fault
        if fault.nth:
            return self.matched in fault.nth
        if self.matched <= fault.after or (fault.times is not None and self.fired >= fault.times):
            return False
        return fault.probability is None or self._random.random() < fault.probability

    @property
    def remaining(self) -> int | None:
        """How often it may still fire; None: without end."""
        if self.fault.nth:
            return sum(number > self.matched for number in set(self.fault.nth))
        return None if self.fault.times is None else self.fault.times - self.fired


class Faults:
    """The faults in force, in the order in which they were added.

    Every fault counts each call that it matches; of those that are due the first one fires.

    Args:
        methods: (API, relative name, streaming) of every method there is.

    Attributes:
        fired: How often any fault has fired since the start.
        early, late: Whether there are any for calls before, and after, their credentials are looked at.
    """

    def __init__(self, methods: Iterable[tuple[str, str, bool]], calendar: Calendar | None = None) -> None:
        self._methods = frozenset(methods)
        self._calendar = calendar or Calendar()
        self._armed: dict[str, ArmedFault] = {}
        self._added = 0
        self.early = self.late = False
        self.fired = 0

    def __iter__(self) -> Iterator[ArmedFault]:
        return iter(list(self._armed.values()))

    @property
    def methods(self) -> frozenset[tuple[str, str, bool]]:
        """(API, relative name, streaming) of every method there is."""
        return self._methods

    def find(self, identifier: str) -> ArmedFault | None:
        """The fault of this id; None when there is none."""
        return self._armed.get(identifier)

    def add(self, fault: Fault) -> ArmedFault:
        """Puts a fault in force, after those that are.

        Raises:
            FaultError: no method is as it says.
        """
        armed = ArmedFault(f"{_ID}{self._added + 1}", fault)
        self._check_method(armed)
        self._added += 1
        self._armed[armed.id] = armed
        self._note_stages()
        return armed

    def save(self) -> list[SavedFault]:
        """All of them with their counters, for ``restore``."""
        return [SavedFault(id=one.id, fault=one.fault, matched=one.matched, fired=one.fired) for one in self]

    def check(self, saved: Iterable[SavedFault]) -> None:
        """Whether ``restore`` will take them.

        Raises:
            FaultError: it will not.
        """
        for one in saved:
            self._check_method(ArmedFault(one.id, one.fault))

    def restore(self, saved: Iterable[SavedFault]) -> None:
        """Puts saved faults in the place of all others; they go on counting where they were."""
        self.clear()
        for one in saved:
            armed = ArmedFault(one.id, one.fault)
            while armed.matched < one.matched:
                armed.fired += armed.count()  # draws what was drawn before
            armed.fired = one.fired
            self._armed[one.id] = armed
            self._added = max(self._added, int(one.id.removeprefix(_ID)))
        self._note_stages()

    def remove(self, identifier: str) -> ArmedFault | None:
        """Takes a fault away; those whom it holds go on undisturbed. None when there is no such fault."""
        armed = self._armed.pop(identifier, None)
        if armed is not None:
            armed.released.set()
            self._note_stages()
        return armed

    def clear(self, project: str = "") -> int:
        """Takes all faults away, or those that are for one project alone; answers how many."""
        gone = [one.id for one in self if not project or same_project(project, one.fault.project)]
        for identifier in gone:
            self.remove(identifier)
        return len(gone)

    def _note_stages(self) -> None:
        self.early = any(one.fault.before_credentials for one in self)
        self.late = any(not one.fault.before_credentials for one in self)

    def _check_method(self, armed: ArmedFault) -> None:
        found = [row for row in self._methods if armed.takes_method(row[0], row[1])]
        fault = armed.fault
        if not found:
            names = {name.rpartition(".")[2] for api, name, _ in self._methods if fault.api in ("", api)}
            from difflib import get_close_matches  # only for this text

            near = ", ".join(get_close_matches(fault.method.rpartition(".")[2], names, 3)) or "GetTunedModel"
            raise FaultError(f"method: no method is called {fault.method!r}; there is {near}")
        if fault.cut_after and not any(streaming for _, _, streaming in found):
            raise FaultError(f"cut_after: {fault.method!r} answers with no stream; use break_at, or a method that does")

    async def disturb(self, exchange: Exchange, *, early: bool) -> None:
        """Does to a call what the due fault says.

        Raises:
            ApiError, PageError, BrokenConnectionError: what the client is to get.
        """
        due = None
        for armed in self:
            if armed.fault.before_credentials == early and armed.matches(exchange) and armed.count():
                due = due or armed
        if due is None:
            return
        due.fired += 1
        exchange.fault = due.id
        if due.fault.wait_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(due.released.wait(), due.fault.wait_s)
        if not due.released.is_set():
            self._act(due.fault, exchange)

    def _act(self, fault: Fault, exchange: Exchange) -> None:
        if fault.break_at == "start":
            raise BrokenConnectionError(fault.manner)
        if fault.break_at:
            exchange.cut = Cut(1 if exchange.streaming else fault.after_bytes, None, fault.manner)
            return
        if fault.code in PAGES:
            raise PageError(int(fault.code))
        error = self._make_error(fault, exchange)
        if fault.cut_after:
            exchange.cut = Cut(fault.cut_after, error, fault.manner)
        elif error is not None:
            raise error

    def _make_error(self, fault: Fault, exchange: Exchange) -> ApiError | None:
        if not (fault.code or fault.quota or fault.name):
            return None
        if fault.retry_after_s is not None:
            exchange.answer_headers.append((b"retry-after", str(round(fault.retry_after_s)).encode()))
        day = self._calendar.find_day(find_project_of(exchange))
        if fault.name:
            error = find_named_fault(fault.name).choose(exchange.api, day)()
            retry = () if fault.retry_delay_s is None else (retry_info(fault.retry_delay_s),)
            return ApiError(error.code, error.message, (*error.details, *fault.details, *retry), rule=error.rule)
        code = parse_code(fault.code) if fault.code else Code.RESOURCE_EXHAUSTED
        return make_error(exchange.api, code, day, fault.message, fault.details, fault.quota, fault.retry_delay_s)

    def settle(self, exchange: Exchange) -> None:
        """Counts what has fired, once the call is over; a cut that the answer did not reach has not."""
        if not exchange.fault:
            return
        if exchange.cut is None:
            self.fired += 1
            return
        exchange.notes.append(f"{exchange.fault} was due, but the answer ended before its place")
        armed = self._armed.get(exchange.fault)
        if armed is not None:
            armed.fired -= 1
        exchange.fault = ""


# --- what a fault answers: the service's own words for a code, with the details that go with them


_STATUSES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ABORTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
"""The code that is meant by an HTTP status that several codes share."""

_TEXTS: dict[tuple[str, Code], tuple[ErrorText, ...]] = {
    ("gemini", Code.RESOURCE_EXHAUSTED): (gemini_errors.GEMINI_EXHAUSTED,),
    ("gemini", Code.UNAVAILABLE): (gemini_errors.GEMINI_OVERLOADED, gemini_errors.GEMINI_HIGH_DEMAND),
    ("gemini", Code.INTERNAL): (gemini_errors.GEMINI_INTERNAL,),
    ("vertex", Code.RESOURCE_EXHAUSTED): (vertex_errors.VERTEX_EXHAUSTED,),
    ("vertex", Code.UNAVAILABLE): (vertex_errors.VERTEX_UNAVAILABLE,),
}
"""Texts of one API, those that replaced one another in turn."""

_SHARED = {
    row.code: row
    for row in (
        google_errors.DEFAULT_UNKNOWN,
        google_errors.DEFAULT_NOT_FOUND,
        google_errors.DEFAULT_ALREADY_EXISTS,
        google_errors.DEFAULT_PERMISSION_DENIED,
        google_errors.DEFAULT_FAILED_PRECONDITION,
        google_errors.DEFAULT_ABORTED,
        google_errors.DEFAULT_OUT_OF_RANGE,
        google_errors.DEFAULT_DATA_LOSS,
        google_errors.DEADLINE_EXPIRED,
        google_errors.OPERATION_CANCELLED,
        google_errors.INTERNAL,
        google_errors.INVALID_ARGUMENT,
        google_errors.NOT_IMPLEMENTED,
        google_errors.TOKEN_INVALID,
    )
}


@dataclass(frozen=True)
class Quota:
    """A quota that is used up. ``metric``: without the service in front. ``id``: of the limit; only Gemini shows it."""

    metric: str = "generate_content_free_tier_requests"
    limit: int = 20
    model: str = "gemini-2.5-flash"
    id: str = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"


def parse_code(text: str) -> Code:
    """A canonical code from its name or an HTTP status.

    Raises:
        ValueError: it is neither, or no error.
    """
    if text.isdigit():
        found = _STATUSES.get(int(text))
        if found is None:
            wanted = ", ".join(str(status) for status in _STATUSES)
            raise ValueError(f"code: no canonical code has the HTTP status {text}; give one of {wanted}, or a name")
        return found
    if text not in Code.__members__ or text == "OK":
        names = ", ".join(name for name in Code.__members__ if name != "OK")
        raise ValueError(f"code: {text!r} is no canonical code; give one of {names}, or an HTTP status")
    return Code[text]


def make_error(
    api: str,
    code: Code,
    day: Day,
    message: str | None,
    details: tuple[dict[str, Any], ...],
    quota: Quota | None,
    retry_delay_s: float | None,
) -> ApiError:
    """The error of a fault. Its rule is the fact whose words it uses, ``fault`` where the words are given.

    Args:
        day: Words changed over the years.
        details: To be added after those that belong to the quota.
    """
    delay_s = retry_delay_s or 0
    if quota is None:
        error = day.choose(_TEXTS.get((api, code)) or (_SHARED[code],))()
    elif api == "vertex":
        error = vertex_errors.VERTEX_QUOTA(metric=quota.metric, model=quota.model)
    else:
        names = {"metric": quota.metric, "limit": quota.limit, "model": quota.model, "id": quota.id}
        error = gemini_errors.GEMINI_QUOTA(**names, retry_s=f"{delay_s:g}")
    if retry_delay_s is not None or (quota is not None and api == "gemini"):
        details = (*details, retry_info(delay_s))
    text, rule = (error.message, error.rule) if message is None else (message, "fault")
    return ApiError(code, text, (*error.details, *details), rule=rule)
