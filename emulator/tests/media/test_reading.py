"""The process that reads files: a file that is made to do harm harms neither it nor the server for long."""

from __future__ import annotations

import logging
import os
import signal
import threading
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.media.files import make_film, make_pdf, make_picture, make_tone, save
from tuning_emulator.media import reading
from tuning_emulator.media.medium import BrokenMediumError, Medium, ReaderFailedError
from tuning_emulator.media.reading import MediaReader

pytestmark = pytest.mark.process


@pytest.fixture
def reader() -> Iterator[MediaReader]:
    """One of this test's own."""
    one = MediaReader()
    yield one
    one.close()


def read_picture(reader: MediaReader, data: bytes) -> Medium:
    """An image through the process."""
    return reader.read("image", "image/png", data)


def pid(reader: MediaReader) -> int:
    """Of the process, which runs."""
    assert reader._process is not None
    return reader._process.pid


def test_files_of_all_kinds_pass_through_one_process(reader: MediaReader) -> None:
    """It is started by the first and stays; text needs none."""
    assert reader.read("document", "text/plain", "é".encode()).words == "é"
    assert reader._process is None
    assert read_picture(reader, make_picture()).words.startswith("[image 96x96 ")
    first = pid(reader)
    assert reader.read("audio", "audio/wav", make_tone(440, 0.5, 1)).words.startswith("[sound 1.0s")
    assert reader.read("document", "application/pdf", make_pdf("x")).words == "x"
    assert reader.read("video", "video/mp4", make_film((0, 0, 255), 1)).seconds == 1
    assert pid(reader) == first


def test_a_broken_file_is_an_error_and_the_next_is_read(reader: MediaReader) -> None:
    """In the same process."""
    read_picture(reader, make_picture())
    first = pid(reader)
    with pytest.raises(BrokenMediumError):
        read_picture(reader, b"no image")
    assert read_picture(reader, make_picture((50, 50))).width == 50
    assert pid(reader) == first


def test_a_process_that_dies_is_replaced(reader: MediaReader) -> None:
    """Killed between two files, or under one."""
    read_picture(reader, make_picture())
    os.kill(pid(reader), signal.SIGKILL)
    with pytest.raises(ReaderFailedError, match="crashed"):
        read_picture(reader, make_picture((60, 60)))
    assert read_picture(reader, make_picture((60, 60))).width == 60


def test_a_file_that_takes_too_long_is_given_up() -> None:
    """The process is stopped (as if it worked for ever), and another takes its place."""
    reader = MediaReader(timeout_s=1.0)
    try:
        read_picture(reader, make_picture())
        os.kill(pid(reader), signal.SIGSTOP)
        with pytest.raises(ReaderFailedError, match="more than 1 s"):
            read_picture(reader, make_picture((70, 70)))
        assert read_picture(reader, make_picture((70, 70))).width == 70
    finally:
        reader.close()


def bomb_pdf(size: int) -> bytes:
    """A PDF whose one page unpacks to so many bytes."""
    page = zlib.compress(b" " * size, 1)
    head = make_pdf("x")
    start = head.index(b"<< /Length")
    end = head.index(b"endstream", start) + len(b"endstream")
    stream = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(page), page)
    return head[:start] + stream + head[end:]


def test_bombs_burst_in_the_process_alone(reader: MediaReader) -> None:
    """200 MB of spaces in 1 MB, and an image of 400 million pixels in 50 kB: answered, and the next file is read."""
    with pytest.raises((BrokenMediumError, ReaderFailedError)):
        reader.read("document", "application/pdf", bomb_pdf(200 << 20))
    side = 20_000
    found = read_picture(reader, save(Image.new("1", (side, side))))
    assert "pixels are more than" in found.note
    assert read_picture(reader, make_picture()).width == 96


def test_threads_share_it(reader: MediaReader) -> None:
    """Each gets the answer to its own file."""
    widths: dict[int, int] = {}

    def read(width: int) -> None:
        widths[width] = read_picture(reader, make_picture((width, 20))).width

    threads = [threading.Thread(target=read, args=(width,)) for width in range(20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert widths == {width: width for width in range(20, 40)}


def test_without_a_reader_a_file_is_its_kind_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No process is started for what nothing reads."""
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    reader = MediaReader()
    with caplog.at_level(logging.WARNING):
        found = [read_picture(reader, make_picture()) for _ in range(2)]
        reader.read("document", "application/pdf", make_pdf("x"))
    assert found == [Medium("[image]", missing="PIL")] * 2
    assert reader._process is None
    assert caplog.messages == [
        "images are not read here, and the model is told no more than [image]: Pillow is missing; install "
        "tuning-emulator[media]",
        "PDF documents are not read here, and the model is told no more than [PDF document]: pypdf is missing; install "
        "tuning-emulator[media]",
    ]
