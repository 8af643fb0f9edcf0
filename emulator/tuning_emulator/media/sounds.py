"""A sound in words: its length, how loud it is, and its pitch.

``[sound 3.2s loud | low]``, the form that the embedded model has been taught. Needs soundfile, and numpy with it, which
are imported when the first sound is read.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from tuning_emulator.media.medium import BrokenMediumError, Medium

if TYPE_CHECKING:
    import numpy as np

    Samples = np.ndarray[tuple[int], np.dtype[np.float32]]

HEARD_S: Final = 30
"""Of the beginning; the length is that of all."""

_LOUD = 0.1
"""Least root of the mean square of a loud sound, where 1 is all that a file can hold: 20 dB below it."""
_LOW_HZ, _HIGH_HZ = 250, 1000
_READ: Final = ("audio/flac", "audio/mp3", "audio/mpeg", "audio/mpga", "audio/ogg", "audio/opus", "audio/wav")
_READ_TOO: Final = ("audio/x-wav", "audio/aiff", "audio/pcm")


def reads_type(mime_type: str) -> bool:
    """Whether libsndfile knows the format; AAC, and sound in a film's container, it does not."""
    return mime_type.partition(";")[0].strip().lower() in (*_READ, *_READ_TOO)


def read_sound(data: bytes, mime_type: str) -> Medium:
    """A sound file.

    Raises:
        BrokenMediumError: it is none.
        ImportError: soundfile is not installed.
    """
    import soundfile

    raw: dict[str, Any] = {}
    if mime_type.partition(";")[0].strip().lower() == "audio/pcm":
        rate = re.search(r"rate=(\d+)", mime_type)
        rate_hz = int(rate[1]) if rate and int(rate[1]) else 16_000
        raw = {"format": "RAW", "subtype": "PCM_16", "channels": 1, "samplerate": rate_hz}
        data = data[: len(data) - len(data) % 2]
    try:
        with soundfile.SoundFile(BytesIO(data), **raw) as file:
            heard = file.read(min(file.frames, HEARD_S * file.samplerate), dtype="float32", always_2d=True)
            return describe_sound(heard.mean(axis=1), file.samplerate, file.frames / file.samplerate)
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise BrokenMediumError(str(error)) from error


def describe_sound(samples: Samples, rate_hz: int, seconds: float) -> Medium:
    """The beginning of a sound, of so many seconds in all."""
    import numpy as np

    loudness = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
    pitch_hz = _find_pitch(samples, rate_hz)
    pitch = "low" if pitch_hz < _LOW_HZ else "high" if pitch_hz > _HIGH_HZ else "mid"
    words = f"[sound {round(seconds, 1)}s {'loud' if loudness >= _LOUD else 'soft'} | {pitch}]"
    return Medium(words, seconds=seconds)


def _find_pitch(samples: Samples, rate_hz: int) -> float:
    """The middle of what is heard, in hertz: half of its power is below. 0 for silence."""
    import numpy as np

    power = np.square(np.abs(np.fft.rfft(samples))) if len(samples) > 1 else np.zeros(1)
    power[0] = 0  # what does not swing is not heard
    total = float(power.sum())
    if not total:
        return 0.0
    return float(np.searchsorted(np.cumsum(power), total / 2)) * rate_hz / len(samples)
