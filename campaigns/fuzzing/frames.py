"""Bytes that are HTTP/1.1, HTTP/2, TLS or a proxy's CONNECT in name only."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import hpack
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from campaigns.fuzzing.mutation import WORDS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATH = "/google.ai.generativelanguage.v1beta.ModelService/ListTunedModels"
HOST = b"Host: localhost\r\n"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Pieces to send one after the other. ``whole``: something has to come of it, an answer or the connection's end."""

    group: str
    label: str
    pieces: tuple[bytes, ...]
    whole: bool = False


# --- HTTP/1.1


def make_http1(chosen: random.Random) -> Wrong:
    """One connection's bytes."""
    make = chosen.choice(
        (_break_chunks, _lie_about_length, _send_half, _grow_headers, _smuggle, _scramble, _tunnel, _pipeline)
    )
    return make(chosen)


def _target(chosen: random.Random) -> bytes:
    paths = (
        "/v1beta/tunedModels",
        "/v1/projects/p/locations/l/tuningJobs",
        "/emulator/v1/reset",
        "/storage/v1/b",
        "/upload/storage/v1/b/my-bucket/o?name=f",
    )
    return chosen.choice(paths).encode()


def _break_chunks(chosen: random.Random) -> Wrong:
    sizes = (b"zz", b"-1", b"0x4", b"fffffffffffffffff", b"4;x=y", b" 4", b"", b"4\n", b"00000000000000000000000004")
    body = (
        chosen.choice(sizes) + chosen.choice((b"\r\n", b"\n", b"\r")) + b'{"a"' + chosen.choice((b"\r\n", b"", b"xx"))
    )
    end = chosen.choice((b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"", b"0\r\n" + b"X: y\r\n" * 2000 + b"\r\n"))
    head = b"POST " + _target(chosen) + b" HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    return Wrong("http1", "chunks", (head, body, end))


def _lie_about_length(chosen: random.Random) -> Wrong:
    length = chosen.choice(
        (b"-1", b"+5", b"5, 5", b"0x5", b"99999999999999999999999", b"1e3", b"", b" ", b"5\r\nContent-Length: 6")
    )
    head = b"POST " + _target(chosen) + b" HTTP/1.1\r\n" + HOST + b"Content-Length: " + length + b"\r\n\r\n"
    return Wrong("http1", "length", (head, b'{"a":'))


def _send_half(chosen: random.Random) -> Wrong:
    whole = (
        b"POST "
        + _target(chosen)
        + b" HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 100\r\nContent-Type: application/json\r\n\r\n{}"
    )
    return Wrong("http1", "half", (whole[: chosen.randrange(len(whole))],))


def _grow_headers(chosen: random.Random) -> Wrong:
    kind, many = chosen.randrange(4), chosen.choice((100, 5000, 70_000))
    extra = (
        b"X: " + b"a" * many + b"\r\n",
        b"".join(b"X%d: y\r\n" % number for number in range(min(many, 5000))),
        b"X" * many + b": y\r\n",
        b"Cookie: " + b"a=b; " * (many // 5) + b"\r\n",
    )[kind]
    target = _target(chosen) + (b"?" + b"a" * many if chosen.random() < 0.3 else b"")
    return Wrong("http1", "headers", (b"GET " + target + b" HTTP/1.1\r\n" + HOST + extra + b"\r\n",), whole=True)


def _smuggle(chosen: random.Random) -> Wrong:
    both = b"Content-Length: 4\r\nTransfer-Encoding: " + chosen.choice(
        (b"chunked", b"xchunked", b"chunked, identity", b"\x0bchunked")
    )
    rest = b"\r\n\r\n0\r\n\r\nGET /emulator/v1/health HTTP/1.1\r\n" + HOST + b"\r\n"
    return Wrong("http1", "smuggled", (b"POST " + _target(chosen) + b" HTTP/1.1\r\n" + HOST + both + rest,))


def _scramble(chosen: random.Random) -> Wrong:
    whole = bytearray(b"GET " + _target(chosen) + b" HTTP/1.1\r\n" + HOST + b"Accept: */*\r\n\r\n")
    for _ in range(chosen.randrange(1, 5)):
        whole[chosen.randrange(len(whole))] = chosen.randrange(256)
    if chosen.random() < 0.3:
        return Wrong("http1", "noise", (chosen.randbytes(chosen.randrange(1, 400)),))
    return Wrong("http1", "scrambled", (bytes(whole),))


def _tunnel(chosen: random.Random) -> Wrong:
    place = chosen.choice(
        ("localhost:1", "aiplatform.googleapis.com:443", "x", ":", "[::1", "a:99999999", "é:1", "", "evil.example:80")
    )
    head = f"CONNECT {place} HTTP/1.1\r\n{chosen.choice(('', 'Host: x', 'X: ' + 'a' * 20_000))}\r\n\r\n".encode()
    inner = (b"\x16\x03\x01\x02\x00\x01\x00" + chosen.randbytes(80), b"GET / HTTP/1.1\r\n\r\n", PREFACE, b"")
    url = b"GET http://" + place.encode() + b"/x HTTP/1.1\r\n" + HOST + b"\r\n"
    return (
        Wrong("http1", "proxy", (url,))
        if chosen.random() < 0.3
        else Wrong("http1", "tunnel", (head, chosen.choice(inner)))
    )


def _pipeline(chosen: random.Random) -> Wrong:
    one = b"GET /emulator/v1/health HTTP/1.1\r\n" + HOST + b"\r\n"
    odd = chosen.choice(
        (
            b"\r\n\r\n",
            b"GET / HTTP/0.9\r\n\r\n",
            b"GET  / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
            one,
        )
    )
    return Wrong("http1", "pipeline", (one * chosen.choice((1, 2, 50)) + odd,), whole=True)


# --- HTTP/2


def make_http2(chosen: random.Random) -> Wrong:
    """One connection's bytes: a good beginning, mostly, and frames that are wrong or many."""
    start = PREFACE + SettingsFrame(0).serialize()
    if chosen.random() < 0.05:
        return Wrong(
            "http2", "preface", (chosen.choice((PREFACE[:9], PREFACE + chosen.randbytes(30), PREFACE.lower())),)
        )
    make = chosen.choice((_make_headers, _make_soup, _make_flood, _make_settings, _make_data, _make_unknown))
    pieces = [start, *make(chosen)]
    return Wrong("http2", make.__name__.removeprefix("_make_"), tuple(pieces))


def _encode(pairs: list[tuple[str, str]]) -> bytes:
    encoded: bytes = hpack.Encoder().encode(pairs)
    return encoded


def _call(chosen: random.Random, **changes: str) -> bytes:
    named = {
        ":method": "POST",
        ":scheme": "http",
        ":path": PATH,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
        **changes,
    }
    return _encode([(name, value) for name, value in named.items() if chosen.random() < 0.98])


def _open(stream: int, block: bytes, *flags: str) -> bytes:
    frame = HeadersFrame(1, block, flags=["END_HEADERS", *flags])
    return _move(frame, stream)


def _move(frame: Frame, stream: int) -> bytes:
    """The frame on a stream of any number, 0 too where the library would not have it."""
    data = bytes(frame.serialize())
    return data[:5] + struct.pack(">I", stream) + data[9:]


def _make_headers(chosen: random.Random) -> list[bytes]:
    """Header blocks that cannot be decoded, pseudo-headers that are missing, doubled, too late or odd."""
    kind = chosen.randrange(8)
    if kind == 0:
        return [_open(1, chosen.randbytes(chosen.randrange(1, 200)), "END_STREAM")]
    if kind == 1:
        return [_open(1, _encode([(":path", PATH)] * 2 + [("X-Upper", "a"), (":method", "POST")]), "END_STREAM")]
    if kind == 2:
        changes = {
            chosen.choice(
                (":path", ":method", "te", "content-type", "grpc-timeout", "grpc-encoding", "connection")
            ): chosen.choice(WORDS)
        }
        return [_open(1, _call(chosen, **changes), "END_STREAM")]
    if kind == 3:
        return [_open(chosen.choice((0, 2, 3, 2**31 - 1)), _call(chosen)), _open(1, _call(chosen), "END_STREAM")]
    if kind == 4:  # a block that goes on and on
        head = HeadersFrame(1, _call(chosen)).serialize()
        return [head, *[struct.pack(">I", 16_000)[1:] + b"\x09\x00" + struct.pack(">I", 1) + b"\x40" * 16_000] * 30]
    if kind == 5:
        return [_open(1, _call(chosen, x="a" * 70_000), "END_STREAM")]
    if kind == 6:  # a table of another size, indices that are not there
        return [_open(1, b"\x3f\xff\xff\xff\x7f", "END_STREAM"), _open(3, b"\xff\xff\xff\xff\xff\xff", "END_STREAM")]
    return [_open(1, _call(chosen), "END_STREAM"), _open(1, _call(chosen), "END_STREAM")]


def _make_soup(chosen: random.Random) -> list[bytes]:
    """Good frames where they do not belong."""
    stream = chosen.choice((0, 1, 1, 3, 4))
    data = chosen.randbytes(chosen.randrange(40))
    frames: list[Frame] = [
        DataFrame(1, data),
        RstStreamFrame(1, error_code=chosen.randrange(20)),
        PingFrame(0, data[:8].ljust(8, b"x")),
        GoAwayFrame(0, last_stream_id=chosen.randrange(9), error_code=chosen.randrange(20)),
        WindowUpdateFrame(stream, window_increment=chosen.choice((1, 2**31 - 1))),
        PriorityFrame(1, depends_on=chosen.choice((0, 1, 3)), stream_weight=1),
        PushPromiseFrame(1, promised_stream_id=2, data=_call(chosen), flags=["END_HEADERS"]),
    ]
    opened = [_open(1, _call(chosen), *(["END_STREAM"] if chosen.random() < 0.5 else []))]
    found = [_move(one, one.stream_id and stream) for one in chosen.sample(frames, chosen.randrange(1, 6))]
    return [*(opened if chosen.random() < 0.8 else []), *found]


def _make_flood(chosen: random.Random) -> list[bytes]:
    """Much of one kind."""
    many = chosen.choice((100, 1000, 3000))
    kind = chosen.randrange(5)
    if kind == 0:
        return [PingFrame(0, b"12345678").serialize() * many]
    if kind == 1:
        return [SettingsFrame(0, settings={4: 1 + number}).serialize() for number in range(many)]
    if kind == 2:  # opened and reset at once
        block = _call(chosen)
        pairs = [
            _open(2 * n + 1, block) + RstStreamFrame(2 * n + 1, error_code=8).serialize()
            for n in range(min(many, 1000))
        ]
        return [b"".join(pairs)]
    if kind == 3:
        return [_open(1, _call(chosen)), DataFrame(1, b"").serialize() * many]
    return [b"".join(_open(2 * n + 1, _call(chosen)) for n in range(min(many, 1000)))]


def _make_settings(chosen: random.Random) -> list[bytes]:
    """Values out of range, wrong sizes, an acknowledgement of nothing."""
    name, value = chosen.randrange(9), chosen.choice((0, 1, 2**31, 2**32 - 1, 16_383, 2**24))
    frame = struct.pack(">HI", name, value)
    length = chosen.choice((6, 6, 6, 5, 7))
    flags = chosen.choice((0, 0, 1))
    head = struct.pack(">I", length)[1:] + bytes([4, flags]) + struct.pack(">I", chosen.choice((0, 0, 0, 1)))
    return [head + frame.ljust(length, b"\0")[:length], _open(1, _call(chosen), "END_STREAM")]


def _make_data(chosen: random.Random) -> list[bytes]:
    """gRPC messages with lying prefixes, in pieces, compressed, too long."""
    prefixes = (
        b"\0\0\0\0\0",
        b"\1\0\0\0\1x",
        b"\0\xff\xff\xff\xff",
        b"\0\0\0\0\5x",
        b"\7\0\0\0\0",
        b"\0\0\0",
        b"\0\0\0\0\1\x80",
    )
    data = chosen.choice(prefixes) * chosen.choice((1, 1, 2, 300))
    frames = [
        DataFrame(1, data[at : at + 7], flags=["END_STREAM"] if at + 7 >= len(data) else []).serialize()
        for at in range(0, len(data), 7)
    ]
    return [_open(1, _call(chosen)), *frames[:300]]


def _make_unknown(chosen: random.Random) -> list[bytes]:
    """Frames of types that are not there, and of sizes that are too large."""
    size = chosen.choice((0, 10, 16_384, 16_385, 70_000))
    head = (
        struct.pack(">I", size)[1:]
        + bytes([chosen.randrange(256), chosen.randrange(256)])
        + struct.pack(">I", chosen.randrange(5))
    )
    return [head + bytes(size), _open(1, _call(chosen), "END_STREAM")]
