"""Files in words, in the form that the embedded model was taught; what is no file of its kind is told."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from PIL import Image

from base_model_build.generator.media import COLORS, draw_image, draw_sound
from tests.media.files import make_film, make_pdf, make_picture, make_tone, save
from tuning_emulator.facts.media import MediaKind
from tuning_emulator.media.images import MOST_PIXELS, name_color
from tuning_emulator.media.medium import BrokenMediumError
from tuning_emulator.media.readers import MOST_CHARACTERS, MOST_PAGES_READ, read_medium, read_text
from tuning_emulator.storage.sample_data import GREY_JPEG

IMAGE_FORM = re.compile(r"\[image \d+x\d+ (bright|medium|dark) \|( \w+ \d+%)+ \| \w+ \w+ \w+( / \w+ \w+ \w+){2}\]")
SOUND_FORM = re.compile(r"\[sound \d+\.\ds (loud|soft) \| (low|mid|high)\]")


def read_picture(data: bytes) -> str:
    """An image's words."""
    return read_medium("image", "image/png", data).words


def test_an_image_has_its_size_light_colours_and_grid() -> None:
    """A red disc on white: nine cells, the middle one red."""
    words = read_picture(make_picture((640, 480), "white", [("ellipse", (200, 100, 440, 340), "red")]))
    assert words == (
        "[image 640x480 bright | white 88% red 11% | white white white / white red white / white white white]"
    )
    band = read_picture(make_picture((99, 99), "blue", [("rectangle", (0, 33, 99, 65), "yellow")], "JPEG"))
    assert band.endswith("| blue 66% yellow 33% | blue blue blue / yellow yellow yellow / blue blue blue]")


def test_the_words_are_those_of_the_generator() -> None:
    """What the model is taught on and what readers write have one form."""
    from random import Random

    random = Random(1)
    assert all(IMAGE_FORM.fullmatch(draw_image(random)[0]) for _ in range(50))
    assert all(SOUND_FORM.fullmatch(draw_sound(random)[0]) for _ in range(50))
    assert IMAGE_FORM.fullmatch(read_picture(make_picture()))
    assert SOUND_FORM.fullmatch(read_medium("audio", "audio/wav", make_tone(440, 0.5, 1.0)).words)


@pytest.mark.parametrize("color", COLORS)
def test_colours_have_the_names_that_everybody_gives_them(color: str) -> None:
    """Those of CSS."""
    assert f"{color} 100%" in read_picture(make_picture(ground=color))


def test_every_colour_has_a_name() -> None:
    """Of the cube of colours in steps."""
    steps = range(0, 256, 15)
    assert {name_color((r, g, b)) for r in steps for g in steps for b in steps} == set(COLORS)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_images_of_every_mode_are_read(mode: str) -> None:
    """Palettes, grey, with and without transparency; what is clear is white."""
    form = "TIFF" if mode in ("F", "CMYK") else "PNG"
    assert read_picture(save(Image.new(mode, (20, 10)), form)).startswith("[image 20x10 ")
    clear = Image.new("RGBA", (30, 30), (0, 0, 0, 0))
    assert "white 100%" in read_picture(save(clear))


def test_an_image_of_too_many_pixels_is_not_unpacked() -> None:
    """400 kB stand for 432 MB; its size is known, and why nothing else is."""
    side = int(MOST_PIXELS**0.5) + 1
    found = read_medium("image", "image/png", save(Image.new("1", (side, side))))
    assert (found.words, found.width) == (f"[image {side}x{side}]", side)
    assert "pixels are more than" in found.note


@pytest.mark.parametrize(
    ("hertz", "strength", "words"),
    [(110, 0.5, "loud | low"), (440, 0.02, "soft | mid"), (3000, 0.9, "loud | high")],
)
def test_a_sound_has_its_length_loudness_and_pitch(hertz: float, strength: float, words: str) -> None:
    """Tones of 3.24 seconds."""
    found = read_medium("audio", "audio/wav", make_tone(hertz, strength, 3.24))
    assert (found.words, found.seconds) == (f"[sound 3.2s {words}]", 3.24)


def test_sounds_of_other_kinds() -> None:
    """Bare samples with their rate; silence; a container that has none is broken."""
    assert read_medium("audio", "audio/pcm;rate=8000", bytes(16_000)).words == "[sound 1.0s soft | low]"
    assert read_medium("audio", "audio/wav", make_tone(1, 0, 0.0)).words == "[sound 0.0s soft | low]"
    assert read_medium("audio", "audio/m4a", make_tone(440, 0.5, 1.5)).words == "[sound 1.5s]"


def test_formats_that_are_not_read_are_no_faults() -> None:
    """HEIC, which the services take: a word, and why; a sound that has another format than its type says is read."""
    heic = b"\0\0\0\x18ftypheic" + bytes(40)
    found = read_medium("image", "image/heic", heic)
    assert (found.words, found.note) == ("[image]", "HEIC and HEIF are not read here")
    with pytest.raises(BrokenMediumError):
        read_medium("image", "image/heic", b"no image")
    film = make_film((0, 0, 0), 1)
    with pytest.raises(BrokenMediumError, match="no sound"):
        read_medium("audio", "audio/mpeg", film)


def test_a_pdf_is_its_text() -> None:
    """All pages, their lines as lines; as many pages as it has are counted."""
    found = read_medium("document", "application/pdf", make_pdf("Order 12 (urgent)\nTotal: 17 EUR", "Page two"))
    assert (found.words, found.pages, found.note) == ("Order 12 (urgent)\nTotal: 17 EUR\nPage two", 2, "")
    scanned = read_medium("document", "application/pdf", make_pdf(""))
    assert (scanned.words, scanned.pages) == ("[PDF document]", 1)
    assert "no text" in scanned.note


def test_of_a_long_document_the_beginning_is_read() -> None:
    """By pages and by characters; its pages are counted all the same."""
    many = read_medium("document", "application/pdf", make_pdf(*["x"] * (MOST_PAGES_READ + 5)))
    assert (many.pages, many.words.count("x")) == (MOST_PAGES_READ + 5, MOST_PAGES_READ)
    assert many.note == f"{MOST_PAGES_READ} of its {MOST_PAGES_READ + 5} pages are read"
    text = read_text(b"\xef\xbb\xbf" + b"a" * (MOST_CHARACTERS + 1))
    assert (len(text.words), text.words[0]) == (MOST_CHARACTERS, "a")
    assert text.note
    assert read_text(b"").words == "[text document]"


def test_a_video_is_its_length_and_its_first_frame() -> None:
    """Red, three seconds long."""
    found = read_medium("video", "video/mp4", make_film((255, 0, 0), 3))
    assert found.words.startswith("[video 3.0s]\n[image 64x48 ")
    assert "red 100%" in found.words
    assert found.seconds == 3


BAD = {
    "empty": b"",
    "text": b"hello",
    "head of a PNG": b"\x89PNG\r\n\x1a\n" + b"0" * 50,
    "half a JPEG": GREY_JPEG[:-20],
    "half a WAV's head": make_tone(440, 0.5, 0.1)[:20],
    "half a PDF": make_pdf("x")[:60],
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("kind", ["image", "audio", "video", "document"])
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_file_of_its_kind_is_broken(name: str, kind: MediaKind) -> None:
    """Whatever the parsers fall over, it is one error."""
    types = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4", "document": "application/pdf"}
    with pytest.raises(BrokenMediumError):
        read_medium(kind, types[kind], BAD[name])


def test_a_locked_pdf_is_broken() -> None:
    """It can be opened by nobody without its password."""
    from pypdf import PdfWriter

    writer = PdfWriter(BytesIO(make_pdf("secret")))
    writer.encrypt("password", algorithm="RC4-128")
    file = BytesIO()
    writer.write(file)
    with pytest.raises(BrokenMediumError):
        read_medium("document", "application/pdf", file.getvalue())
