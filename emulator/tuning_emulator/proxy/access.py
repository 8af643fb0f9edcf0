"""Who may speak to the emulator: by which name it is reached, from which pages, with which credential.

A browser lets any page send simple requests to any address, and a page whose own name suddenly leads to this machine
(DNS rebinding) may send and read everything. Both say in headers, which no page can forge, where they come from.
Sources: fetch.spec.whatwg.org (``Origin``, forbidden headers, ``Cross-Origin-Resource-Policy``),
w3.org/TR/fetch-metadata (``Sec-Fetch-Site``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit

from tuning_emulator.api.auth import read_presented
from tuning_emulator.api.exchange import SAME_SITE, Scope, Send
from tuning_emulator.api.router import read_headers
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import emulator_errors
from tuning_emulator.proxy.hosts import find_service, is_loopback, match_host, parse_address, parse_pattern

WRITE_HEADER = "x-tuning-emulator"
"""Our own programs send it to the control API: no page of another site can without having asked (CORS)."""

CONTROL_PATH = "/emulator/"
PAGE_PATHS = ("/emulator", "/emulator/")
PAGE_FILES = "/emulator/page/"
GUIDE_FILES = "/emulator/docs/guide/"
PUBLIC_PATHS = frozenset(("/emulator/v1/health", "/emulator/v1/ca.pem"))
"""What is read without a credential even where there is a credentials file."""

_SAME_FRAME = (b"x-frame-options", b"SAMEORIGIN")
_SIMPLE_TYPES = frozenset(("", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"))
_ADDRESS = re.compile(r"[\d.]+|.*:.*")
_HOSTS_REMEMBERED = 64
_QUOTED = 100
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Access:
    """Decides by a request's headers.

    Args:
        patterns: Hosts that are trusted besides, as the setting ``allowed_hosts`` has them.
        credentials: Every token and key that is good; None: any is.
        list_own: The server's own names, in lower case; asked anew for every decision.

    Attributes:
        good_hosts: ``Host`` headers that were found good; few differ.
    """

    def __init__(
        self, patterns: Iterable[str], credentials: frozenset[str] | None, list_own: Callable[[], Iterable[str]]
    ) -> None:
        self._patterns = [parse_pattern(pattern) for pattern in patterns]
        self._credentials = credentials
        self._list_own = list_own
        self.good_hosts = {b""}

    def check(self, scope: Scope) -> ApiError | None:
        """What is wrong with a request to our own address; None: nothing. What is Cloud Storage's is checked again.

        The APIs answer pages of any site where their keys are checked, as the services do; where every key is good,
        any page would have one. What browsers ask before they ask (OPTIONS) is always answered.
        """
        headers = read_headers(scope["headers"])
        refusal = self.check_host(scope)
        if refusal is not None:
            return refusal
        if is_page(scope["path"]):
            return None if _is_visit(headers) else self._check_page(headers)
        if scope["path"].startswith(CONTROL_PATH):
            refusal = self._check_page(headers) or _check_write(scope["method"], headers)
            return refusal or (None if scope["path"] in PUBLIC_PATHS else self._check_credential(scope, headers))
        return self.check_page(scope)

    def check_page(self, scope: Scope) -> ApiError | None:
        """What is wrong with the page that sends a request to one of the APIs; None: nothing, or no page does."""
        open_to_all = self._credentials is not None or scope["method"] == "OPTIONS"
        return None if open_to_all else self._check_page(read_headers(scope["headers"]))

    def check_host(self, scope: Scope) -> ApiError | None:
        """What is wrong with the ``Host`` that a request names; None: nothing.

        Besides the server's own names and the allowed ones, these are good: addresses and names without a dot, which
        nobody's name server can lead astray, and the hosts of Google's that the emulator stands in for.
        """
        host: bytes = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if host in self.good_hosts:
            return None
        text = host.decode("latin-1")
        name, port = parse_address(text, 80) or (text, 0)
        good = port and ("." not in name or _ADDRESS.fullmatch(name) or find_service(name) or self._is_own(name, port))
        if not good:
            return emulator_errors.HOST_REFUSED(host=name[:_QUOTED])
        if len(self.good_hosts) < _HOSTS_REMEMBERED:
            self.good_hosts.add(host)
        return None

    def check_storage(self, scope: Scope) -> ApiError | None:
        """What is wrong with a request to Cloud Storage, whose ``Host`` is good; None: nothing."""
        headers = read_headers(scope["headers"])
        return self._check_page(headers) or self._check_credential(scope, headers)

    def _check_page(self, headers: Mapping[str, str]) -> ApiError | None:
        """What is wrong with the page that sent a request; None: nothing, or no page did."""
        origin = headers.get("origin", "")
        if not origin:
            return emulator_errors.SITE_REFUSED() if headers.get("sec-fetch-site") == "cross-site" else None
        try:
            parts = urlsplit(origin)
            name, port = (parts.hostname or origin).lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError:
            name, port = origin, 0
        own = parse_address(headers.get("host", ""), 80)
        good = (own is not None and name == own[0]) or self._is_own(name, port)
        return None if good else emulator_errors.ORIGIN_REFUSED(origin=origin[:_QUOTED], host=name[:_QUOTED])

    def _is_own(self, name: str, port: int) -> bool:
        return is_loopback(name) or name in self._list_own() or match_host(self._patterns, name, port)

    def _check_credential(self, scope: Scope, headers: Mapping[str, str]) -> ApiError | None:
        if self._credentials is None:
            return None
        shown = read_presented(headers, tuple(parse_qsl(scope["query_string"].decode("latin-1"))))
        known = shown.token in self._credentials or shown.key in self._credentials
        return None if known else emulator_errors.CREDENTIAL_MISSING()


def is_page(path: str) -> bool:
    """Whether it is the page, the guide or a file of them: there is nothing secret in them."""
    return path in PAGE_PATHS or path.startswith(PAGE_FILES) or f"{path}/".startswith(GUIDE_FILES)


def _is_visit(headers: Mapping[str, str]) -> bool:
    """Whether somebody opens an address, say by a link of another site: that page sees nothing of what comes."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def keep_to_site(send: Send, *, framed: bool = True) -> Send:
    """Sends answers with ``SAME_SITE``.

    Args:
        framed: A page of another port may show it in a frame.
    """
    more = (SAME_SITE,) if framed else (SAME_SITE, _SAME_FRAME)

    async def send_kept(event: Scope) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event["headers"], *more]}
        await send(event)

    return send_kept


def _check_write(verb: str, headers: Mapping[str, str]) -> ApiError | None:
    """What is wrong with a request to the control API; None: nothing. Pages of the emulator's own may write.

    Pages of others can send a POST of a simple content type without having asked; all else is asked for first (CORS),
    and the answer to that is no.
    """
    simple = headers.get("content-type", "").partition(";")[0].strip().lower() in _SIMPLE_TYPES
    own = WRITE_HEADER in headers or headers.get("sec-fetch-site") == "same-origin"
    return None if own or verb != "POST" or not simple else emulator_errors.WRITE_HEADER_MISSING()
