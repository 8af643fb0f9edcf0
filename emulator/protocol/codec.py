"""JSON to message values and back, for every message of the given schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from emulator.protocol.decoder import Decoder, TooDeepError
from emulator.protocol.encoder import Encoder
from emulator.protocol.plans import Plans
from emulator.protocol.printer import Style, format_json
from emulator.protocol.reader import read_json, read_lenient
from emulator.protocol.violations import Violations
from emulator.schema.declare import Schema, Value


class Codec:
    """Reads and prints messages, by full name: ``google.ai.generativelanguage.v1beta.TunedModel``."""

    def __init__(self, schemas: Iterable[Schema]) -> None:
        self.plans = Plans(schemas)
        self._encoder = Encoder(self.plans)
        self._int_encoder = Encoder(self.plans, enum_as_int=True)

    def parse(self, body: bytes, message: str) -> Value:
        """A message from JSON text.

        Raises:
            ApiError: INVALID_ARGUMENT, a syntax error or every violation at once.
        """
        violations = Violations()
        value: Value = self.read(body, message, violations)
        violations.refuse()
        return value

    def read(self, body: bytes, message: str, violations: Violations, field: str = "") -> Value:
        """A request from JSON text, which is the whole message or (``field``) one field of it.

        Violations are collected, not raised.

        Raises:
            ApiError: the text is not JSON, even leniently.
        """
        tree = read_json(body)
        before = len(violations.found)
        try:
            return self._bind(tree, message, violations, field)
        except (TooDeepError, RecursionError):
            del violations.found[before:]
            read_lenient(body)  # refuses with the key at which it became too deep
            raise

    def _bind(self, tree: Any, message: str, violations: Violations, field: str) -> Value:
        decoder = Decoder(self.plans, message, violations)
        plan = self.plans.find(message)
        if not field:
            return decoder.read_root(tree, plan)
        value: Value = {}
        decoder.read_member(tree, plan, field, value)
        return value

    def to_json(self, value: Value, message: str, *, enum_as_int: bool = False) -> dict[str, Any]:
        """The message as a JSON-ready dict, in the order in which it prints."""
        encoder = self._int_encoder if enum_as_int else self._encoder
        return encoder.write_message(value, self.plans.find(message))

    def format(self, value: Value, message: str, *, style: Style = "pretty", enum_as_int: bool = False) -> bytes:
        """The message as JSON text."""
        return format_json(self.to_json(value, message, enum_as_int=enum_as_int), style)
