"""Archives: what is written comes back as it was; whatever else somebody sends is refused before it does anything."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuning_emulator.control import archive as archives
from tuning_emulator.control.archive import (
    FORMAT,
    FORMAT_VERSION,
    ArchiveError,
    Manifest,
    list_files,
    unpack_archive,
    write_archive,
)

FILES = {
    "store.sqlite3": b"records",
    "state.json": b"{}",
    "jobs/gemini-1/checkpoints/step-00000019/adapter_model.safetensors": bytes(range(256)) * 5000,
    "buckets/.meta": b"{}",
    "buckets/numbers/" + "n" * 200: b"",
    "buckets/numbers/%E6%95%B0 1.jsonl": b"{}\n" * 700,
}


def fill(root: Path, files: dict[str, bytes]) -> Path:
    """Writes files below a directory."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def read(root: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def pack(root: Path, archive: Path) -> Manifest:
    """Writes an archive of a directory."""
    manifest = Manifest(created="2025-05-01T12:00:00Z", counts={"tuning_jobs": 1}, files=list_files(root))
    write_archive(archive, root, manifest)
    return manifest


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    """Long names and names beyond ASCII too; files that a running job has half written stay behind."""
    root = fill(tmp_path / "root", {**FILES, "jobs/gemini-1/.state.safetensors.tmp": b"half"})
    manifest = pack(root, tmp_path / "a.tar.gz")
    assert unpack_archive(tmp_path / "a.tar.gz", tmp_path / "out") == manifest
    assert read(tmp_path / "out") == FILES


def test_any_tar_lists_it(tmp_path: Path) -> None:
    """It is an ordinary tar file whose first member says what it is."""
    pack(fill(tmp_path / "root", FILES), tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert tar.getnames() == ["manifest.json", *sorted(FILES)]
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert (manifest["format"], manifest["format_version"]) == (FORMAT, FORMAT_VERSION)
    assert manifest["files"]["state.json"] == {"size_bytes": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}


# --- refused


def describe(files: dict[str, bytes], /, **changes: Any) -> bytes:
    """A manifest that fits the files."""
    listed = {
        name: {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()
    }
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "emulator_version": "9.9", "created": "", "counts": {}}
    return json.dumps({**head, "files": listed, **changes}).encode()


def make(members: list[tuple[str, bytes]], change: Callable[[tarfile.TarInfo], object] = lambda _: None) -> bytes:
    """A tar.gz of these members, each header changed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            change(header)
            tar.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


def make_whole(files: dict[str, bytes], /, **changes: Any) -> bytes:
    """A tar.gz with a manifest that fits."""
    return make([("manifest.json", describe(files, **changes)), *files.items()])


def make_kind(kind: bytes) -> bytes:
    """With a last member that is no plain file."""

    def change(header: tarfile.TarInfo) -> None:
        if header.name == "state.json":
            header.type, header.linkname, header.size = kind, "/etc/passwd", 0

    return make([("manifest.json", describe({"state.json": b""})), ("state.json", b"")], change)


ONE = {"state.json": b"{}"}
BOMB = bytes(64 << 20)
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "absolute path": (lambda: make_whole({"/etc/cron.d/x": b""}), "'/etc/cron.d/x' leads outside"),
    "parent directory": (lambda: make_whole({"jobs/gemini-1/../../x": b""}), "leads outside"),
    "dot": (lambda: make_whole({"./state.json": b""}), "leads outside"),
    "control character": (lambda: make_whole({"buckets/a\x07b/c": b""}), "is no file of a state archive"),
    "foreign file": (lambda: make_whole({"emulator/app.py": b""}), "'emulator/app.py' is no file of a state archive"),
    "file instead of a directory": (lambda: make_whole({"jobs": b""}), "'jobs' is no file of a state archive"),
    "marker of our own": (lambda: make_whole({"COMMITTED": b""}), "'COMMITTED' is no file of a state archive"),
    "symbolic link": (lambda: make_kind(tarfile.SYMTYPE), "'state.json' is a link"),
    "hard link": (lambda: make_kind(tarfile.LNKTYPE), "'state.json' is a link"),
    "character device": (lambda: make_kind(tarfile.CHRTYPE), "'state.json' is a device"),
    "block device": (lambda: make_kind(tarfile.BLKTYPE), "'state.json' is a device"),
    "pipe": (lambda: make_kind(tarfile.FIFOTYPE), "'state.json' is a pipe"),
    "directory": (lambda: make_kind(tarfile.DIRTYPE), "is a directory"),
    "sparse file": (lambda: make_kind(tarfile.GNUTYPE_SPARSE), "no plain file"),
    "unknown kind": (lambda: make_kind(b"Z"), "no plain file"),
    "GNU long name": (lambda: make_kind(tarfile.GNUTYPE_LONGNAME), "no plain file"),
    "not in the manifest": (
        lambda: make([("manifest.json", describe(ONE)), *ONE.items(), ("store.sqlite3", b"")]),
        "'store.sqlite3' is not in the manifest",
    ),
    "another in its place": (
        lambda: make([("manifest.json", describe(ONE)), ("store.sqlite3", b"{}")]),
        "where 'state.json' is due",
    ),
    "twice": (
        lambda: make([("manifest.json", describe(ONE)), *ONE.items(), *ONE.items()]),
        "'state.json' is not in the manifest",
    ),
    "missing": (lambda: make([("manifest.json", describe(ONE))]), "'state.json' of the manifest is missing"),
    "wrong content": (
        lambda: make([("manifest.json", describe(ONE)), ("state.json", b"[]")]),
        "'state.json' is damaged",
    ),
    "wrong size": (
        lambda: make([("manifest.json", describe(ONE)), ("state.json", b"{ }")]),
        "'state.json' has 3 bytes, in the manifest 2",
    ),
    "newer format": (
        lambda: make_whole(ONE, format_version=FORMAT_VERSION + 1),
        f"format_version: {FORMAT_VERSION + 1}, this program reads 1, 2 and {FORMAT_VERSION}; it was written by "
        "tuning-emulator 9.9",
    ),
    "another format": (lambda: make_whole(ONE, format="backup"), "'backup' is not 'tuning-emulator snapshot'"),
    "unknown field": (lambda: make_whole(ONE, run="rm"), "run: Extra inputs are not permitted"),
    "size as text": (
        lambda: make_whole({}, files={"state.json": {"size_bytes": "2", "sha256": "0" * 64}}),
        "files.state.json.size_bytes",
    ),
    "negative size": (
        lambda: make_whole({}, files={"state.json": {"size_bytes": -1, "sha256": "0" * 64}}),
        "files.state.json.size_bytes",
    ),
    "no manifest": (lambda: make(list(ONE.items())), "its first file is 'state.json'"),
    "manifest is no JSON": (lambda: make([("manifest.json", b"{")]), "manifest.json: it: Invalid JSON"),
    "empty tar": (lambda: make([]), "its first file is ''"),
    "bomb by ratio": (lambda: make_whole({"store.sqlite3": BOMB}), "more than 400 times its size"),
    "bomb behind a small manifest": (
        lambda: make([("manifest.json", describe(ONE)), ("state.json", BOMB)]),
        "has 67108864 bytes, in the manifest 2",
    ),
    "bomb after the end": (
        lambda: gzip.compress(gzip.decompress(make_whole(ONE)) + bytes(1 << 20), 9),
        "something follows after the end",
    ),
    "something after the end": (
        lambda: gzip.compress(gzip.decompress(make_whole(ONE))[:-512] + b"x" * 512),
        "something follows after the end",
    ),
    "not gzip": (lambda: b"PK\x03\x04" + bytes(100), "not a whole gzip file"),
    "gzip of something else": (lambda: gzip.compress(b"x" * 2000), "it is no tar file"),
    "cut off": (lambda: make_whole({"store.sqlite3": random.Random(1).randbytes(9000)})[:-4000], "not a whole gzip"),
    "tar cut off": (lambda: gzip.compress(gzip.decompress(make_whole(ONE))[:1024]), "it is cut off"),
    "garbage after gzip": (lambda: make_whole(ONE) + b"junk", "not a whole gzip file"),
    "extended header with more than a path": (
        lambda: make_pax({"path": "state.json", "size": "99999999999"}),
        "says more than a file's path",
    ),
    "huge extended header": (lambda: make_pax({"path": "x" * 10_000}), "extended header has"),
}


def make_pax(headers: dict[str, str]) -> bytes:
    """A member with an extended header of these records."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        head = describe(ONE)
        first, second = tarfile.TarInfo("manifest.json"), tarfile.TarInfo("state.json")
        first.size, second.size, second.pax_headers = len(head), 2, headers
        tar.addfile(first, io.BytesIO(head))
        tar.addfile(second, io.BytesIO(b"{}"))
    return buffer.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused(name: str, tmp_path: Path) -> None:
    """Each says what is wrong with it, and nothing outside of the target is touched."""
    create, text = HOSTILE[name]
    (tmp_path / "a.tar.gz").write_bytes(create())
    with pytest.raises(ArchiveError) as refused:
        unpack_archive(tmp_path / "a.tar.gz", tmp_path / "target")
    assert text in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "target"]
    assert all(path.is_file() or path.is_dir() for path in (tmp_path / "target").rglob("*"))
    assert not any(path.is_symlink() for path in (tmp_path / "target").rglob("*"))


@pytest.mark.parametrize(
    ("limit", "value", "text"),
    [
        ("MAX_ARCHIVE_BYTES", 100, "at most 100 are read"),
        ("MAX_CONTENT_BYTES", 1, "at most 1 are unpacked"),
        ("MAX_MANIFEST_BYTES", 10, "at most 10 are read"),
        ("MAX_LIST_BYTES", 1, "'state.json' has 2 bytes; at most 1 are read"),
    ],
)
def test_limits(limit: str, value: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are looked at before anything is unpacked."""
    (tmp_path / "a.tar.gz").write_bytes(make_whole(ONE))
    monkeypatch.setattr(archives, limit, value)
    with pytest.raises(ArchiveError, match=text):
        unpack_archive(tmp_path / "a.tar.gz", tmp_path / "target")
    assert read(tmp_path / "target") == {}


@pytest.mark.slow
def test_too_many_files(tmp_path: Path) -> None:
    """A manifest of more files than any state archive has is not even looked through."""
    files = {f"jobs/gemini-1/{i}": {"size_bytes": 0, "sha256": "0" * 64} for i in range(archives.MAX_FILES + 1)}
    (tmp_path / "a.tar.gz").write_bytes(make([("manifest.json", describe({}, files=files))]))
    with pytest.raises(ArchiveError, match=r"manifest.json: files: .* at most 200000 items"):
        unpack_archive(tmp_path / "a.tar.gz", tmp_path / "target")


@pytest.mark.slow
def test_our_own_archives_never_look_like_bombs(tmp_path: Path) -> None:
    """However well a dataset can be packed: at our level deflate does not reach the ratio that is refused."""
    pack(fill(tmp_path / "root", {"buckets/numbers/zeros": BOMB}), tmp_path / "a.tar.gz")
    unpack_archive(tmp_path / "a.tar.gz", tmp_path / "out")
    assert (tmp_path / "out/buckets/numbers/zeros").stat().st_size == len(BOMB)


def test_more_than_an_archive_holds_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be read again is refused when it is written."""
    monkeypatch.setattr(archives, "MAX_CONTENT_BYTES", 5)
    with pytest.raises(ArchiveError, match="more than a state archive holds"):
        list_files(fill(tmp_path / "root", FILES))
