"""Files in prompts of both APIs. What plays a base model here repeats the prompt, which shows what it read."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import date
from typing import Any

import pytest

from tests.cached import LONG, WORDS
from tests.gemini.serving import Serving as GeminiServing
from tests.media.conftest import BUCKET, FILES, RED, RED_SQUARE
from tests.media.files import make_picture
from tests.serving import Reply
from tests.vertex.serving import PLACE
from tests.vertex.serving import Serving as VertexServing
from tuning_emulator.media import parts

pytestmark = pytest.mark.process
PUBLISHED = f"/v1/{PLACE}/publishers/google/models"
OPEN = "/v1beta/models/gemini-2.5-flash"
UNREAD = "this emulator fetches nothing from the Internet; gs:// and inlineData are read"


def inline(data: bytes, mime_type: str = "image/png") -> dict[str, Any]:
    """A file in the request."""
    return {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(data).decode()}}


def stored(name: str, mime_type: str = "") -> dict[str, Any]:
    """A file of Cloud Storage."""
    return {"fileData": {"mimeType": mime_type or FILES[name][1], "fileUri": f"gs://{BUCKET}/{name}"}}


def turn(*parts: dict[str, Any]) -> dict[str, Any]:
    """A prompt of one turn."""
    return {"contents": [{"role": "user", "parts": list(parts)}]}


async def say(
    serving: VertexServing | GeminiServing, body: Any, verb: str = "generateContent", model: str = ""
) -> Reply:
    """A request for content of either API."""
    base = OPEN if isinstance(serving, GeminiServing) else f"{PUBLISHED}/gemini-2.5-flash"
    return await serving.ask("POST", f"{model or base}:{verb}", body)


def read_answer(reply: Reply) -> tuple[str, dict[str, int], int]:
    """What is repeated, the prompt's tokens by modality, and all of them."""
    assert reply.status == 200, reply.text
    usage = reply.json["usageMetadata"]
    details = {one["modality"]: one["tokenCount"] for one in usage["promptTokensDetails"]}
    return reply.json["candidates"][0]["content"]["parts"][0]["text"], details, usage["promptTokenCount"]


@pytest.fixture(params=["vertex", "gemini"])
def api(request: pytest.FixtureRequest) -> VertexServing | GeminiServing:
    """Each of both."""
    found: VertexServing | GeminiServing = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("verb", ["generateContent", "countTokens"])
@pytest.mark.parametrize("part", [inline(RED_SQUARE), stored("red.png")], ids=["inline", "stored"])
async def test_an_image_is_read_and_counted(
    api: VertexServing | GeminiServing, part: dict[str, Any], verb: str
) -> None:
    """A tile; the words stand on a line of their own, and are not counted as text."""
    body = turn({"text": "What?"}, part, {"text": "Say it."})
    reply = await say(api, body, verb)
    if verb == "countTokens":
        counted = reply.json
        assert counted["promptTokensDetails"][1] == {"modality": "IMAGE", "tokenCount": 258}
        assert counted["totalTokens"] == 258 + counted["promptTokensDetails"][0]["tokenCount"]
        return
    said, details, total = read_answer(reply)
    assert said == f"What?\n{RED}\nSay it."
    alone = read_answer(await say(api, turn({"text": "What?"}, {"text": "Say it."})))[1]
    assert details == {"TEXT": alone["TEXT"], "IMAGE": 258}
    assert total == sum(details.values())


@pytest.mark.parametrize(
    ("name", "words", "counted"),
    [
        ("letter.pdf", "Dear Anna\nYours, Bert", {"DOCUMENT": 516}),
        ("tone.wav", "[sound 2.0s loud | mid]", {"AUDIO": 64}),
        ("film.mp4", "[video 2.0s]\n[image 64x48 dark | blue 100% |", {"VIDEO": 526}),
        ("notes.txt", "buy milk", {}),
    ],
)
async def test_files_of_every_kind(
    api: VertexServing | GeminiServing, name: str, words: str, counted: dict[str, int]
) -> None:
    """From Cloud Storage; plain text is counted as text."""
    said, details, _ = read_answer(await say(api, turn(stored(name), {"text": "?"})))
    assert said.startswith(words)
    assert said.endswith("\n?")
    text = details.pop("TEXT")
    assert (details, text > 1) == (counted, name == "notes.txt")


async def test_a_prompt_of_files_alone(api: VertexServing | GeminiServing) -> None:
    """Nothing is counted as text, and the words of two files are two lines."""
    said, details, _ = read_answer(await say(api, turn(inline(RED_SQUARE), stored("tone.wav"))))
    assert said == f"{RED}\n[sound 2.0s loud | mid]"
    assert {name: count for name, count in details.items() if count} == {"IMAGE": 258, "AUDIO": 64}


async def test_streams_count_files_too(api: VertexServing | GeminiServing) -> None:
    """In the last piece."""
    events = (await say(api, turn(inline(RED_SQUARE), {"text": "?"}), "streamGenerateContent")).json
    text = "".join(part["text"] for one in events for part in one["candidates"][0]["content"].get("parts", []))
    assert text == f"{RED}\n?"
    assert {"modality": "IMAGE", "tokenCount": 258} in events[-1]["usageMetadata"]["promptTokensDetails"]


async def test_the_media_resolution_counts(vertex: VertexServing) -> None:
    """On Gemini 3 of a part as well, which is stronger; before it the request's alone."""
    newest = f"/v1/{PLACE.replace('us-central1', 'us')}/publishers/google/models/gemini-3.5-flash"
    low = {"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}}
    high = {**inline(RED_SQUARE), "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}
    counts = {}
    for model in ("", newest):
        for name, body in (("low", turn(inline(RED_SQUARE)) | low), ("own", turn(high) | low)):
            counts[bool(model), name] = read_answer(await say(vertex, body, model=model))[1]["IMAGE"]
    assert counts == {(False, "low"): 64, (False, "own"): 64, (True, "low"): 280, (True, "own"): 1120}


ANSWERS = {
    "vertex": {
        "broken": "Provided image is not valid.",
        "pdf": "The document has no pages.",
        "sound": "Request contains an invalid argument.",
        "large": "has an image file of 7340033 bytes, but the maximum is 7340032",
    },
    "gemini": {
        "broken": "Unable to process input image. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
        "pdf": "The document has no pages.",
        "sound": "Request contains an invalid argument.",
        "large": "The request has a file of 7340033 bytes; at most 7340032 are allowed.",
    },
}


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent", "countTokens"])
@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ("broken", stored("broken.png")),
        ("pdf", inline(b"no PDF", "application/pdf")),
        ("sound", inline(b"no sound", "audio/wav")),
        ("large", inline(bytes((7 << 20) + 1))),
    ],
)
async def test_bad_files_are_refused_in_the_services_words(
    api: VertexServing | GeminiServing, fault: str, part: dict[str, Any], verb: str
) -> None:
    """With 400, before anything is said."""
    reply = await say(api, turn(part, {"text": "?"}), verb)
    name = "gemini" if isinstance(api, GeminiServing) else "vertex"
    error = reply.json[0]["error"] if isinstance(reply.json, list) else reply.json["error"]
    assert (reply.status, error["status"]) == (400, "INVALID_ARGUMENT")
    assert ANSWERS[name][fault] in error["message"]


async def test_what_is_not_there(api: VertexServing | GeminiServing) -> None:
    """As what may not be read: one cannot tell them apart."""
    reply = await say(api, turn(stored("none", "image/png")))
    assert (reply.status, reply.json["error"]["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("host", ["storage.googleapis.com/files", "files.storage.googleapis.com"])
async def test_addresses_of_cloud_storage_mean_its_objects(api: VertexServing | GeminiServing, host: str) -> None:
    """Of both styles; what signs them does not matter."""
    part = {"fileData": {"mimeType": "image/png", "fileUri": f"https://{host}/red.png?X-Goog-Signature=1"}}
    assert read_answer(await say(api, turn(part)))[0] == RED


async def test_the_internet_is_not_asked(api: VertexServing | GeminiServing) -> None:
    """The file is its kind alone, counted as the least that it may be; a hint says so."""
    part = {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/x.png"}}
    said, details, _ = read_answer(await say(api, turn(part, {"text": "?"})))
    assert (said, details["IMAGE"]) == ("[image]\n?", 258)
    (entry,) = (one for one in api.app.middleware.journal._entries if "example.com" in one.request)
    assert f"contents[0].parts[0] (image/png): {UNREAD}" in str(entry.exchange.notes)


async def test_many_files_have_bounds_together(vertex: VertexServing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt of thousands of long documents neither fills the server nor keeps it for hours."""
    text = inline(b"x" * 90, "text/plain")
    monkeypatch.setattr(parts, "MOST_CHARACTERS", 100)
    said = read_answer(await say(vertex, turn(text, text, text)))[0]
    assert said == f"{'x' * 90}\n{'x' * 10}\n[PDF document]"
    (entry,) = vertex.app.middleware.journal._entries
    assert "the files of one request are read up to 100 characters" in str(entry.exchange.notes)
    monkeypatch.setattr(parts, "MOST_SECONDS", -1)
    reply = await say(vertex, turn(inline(RED_SQUARE)))
    assert reply.status == 400
    assert reply.message.startswith("tuning-emulator: the file of contents[0].parts[0] cannot be read here")


async def test_what_has_no_effect_beside_a_file_is_told(vertex: VertexServing) -> None:
    """A clip of a picture, a resolution of a part for an old model, files in a function's result."""
    clipped = {**inline(RED_SQUARE), "videoMetadata": {"fps": 2}}
    sharp = {**inline(RED_SQUARE), "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}
    film = {**stored("film.mp4"), "videoMetadata": {"endOffset": "1s"}}
    given = {"functionResponse": {"name": "f", "response": {}, "parts": [inline(RED_SQUARE)]}}
    contents = [
        turn(clipped, sharp, film)["contents"][0],
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [given]},
    ]
    details = read_answer(await say(vertex, {"contents": contents}))[1]
    assert details["VIDEO"] == 263
    (entry,) = vertex.app.middleware.journal._entries
    place = "contents[0].parts"
    assert entry.exchange.notes[-4:-1] == [
        f"{place}[0].video_metadata has no effect: the file is no video",
        f"{place}[1].media_resolution has no effect: models before Gemini 3 have one resolution for a request",
        "contents[2].parts[0].function_response.parts has no effect: of a result its response is read here",
    ]
    assert entry.exchange.notes[-1].endswith("its length and first frame are read")


async def test_tuned_models_of_the_gemini_api_take_text_alone(gemini: GeminiServing) -> None:
    """For tokens as for answers."""
    name = await gemini.create(query="tunedModelId=mine")
    for verb in ("generateContent", "countTokens"):
        reply = await say(gemini, turn(inline(RED_SQUARE)), verb, f"/v1beta/{name}")
        assert (reply.status, reply.message) == (400, "Image input modality is not enabled for tunedModels/mine")


async def test_before_2026_the_gemini_api_read_no_objects(storage_url: str) -> None:
    """Nor fetched what is in the web."""
    old = GeminiServing(storage=storage_url, as_of={"*": date(2025, 11, 1)})
    await old.start()
    reply = await say(old, turn(stored("red.png")))
    await old.stop()
    assert (reply.status, reply.message) == (400, f"Invalid or unsupported file uri: gs://{BUCKET}/red.png")


async def test_the_journal_keeps_no_bytes(vertex: VertexServing) -> None:
    """A picture in a request is not to be found in it."""
    picture = make_picture((123, 77), "green")
    await say(vertex, turn(inline(picture)))
    kept = json.dumps([one.request for one in vertex.app.middleware.journal._entries])
    assert "image/png" in kept
    assert base64.b64encode(picture).decode()[:60] not in kept


async def test_the_process_that_reads_ends_with_the_server(storage_url: str) -> None:
    """None is left behind."""
    one = VertexServing(storage_url)
    await one.start()
    await say(one, turn(inline(RED_SQUARE)))
    process = one.app.media_reader._process
    assert process is not None
    await one.stop()
    assert process.returncode is not None


async def test_many_prompts_at_once(vertex: VertexServing) -> None:
    """Each gets the words of its own file."""
    pictures = {width: make_picture((width, 40), "blue") for width in range(40, 52)}
    replies = await asyncio.gather(*(say(vertex, turn(inline(data))) for data in pictures.values()))
    said = [read_answer(reply)[0] for reply in replies]
    assert said == [f"[image {width}x40 dark | blue 100% | {' / '.join(3 * ['blue blue blue'])}]" for width in pictures]


async def test_files_can_be_cached(api: VertexServing | GeminiServing) -> None:
    """They are counted when they are cached, told apart by modality, and read before what the prompt says itself."""
    words = {"role": "user", "parts": [inline(RED_SQUARE), {"text": LONG}]}
    vertex = isinstance(api, VertexServing)
    place, model = (f"/v1/{PLACE}", f"{PLACE}/publishers/google/models/gemini-2.5-flash")
    if not vertex:
        place, model = "/v1beta", "models/gemini-2.5-flash"
    made = await api.ask("POST", f"{place}/cachedContents", {"model": model, "contents": [words]})
    assert made.status == 200, made.text
    assert made.json["usageMetadata"]["totalTokenCount"] == WORDS + 258
    body = {**turn(inline(RED_SQUARE), {"text": "one two"}), "cachedContent": made.json["name"]}
    reply = await say(api, body)
    text, details, total = read_answer(reply)
    assert (details, total) == ({"TEXT": WORDS + 2, "IMAGE": 2 * 258}, WORDS + 2 + 2 * 258)
    usage = reply.json["usageMetadata"]
    cached = {one["modality"]: one["tokenCount"] for one in usage["cacheTokensDetails"]}
    assert (usage["cachedContentTokenCount"], cached) == (WORDS + 258, {"TEXT": WORDS, "IMAGE": 258})
    assert text == f"{RED}\none two"
    if vertex:
        assert made.json["usageMetadata"]["imageCount"] == 1
        return
    counted = await say(api, {"generateContentRequest": {"model": model, **body}}, "countTokens")
    assert (counted.json["totalTokens"], counted.json["cachedContentTokenCount"]) == (total, WORDS + 258)
