"""Answers that are held to a form: which tokens may come next, so that what is written always fits.

The forms are those of ``spec.Form``. The grammar is `llguidance`'s; it is loaded when the first such prompt comes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tuning_trainer.answering.trimming import trim_form
from tuning_trainer.answering.vocabulary import InvalidFormError, Place, find_vocabulary
from tuning_trainer.data.chat import Chat
from tuning_trainer.spec import Form

if TYPE_CHECKING:
    from llguidance import LLMatcher

SPACES = "[ ]?"
"""What may stand between the parts of JSON: how a model was taught to write it, and never a page of nothing."""

ROOM_TOKENS = 512
"""How much of an answer is the model's choice; beyond, it is brought to its end. A small model may never want to."""

Allowed: TypeAlias = NDArray[np.bool_]
"""Of each token (V,) whether it may come next. The model may have scores for more tokens than there are."""


class Constraint(Protocol):
    """What one answer may still become."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing can follow."""

    @property
    def may_end(self) -> bool:
        """Whether what is written fits as it is."""

    @property
    def is_call(self) -> bool:
        """Whether a function is being called."""

    def allow(self, allowed: Allowed) -> None:
        """Writes down which tokens may come next."""

    def afford(self, token: int) -> int:
        """The token, or where it leaves no room for an end the one that ends the answer soonest."""

    def take(self, token: int) -> None:
        """The token has been written."""


def hold(form: Form, chat: Chat, limit: int) -> Constraint:
    """What holds an answer to a form. ``limit``: tokens that it may have at most.

    Raises:
        InvalidFormError: the form says something that cannot be kept.
    """
    if form.functions:
        return CallConstraint(form, chat, limit)
    return TextConstraint(form, chat, limit)


class TextConstraint:
    """Holds a whole answer to a grammar, and brings it to its end within the limit where there is a way."""

    is_call = False

    def __init__(self, form: Form, chat: Chat, limit: int) -> None:
        self._vocabulary = find_vocabulary(chat)
        self._limit = limit
        self._written: list[int] = []
        self._closing = False
        self._place, self._placed = Place(), 0
        self._mask = np.zeros((self._vocabulary.size + 31) // 32 * 4, dtype=np.uint8)
        self._address = self._mask.ctypes.data
        self._matcher = self._open(form)
        least = self._count_to_end(self._matcher.deep_copy(), Place(), limit)
        self._watched = limit if least > limit // 2 else limit // 2
        """With how many tokens left each token is held against the soonest end; at first most answers are let go."""
        if least > limit and (form.schema or form.functions):
            self._begin_trimmed(form)

    def _open(self, form: Form) -> LLMatcher:
        from llguidance import LLMatcher

        matcher: LLMatcher = LLMatcher(self._vocabulary.tokens, _format_grammar(form), log_level=0)
        if matcher.is_error():
            raise InvalidFormError(f"form: {_first_line(matcher.get_error())}")
        return matcher

    def _begin_trimmed(self, form: Form) -> None:
        """Leaves out what may be left out, where that alone lets the answer end within its limit."""
        trimmed = self._open(trim_form(form))
        if self._count_to_end(trimmed.deep_copy(), Place(), self._limit) <= self._limit:
            self._matcher, self._closing = trimmed, True

    @property
    def is_complete(self) -> bool:
        return bool(self._matcher.is_stopped())

    @property
    def may_end(self) -> bool:
        return bool(self._matcher.is_accepting())

    def allow(self, allowed: Allowed) -> None:
        """Near the limit nothing is left but what ends the answer."""
        size = self._vocabulary.size
        allowed[size:] = False
        found = allowed[:size]
        found[:] = self._find_allowed(self._matcher)
        self._closing = self._closing or len(self._written) >= ROOM_TOKENS
        if self._closing:
            soonest = self._find_soonest(found, self._find_place())
            found[:] = False
            found[soonest] = True

    def take(self, token: int) -> None:
        self._written.append(token)
        self._matcher.consume_token(token)

    def afford(self, token: int) -> int:
        left = self._limit - len(self._written) - 1
        if self._closing or left >= self._watched or self._count_after(token, left) <= left:
            return token
        self._closing = True
        return self._find_soonest(self._find_allowed(self._matcher), self._find_place())

    def _find_place(self) -> Place:
        """Where the answer is; found out when somebody wants to know."""
        for token in self._written[self._placed :]:
            self._place.advance(token, self._vocabulary.pieces[token])
        self._placed = len(self._written)
        return self._place

    def _count_after(self, token: int, most: int) -> int:
        """How many tokens would be needed to end the answer when this one is written; more than ``most``: too many."""
        if token in self._vocabulary.stops:
            return 0
        ahead, place = self._matcher.deep_copy(), self._find_place().copy()
        place.advance(token, self._vocabulary.pieces[token])
        ahead.consume_token(token)
        return self._count_to_end(ahead, place, most)

    def _count_to_end(self, ahead: LLMatcher, place: Place, most: int) -> int:
        """How many tokens the soonest end is away from there; more than ``most``: too many."""
        for count in range(most + 1):
            if ahead.is_accepting() or ahead.is_stopped():
                return count
            token = self._find_soonest(self._find_allowed(ahead), place)
            place.advance(token, self._vocabulary.pieces[token])
            ahead.consume_token(token)
        return most + 1

    def _find_allowed(self, matcher: LLMatcher) -> Allowed:
        """Which tokens may come next. The grammar writes a bit for each straight into the mask."""
        matcher.unsafe_compute_mask_ptr(self._address, self._mask.nbytes)
        bits = np.unpackbits(self._mask, count=self._vocabulary.size, bitorder="little")
        return bits.view(np.bool_)

    def _find_soonest(self, allowed: Allowed, place: Place) -> int:
        """The token that ends the answer soonest. Within a string each is taken once before any is taken twice."""
        if not place.inside:
            return self._find_first(self._vocabulary.outside, allowed)
        used = [token for token in place.used if allowed[token]]
        fresh = allowed.copy()
        fresh[used] = False
        if not fresh.any():
            least = min(place.used[token] for token in used)
            fresh[[token for token in used if place.used[token] == least]] = True
        return self._find_first(self._vocabulary.inside, fresh)

    @staticmethod
    def _find_first(order: NDArray[np.int64], allowed: Allowed) -> int:
        return int(order[allowed[order].argmax()])


class CallConstraint:
    """Lets an answer be a call of one of the functions, text, or either.

    Where the format has a token that a call begins with, the first token decides. Formats without it write a call as
    plain text: then only an answer that has to be a call is held to it.
    """

    def __init__(self, form: Form, chat: Chat, limit: int) -> None:
        self._token, self._calling = chat.call, form.calling
        self._call: Constraint = TextConstraint(Form(functions=form.functions), chat, limit)
        rest = replace(form, functions=())
        self._text: Constraint | None = (
            None if rest == Form(calling=form.calling) else TextConstraint(rest, chat, limit)
        )
        self._held: Constraint | None = None
        self._first, self.is_call = True, False
        if self._token is None:
            self._settle(form.calling == "any")

    @property
    def is_complete(self) -> bool:
        return not self._first and self._held is not None and self._held.is_complete

    @property
    def may_end(self) -> bool:
        return not self._first and self._held is not None and self._held.may_end

    def _settle(self, call: bool) -> None:
        """It is known by now what the answer is."""
        self._first, self.is_call = False, call
        self._held = self._call if call else self._text

    def allow(self, allowed: Allowed) -> None:
        held = self._text if self._first else self._held
        if held is None:
            allowed[:] = True
        else:
            held.allow(allowed)
        if self._first:
            if self._calling == "any":
                allowed[:] = False
            allowed[self._token] = self._calling != "none"

    def afford(self, token: int) -> int:
        return token if self._first or self._held is None else self._held.afford(token)

    def take(self, token: int) -> None:
        if self._first:
            self._settle(token == self._token)
            if token == self._token:
                return
        if self._held is not None:
            self._held.take(token)


def read_call(text: str, form: Form) -> bool:
    """Whether plain text is a call of one of a form's functions, as formats without a token for it write calls."""
    name, _, arguments = text.partition(" ")
    if form.calling == "none" or all(one.name != name for one in form.functions):
        return False
    try:
        return isinstance(json.loads(arguments), dict)
    except json.JSONDecodeError:
        return False


# --- grammars


def _format_grammar(form: Form) -> str:
    from llguidance import LLMatcher

    if form.schema:
        return LLMatcher.grammar_from_json_schema(form.schema, overrides={"whitespace_pattern": SPACES})
    if form.choices:
        return LLMatcher.grammar_from_lark("start: " + " | ".join(_quote(choice) for choice in form.choices))
    calls = [f"{_quote(one.name + ' ')} %json {_schema(one.parameters)}" for one in form.functions]
    if not calls:
        raise InvalidFormError("form: it asks for nothing")
    return LLMatcher.grammar_from_lark(f'start: call ("\\n" call)*\ncall: {" | ".join(calls)}\n')


def _schema(text: str) -> str:
    schema = json.loads(text)
    return json.dumps({**schema, "x-guidance": {"whitespace_pattern": SPACES}})


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
