"""GGUF files from anywhere: whatever a file states, it is read, or refused in one line, in little memory."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gguf_writing import make_model, write_model
from tuning_trainer.gguf_files.architectures import list_parts, make_config
from tuning_trainer.gguf_files.header import GgufError, Header, read_header
from tuning_trainer.gguf_files.vocabulary import read_tokenizer


def text(value: str) -> bytes:
    """A text as the format has it."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def key(name: str, kind: int, value: bytes) -> bytes:
    """A key with its value."""
    return text(name) + struct.pack("<I", kind) + value


def tensor(name: str, shape: tuple[int, ...], kind: int = 0, start: int = 0) -> bytes:
    """A line of the table."""
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, start)


def file(keys: list[bytes], tensors: list[bytes], *, version: int = 3, data: bytes = bytes(4096)) -> bytes:
    """A file, whose counts are right."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


HUGE = 1 << 62
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "does not begin with GGUF"),
    "four bytes": (b"GGUF", "the file ends"),
    "another": (b"PK\x03\x04" + bytes(100), "does not begin with GGUF"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "neither 2 nor 3"),
    "many tensors": (b"GGUF" + struct.pack("<IQQ", 3, HUGE, 0), "more than 20,000"),
    "many keys": (b"GGUF" + struct.pack("<IQQ", 3, 0, HUGE), "more than 10,000"),
    "no keys there": (b"GGUF" + struct.pack("<IQQ", 3, 0, 9), "the file ends"),
    "long key": (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, HUGE), "more than 65,535"),
    "long text": (file([key("a", 8, struct.pack("<Q", HUGE))], []), "the file ends"),
    "many numbers": (file([key("a", 9, struct.pack("<IQ", 4, HUGE))], []), "may have 4,000,000"),
    "numbers cut": (file([key("a", 9, struct.pack("<IQ", 12, 3_000_000))], []), "the file ends"),
    "many texts": (file([key("a", 9, struct.pack("<IQ", 8, 3_000_000))], []), "more than the file has room for"),
    "lists of lists": (file([key("a", 9, struct.pack("<IQ", 9, 1))], []), "unknown type 9"),
    "unknown type": (file([key("a", 77, b"")], []), "unknown type 77"),
    "not UTF-8": (file([key("a", 8, struct.pack("<Q", 2) + b"\xff\xfe")], []), "not UTF-8"),
    "key twice": (file([key("a", 0, b"1"), key("a", 0, b"1")], []), "twice"),
    "alignment": (file([key("general.alignment", 4, struct.pack("<I", 0))], []), "power of two"),
    "huge alignment": (file([key("general.alignment", 4, struct.pack("<I", 1 << 31))], []), "power of two"),
    "alignment of text": (file([key("general.alignment", 8, text("32"))], []), "power of two"),
    "tensor twice": (file([], [tensor("t", (4,)), tensor("t", (4,), 0, 32)]), "twice"),
    "overlap": (file([], [tensor("t", (64,)), tensor("u", (4,), 0, 32)]), "overlap"),
    "no dimensions": (file([], [tensor("t", ())]), "0 dimensions"),
    "dimensions": (file([], [text("t") + struct.pack("<I", 1 << 31)]), "dimensions, not 1 to 4"),
    "no values": (file([], [tensor("t", (0, 4))]), "has the shape"),
    "huge shape": (file([], [tensor("t", (HUGE, HUGE, HUGE))]), "cut off?"),
    "unknown kind": (file([], [tensor("t", (32,), 999)]), "unknown type 999"),
    "half a block": (file([], [tensor("t", (33,), 8)]), "multiple of 32"),
    "offset": (file([], [tensor("t", (4,), 0, 7)]), "no multiple of 32"),
    "far offset": (file([], [tensor("t", (4,), 0, HUGE)]), "cut off?"),
    "cut off": (file([], [tensor("t", (4096,))]), "cut off?"),
    "no architecture": (file([], []), "general.architecture"),
    "another architecture": (file([key("general.architecture", 8, text("clip"))], []), "'clip' is none of"),
    "no embedding": (
        file(
            [
                key("general.architecture", 8, text("llama")),
                key("llama.attention.head_count", 4, struct.pack("<I", 2)),
                key("llama.embedding_length", 4, struct.pack("<I", 4)),
            ],
            [],
        ),
        "no tensor 'token_embd.weight'",
    ),
    "heads of text": (
        file([key("general.architecture", 8, text("llama")), key("llama.attention.head_count", 8, text("2"))], []),
        "head_count: '2' is not a whole number",
    ),
}


def read_all(path: Path) -> None:
    """Everything that is read before a weight is."""
    read_rest(read_header(path))


def read_rest(header: Header) -> None:
    """All but the header itself."""
    list_parts(header, make_config(header))
    read_tokenizer(header)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    data, wanted = HOSTILE[name]
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(GgufError) as raised:
        read_all(tmp_path / "m.gguf")
    assert wanted in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is read."""
    path: Path = tmp_path_factory.mktemp("gguf") / "good.gguf"
    write_model(path, make_model("llama"), "llama", "Q8_0")
    read_all(path)
    return path


@pytest.mark.slow
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_file_is_read_or_refused(good: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Any bytes of the header, and any end: nothing but ``GgufError`` comes out."""
    content = bytearray(good.read_bytes())
    header = content.find(b"output_norm.weight") + 60
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, header))
        with_what = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 8, bytes(8)])))
        content[place : place + len(with_what)] = with_what
    end = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
    changed = tmp_path / "changed.gguf"
    changed.write_bytes(content[:end])
    with suppress(GgufError):
        read_all(changed)


METADATA: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "experts": (lambda m: m.update({"llama.expert_count": 8}), "mixtures of experts"),
    "split": (lambda m: m.update({"split.count": 3}), "one of 3 files; join them"),
    "odd heads": (lambda m: m.update({"llama.attention.head_count_kv": 3}), "cannot be"),
    "many layers": (lambda m: m.update({"llama.block_count": 5}), "no tensor 'blk.2"),
    "few layers": (lambda m: m.update({"llama.block_count": 1}), "'blk.1.attn_q.weight' is none"),
    "wide": (lambda m: m.update({"llama.feed_forward_length": 97}), "has the shape (96, 64), not (97, 64)"),
    "no layers": (lambda m: m.pop("llama.block_count"), "block_count: None"),
    "infinite": (lambda m: m.update({"llama.rope.freq_base": float("inf")}), "is not a number"),
    "no tokens": (lambda m: m.pop("tokenizer.ggml.tokens"), "there are none"),
    "token twice": (lambda m: m["tokenizer.ggml.tokens"].append("th"), "'th' is there twice"),
    "few types": (lambda m: m["tokenizer.ggml.tokens"].append("more"), "items for"),
    "strange merge": (lambda m: m["tokenizer.ggml.merges"].append("x yz"), "does not join"),
    "strange words": (lambda m: m.update({"tokenizer.ggml.pre": "default"}), "'default' is none of gpt-2"),
    "strange kind": (lambda m: m.update({"tokenizer.ggml.model": "bert"}), "neither gpt2 nor llama"),
    "far end": (lambda m: m.update({"tokenizer.ggml.eos_token_id": 9999}), "is none of the 288 tokens"),
    "no scores": (lambda m: m.update({"tokenizer.ggml.model": "llama"}), "one for each token"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", METADATA)
def test_metadata_that_contradicts_is_named(name: str, good: Path) -> None:
    change, wanted = METADATA[name]
    header = read_header(good)
    change(header.metadata)  # type: ignore[arg-type] # it is a dict
    with pytest.raises(GgufError) as raised:
        read_rest(header)
    assert wanted in str(raised.value)


LIMIT = 700 << 20
"""Address space of the process that reads hostile files: Python with numpy and tokenizers takes the most of it."""


@pytest.mark.process
@pytest.mark.parametrize("name", ["many numbers", "long text", "many texts", "huge shape", "many tensors", "cut off"])
def test_a_hostile_file_takes_no_memory(name: str, tmp_path: Path) -> None:
    """The command, with so little memory that nothing could be taken for what the file states."""
    (tmp_path / "m.gguf").write_bytes(HOSTILE[name][0])
    command = [sys.executable, "-P", "-m", "tuning_trainer", "convert", str(tmp_path / "m.gguf"), str(tmp_path / "out")]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"OPENBLAS_NUM_THREADS": "1", "PATH": ""},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("convert: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))
