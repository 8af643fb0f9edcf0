"""The Gemini API as of a day: models that came and went, keys that tuning did not take, words that changed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.gemini.serving import FLASH, OWNER, Serving, make_model
from tests.serving import Reply

PRO = "models/gemini-1.0-pro-001"
PALM = "models/text-bison-001"
CREATE = "/v1beta/tunedModels"
NOT_FOR_TUNING = "{} is not found for CREATE TUNED MODEL at API version v1beta."
GONE = (
    "{} is not found for API version v1beta, or is not supported for {}. Call {} to see the list of available models "
)
GONE += "and their supported methods."


def as_of(*date: str, **projects: str) -> Serving:
    """An API whose queue never starts, as of a day or of some projects' days; callers are the credentials' own."""
    days = {**({"*": date[0]} if date else {}), **projects}
    return Serving(names=False, as_of={project: dt.date.fromisoformat(day) for project, day in days.items()})


async def ask(serving: Serving, verb: str, path: str, body: Any = None, *, query: str = "") -> Reply:
    """One request with a token, which every day takes."""
    return await serving.ask(verb, path, body, query=query, token="token")


@pytest.mark.parametrize(
    ("date", "tunable"),
    [
        ("2023-09-20", {PALM}),
        ("2024-01-15", {PALM, PRO}),
        ("2024-08-10", {PALM, PRO, FLASH}),
        ("2024-08-15", {PRO, FLASH}),
        ("2025-02-14", {PRO, FLASH}),
        ("2025-02-15", {FLASH}),
        ("2025-05-26", {FLASH}),
        ("2025-05-27", set()),
        ("2026-11-22", set()),
    ],
)
async def test_what_can_be_tuned(date: str, tunable: set[str]) -> None:
    """Listed as tunable, and tuned, are the same base models; the others answer 404 as recorded."""
    serving = as_of(date)
    listed = (await ask(serving, "GET", "/v1beta/models")).json.get("models", [])
    methods = {"createTunedModel", "createTunedTextModel"}
    assert {one["name"] for one in listed if methods & set(one["supportedGenerationMethods"])} == tunable
    for model in (PALM, PRO, FLASH):
        reply = await ask(serving, "POST", CREATE, make_model(baseModel=model))
        if model in tunable:
            assert reply.status == 200
        else:
            assert (reply.status, reply.message) == (404, NOT_FOR_TUNING.format(model))
        assert (await ask(serving, "GET", f"/v1beta/{model}")).status == (200 if model in tunable else 404)


async def test_without_a_day_everything_is_there(waiting: Serving) -> None:
    """Old models and new ones, in one list; keys tune."""
    listed = {one["name"] for one in (await waiting.ask("GET", "/v1beta/models")).json["models"]}
    assert {PALM, PRO, FLASH, "models/gemini-2.5-flash"} <= listed
    for model in (PALM, PRO, FLASH):
        assert (await waiting.ask("POST", CREATE, make_model(baseModel=model))).status == 200


async def test_models_that_were_not_there_yet() -> None:
    """Gemini 2.5 in 2024: not listed, not found, no answer."""
    serving = as_of("2024-11-01")
    assert (await ask(serving, "GET", "/v1beta/models/gemini-2.5-flash")).status == 404
    assert (await serving.generate("models/gemini-2.5-flash", token="token")).status == 404


@pytest.mark.parametrize(
    ("date", "method", "listing"),
    [
        ("2025-06-13", "generateContent", "ListModels"),
        ("2026-08-01", "generateContent", "ModelService.ListModels"),
        ("2024-03-31", "GenerateContent", "ListModels"),
    ],
)
async def test_words_of_a_missing_model(date: str, method: str, listing: str) -> None:
    """In 2023 the method had a capital; since mid-2026 the text names ModelService."""
    reply = await as_of(date).generate("models/none", token="token")
    assert (reply.status, reply.message) == (404, GONE.format("models/none", method, listing))


@pytest.mark.parametrize(("date", "named"), [("2025-12-31", "models/gemini-2.5-flash"), ("2026-01-01", "this model")])
async def test_words_for_log_probabilities(date: str, named: str) -> None:
    """Since 2026 the text says "this model"."""
    body = {"contents": [{"parts": [{"text": "1"}]}], "generationConfig": {"responseLogprobs": True}}
    reply = await ask(as_of(date), "POST", "/v1beta/models/gemini-2.5-flash:generateContent", body)
    assert reply.message == f"Logprobs is not enabled for {named}"


async def test_tuned_models_outlive_their_base_model_unanswering() -> None:
    """Recorded in June 2025: still listed and shown, but asking one answers 404 that names the base model."""
    serving = as_of(old="2025-05-26", new="2025-06-13")
    made = await ask(serving, "POST", CREATE, make_model(), query="$userProject=old")
    name = made.json["metadata"]["tunedModel"]
    say = {"contents": [{"parts": [{"text": "1"}]}]}
    reply = await ask(serving, "POST", f"/v1beta/{name}:generateContent", say, query="$userProject=new")
    assert (reply.status, reply.message) == (404, GONE.format(FLASH, "generateContent", "ListModels"))
    assert (await ask(serving, "GET", f"/v1beta/{name}", query="$userProject=new")).status == 200
    listed = await ask(serving, "GET", "/v1beta/tunedModels", query="$userProject=new")
    assert [one["name"] for one in listed.json["tunedModels"]] == [name]


@pytest.mark.parametrize(("date", "top_k"), [("2024-04-30", 1), ("2024-05-01", 0), ("2025-02-14", 0)])
async def test_top_k_that_tuned_models_show(date: str, top_k: int) -> None:
    """Recorded: gemini-1.0-pro-001 had a topK of 1, then none, which its tuned models show as 0."""
    serving = as_of(date)
    name = (await ask(serving, "POST", CREATE, make_model(baseModel=PRO))).json["metadata"]["tunedModel"]
    assert (await ask(serving, "GET", f"/v1beta/{name}")).json["topK"] == top_k


async def test_a_models_description_changes() -> None:
    """Recorded in February 2025: its end is announced; in April 2024 it had another name."""
    shown = (await ask(as_of("2025-02-10"), "GET", f"/v1beta/{PRO}")).json
    assert "will be discontinued on February 15th, 2025" in shown["description"]
    first = (await ask(as_of("2024-04-01"), "GET", f"/v1beta/{PRO}")).json
    assert (first["displayName"], first["topK"]) == ("Gemini 1.0 Pro", 1)


@pytest.mark.parametrize(
    ("date", "display_name", "lengths"),
    [
        ("2024-07-20", "number generator", {28, 29}),
        ("2024-08-11", "Saloon Next Number Generator Test", {40}),
        ("2025-05-20", "generate-num-8563", {40}),
    ],
)
async def test_lengths_of_ids(date: str, display_name: str, lengths: set[int]) -> None:
    """Recorded: 11 or 12 random characters, cut at 40; since 2025 the id has 40."""
    serving = as_of(date)
    model = PRO if date < "2024-08-01" else FLASH
    reply = await ask(serving, "POST", CREATE, make_model(displayName=display_name, baseModel=model))
    assert len(reply.json["metadata"]["tunedModel"].removeprefix("tunedModels/")) in lengths


KEYLESS = [
    ("POST", CREATE),
    ("GET", CREATE),
    ("GET", f"{CREATE}/x"),
    ("PATCH", f"{CREATE}/x"),
    ("DELETE", f"{CREATE}/x"),
    ("POST", f"{CREATE}/x:transferOwnership"),
    ("GET", f"{CREATE}/x/permissions"),
    ("POST", f"{CREATE}/x/permissions"),
    ("GET", f"{CREATE}/x/operations"),
    ("GET", "/v1/tunedModels/x/operations/y"),
    ("POST", "/v1/tunedModels/x/operations/y:cancel"),
]


@pytest.mark.parametrize(("verb", "path"), KEYLESS)
async def test_tuning_took_no_keys(verb: str, path: str) -> None:
    """Recorded: 401 with CREDENTIALS_MISSING until 29 September 2024; from the 30th on keys are taken."""
    refused = await as_of("2024-09-29").ask(verb, path, {})
    assert refused.status == 401
    assert refused.message.startswith("API keys are not supported by this API. Expected OAuth2 access token or other ")
    (info,) = refused.json["error"]["details"]
    assert (info["reason"], info["domain"]) == ("CREDENTIALS_MISSING", "googleapis.com")
    assert (await as_of("2024-09-30").ask(verb, path, {})).status != 401


async def test_a_key_stood_for_nobody() -> None:
    """Recorded in 2024: a key may ask base models; tuned models only if they are shared with everyone."""
    serving = as_of("2024-08-20")
    await serving.start()
    made = await ask(serving, "POST", CREATE, make_model())
    name = made.json["metadata"]["tunedModel"]
    await serving.finish(name)
    denied = await serving.generate(name)
    assert (denied.status, denied.message) == (403, f"You do not have permission to access tuned model {name}")
    assert (await serving.generate(FLASH)).status == 200
    everyone = {"granteeType": "EVERYONE", "role": "READER"}
    assert (await ask(serving, "POST", f"/v1beta/{name}/permissions", everyone)).status == 200
    assert (await serving.generate(name)).status == 200
    await serving.stop()


async def test_projects_see_days_of_their_own() -> None:
    """One emulator before and after a retirement; a project without a day is answered leniently."""
    serving = as_of(before="2025-05-26", after="2025-05-27")
    replies = {
        project: await ask(serving, "POST", CREATE, make_model(), query=f"$userProject={project}")
        for project in ("before", "after", "other")
    }
    assert {project: reply.status for project, reply in replies.items()} == {"before": 200, "after": 404, "other": 200}
    (first, second) = serving.store.list_tuned_models_oldest_first(0, 10)
    assert (first.owner, second.owner) == (OWNER, OWNER)
