"""System parameters: what every method of every Google API takes beside its own fields.

Source: cloud.google.com/apis/docs/system-parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote_plus

Alt: TypeAlias = Literal["json", "sse", "proto", "media"]
Query: TypeAlias = tuple[tuple[str, str], ...]

NAMES = frozenset(
    {"$.xgafv", "$alt", "$callback", "$ct", "$fields", "$httpHeaders", "$httpMethod", "$key", "$prettyPrint"}
    | {"$req", "$unique", "$userProject", "access_token", "alt", "callback", "fields", "key", "oauth_token"}
    | {"passwd", "prettyPrint", "quotaUser", "uploadType", "upload_protocol", "userIp"}
)
"""Never bound to a request's fields."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The system parameters of one request.

    Attributes:
        enum_as_int: Enums of the answer are numbers (``$alt=json;enum-encoding=int``).
        legacy_errors: Errors carry ``errors[]`` (``$.xgafv=1``).
        fields: What of the answer is wanted, as sent; "" is all of it.
        content_type: What the client says its body is, in place of the header (``$ct``).
        callback: Name of a JavaScript function to wrap the answer in.
        rest: The query without system parameters.
    """

    alt: Alt = "json"
    enum_as_int: bool = False
    pretty: bool = True
    legacy_errors: bool = False
    fields: str = ""
    content_type: str = ""
    callback: str = ""
    rest: Query = ()


_DEFAULT = Parameters()


def parse_query(text: str) -> Query:
    """Names and values of a query string, decoded; a name without ``=`` has an empty value."""
    if not text:
        return ()
    pairs = (part.partition("=") for part in text.split("&") if part)
    return tuple((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)


def parse_parameters(query: Query, headers: Mapping[str, str]) -> Parameters:
    """The system parameters in the query and the headers. Unknown values of ``alt`` mean JSON."""
    header_fields = headers.get("x-goog-fieldmask", "")
    if not query and not header_fields:
        return _DEFAULT
    system = {name: value for name, value in query if name in NAMES}
    alt, enum_as_int = _parse_alt(system.get("$alt") or system.get("alt") or "json")
    return Parameters(
        alt=alt,
        enum_as_int=enum_as_int,
        pretty=_first(system, ("$prettyPrint", "prettyPrint"), "true").lower() not in ("false", "0"),
        legacy_errors=system.get("$.xgafv") == "1",
        fields=_first(system, ("$fields", "fields"), header_fields),
        content_type=system.get("$ct", ""),
        callback=_first(system, ("$callback", "callback"), ""),
        rest=tuple(pair for pair in query if pair[0] not in NAMES),
    )


def _parse_alt(text: str) -> tuple[Alt, bool]:
    name, *options = text.split(";")
    enum_as_int = "enum-encoding=int" in options
    if name == "sse":
        return "sse", enum_as_int
    if name == "proto":
        return "proto", enum_as_int
    return ("media" if name == "media" else "json"), enum_as_int


def _first(system: Mapping[str, str], names: Iterable[str], default: str) -> str:
    return next((system[name] for name in names if name in system), default)
