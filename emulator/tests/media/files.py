"""Files to read: pictures, sounds, a PDF, a film; each as bytes."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

Box = tuple[int, int, int, int]


def make_picture(
    size: tuple[int, int] = (96, 96),
    ground: str = "white",
    shapes: Sequence[tuple[str, Box, str]] = (),
    form: str = "PNG",
) -> bytes:
    """A picture of plain shapes: (``rectangle`` or ``ellipse``, its box, its colour)."""
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    for kind, box, color in shapes:
        getattr(draw, kind)(box, fill=color)
    return save(image, form)


def save(image: Image.Image, form: str = "PNG") -> bytes:
    """An image's file."""
    file = BytesIO()
    image.save(file, form)
    return file.getvalue()


def make_tone(hertz: float, strength: float, seconds: float, rate_hz: int = 16_000) -> bytes:
    """A WAV file of one tone."""
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        count = int(seconds * rate_hz)
        values = (int(32_767 * strength * math.sin(2 * math.pi * hertz * n / rate_hz)) for n in range(count))
        sound.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return file.getvalue()


def make_pdf(*pages: str) -> bytes:
    """A PDF with a text on each page; its lines are lines."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    numbers = []
    font = "<< /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    for text in pages:
        shown = "".join(f"({_escape(line)}) Tj T* " for line in text.split("\n"))
        stream = f"BT /F 12 Tf 14 TL 40 760 Td {shown}ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        contents = len(objects)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources {font} /Contents {contents} 0 R >>"
        )
        numbers.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(numbers)}] /Count {len(numbers)} >>"
    data, places = b"%PDF-1.4\n", []
    for number, value in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{value}\nendobj\n".encode("latin-1")
    start = len(data)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    return data + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def make_film(color: tuple[int, int, int], seconds: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """An MP4 file of one colour, without sound."""
    import av  # loads FFmpeg's libraries

    file = BytesIO()
    with av.open(file, "w", format="mp4") as film:
        stream: Any = film.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        frame: Any = av.VideoFrame
        for _ in range(5 * seconds):
            film.mux(stream.encode(frame.from_image(Image.new("RGB", size, color))))
        film.mux(stream.encode())
    return file.getvalue()
