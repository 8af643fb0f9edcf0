"""What a connection's first bytes say about its protocol."""

from __future__ import annotations

from enum import Enum

BEGINNING_BYTES = 64
"""No beginning needs more to be told apart."""

_TLS_HANDSHAKE = 0x16
_PREFACE = b"PRI"
_SCHEME = b"http://"


class Speech(Enum):
    """A protocol that one port can take.

    ``PROXY``: HTTP/1.1 whose request line holds a whole URL, as clients write it to a proxy.
    ``CONNECT``: a client that asks a proxy for a tunnel.
    """

    HTTP = "HTTP/1.1"
    HTTP2 = "HTTP/2"
    TLS = "TLS"
    PROXY = "HTTP/1.1 through a proxy"
    CONNECT = "CONNECT"


def recognise(beginning: bytes) -> Speech | None:
    """The protocol of a connection that begins so; None: these bytes may still become several.

    What is none of them counts as HTTP, whose parser answers 400. Sources: RFC 9113 3.4, RFC 8446 5.1, RFC 9112 3.2.
    """
    if beginning[0] == _TLS_HANDSHAKE:
        return Speech.TLS
    method, space, target = beginning.partition(b" ")
    if not space:
        return None if method.isalpha() and len(method) < BEGINNING_BYTES else Speech.HTTP
    if method in (_PREFACE, b"CONNECT"):
        return Speech.HTTP2 if method == _PREFACE else Speech.CONNECT
    scheme = target[: len(_SCHEME)].lower()
    if scheme == _SCHEME:
        return Speech.PROXY
    return None if _SCHEME.startswith(scheme) else Speech.HTTP
