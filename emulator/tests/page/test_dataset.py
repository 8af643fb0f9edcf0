"""Datasets in a real browser: looked at, judged, converted, sent on, tuned; and a real job from file to export."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.browsing import opened_tab
from tests.page.seeding import PROJECT, TRAIN, VALIDATION, Seeded, format_lines, seed, upload
from tests.server_process import running_server
from tuning_emulator.testing.client import Control, make_headers

pytestmark = [pytest.mark.process, pytest.mark.slow]

ROWS_SHOWN = 12
OPENAI = "\n".join(
    json.dumps({"messages": [{"role": "user", "content": given}, {"role": "assistant", "content": wanted}]})
    for given, wanted in TRAIN
)


@pytest.fixture(scope="module")
def seeded(process: None) -> Iterator[Seeded]:
    with running_server("--trainer", "scripted", "--jobs-per-project", "9") as running:
        yield seed(running.url)


def check_by_api(url: str, body: str) -> dict[str, object]:
    """What the control API says of a file."""
    query = {"api": "vertex", "model": "gemini-2.5-flash"}
    headers = {**make_headers(), "content-type": "application/octet-stream"}
    answer = httpx.post(f"{url}/emulator/v1/datasets:check", params=query, content=body, headers=headers)
    found: dict[str, object] = answer.raise_for_status().json()
    return found


def put(page: Page, file: Path, content: str) -> None:
    """Chooses a file of that content."""
    file.write_text(content)
    page.locator("input[type=file]").set_input_files(file)


def test_rows_verdicts_and_price_are_shown(browser: Browser, seeded: Seeded) -> None:
    """Of an object: as many rows as there is room for, then the next; figures are those of the API."""
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("dataset?dataset=gs://numbers/train.jsonl")
        rows = page.locator(".example")
        expect(rows).to_have_count(ROWS_SHOWN)
        expect(rows.first.locator(".what")).to_have_text([*TRAIN[0]])
        page.get_by_role("button", name="Next").click()
        expect(rows.first.locator(".what")).to_have_text([*TRAIN[ROWS_SHOWN]])
        expect(page.get_by_text("It would tune gemini-2.5-flash with this.")).to_be_visible()
        expect(page.get_by_text(f"It trains on {len(TRAIN)} examples.")).to_be_visible()
        found = check_by_api(seeded.url, format_lines(TRAIN))
        expect(page.get_by_role("region", name="Figures")).to_contain_text(f"{found['steps']}")
        expect(page.get_by_text("at US$5.00 for a million training tokens")).to_be_visible()


def test_wrong_lines_are_named_and_led_to(browser: Browser, seeded: Seeded, tmp_path: Path) -> None:
    """The service's words at the line, and a click away from it."""
    broken = format_lines(TRAIN) + '\n{"contents": []}\n'
    found = check_by_api(seeded.url, broken)
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("dataset")
        put(page, tmp_path / "broken.jsonl", broken)
        expect(page.get_by_text("It would refuse: 1 error.")).to_be_visible()
        page.get_by_role("button", name=str(len(TRAIN) + 1), exact=True).click()
        wrong = page.locator(".example.wrong")
        errors = found["errors"]
        assert isinstance(errors, list)
        expect(wrong.locator(".refusal")).to_have_text(errors[0]["message"])
        tab.keep("dataset-broken")


def test_a_file_is_converted_sent_and_tuned(browser: Browser, seeded: Seeded, tmp_path: Path) -> None:
    """What the service does not read is made so, goes to a bucket, and from there into a job."""
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("dataset")
        put(page, tmp_path / "chats.jsonl", OPENAI)
        page.locator(".hint").get_by_role("button", name="Convert").click()
        expect(page.get_by_text(f"It trains on {len(TRAIN)} examples.")).to_be_visible()
        page.get_by_role("button", name="Send to a bucket").click()
        page.get_by_label("Bucket", exact=True).fill("of-the-page")
        page.get_by_label("Project").fill(PROJECT)
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("It is at gs://of-the-page/chats-vertex.jsonl.")).to_be_visible()
        page.get_by_role("button", name="Tune this").click()
        page.get_by_label("Name", exact=True).fill("of chats")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("of chats")
        job = Control(seeded.url).jobs.get(page.url.partition("name=")[2])
        assert job["training_uri"] == "gs://of-the-page/chats-vertex.jsonl"


@pytest.mark.parametrize("api", ["vertex", "gemini"])
def test_there_is_a_sample_for_who_has_no_file(browser: Browser, seeded: Seeded, api: str) -> None:
    """In the form of the service, which would take it."""
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("dataset")
        page.get_by_label("API", exact=True).select_option(api)
        page.get_by_role("button", name="Try a sample").click()
        expect(page.get_by_text("It trains on 42 examples.")).to_be_visible()
        expect(page.locator(".verdict .good").first).to_contain_text("It would tune")


def test_a_row_in_which_nothing_is_said_is_shown_as_it_stands(browser: Browser, seeded: Seeded, tmp_path: Path) -> None:
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("dataset")
        put(page, tmp_path / "broken.jsonl", '{"contents": []}\n' + format_lines(TRAIN))
        expect(page.locator(".example").first.locator(".raw")).to_have_text('{"contents": []}')


def test_what_came_with_a_job_is_shown(browser: Browser, seeded: Seeded) -> None:
    """The Gemini API's examples travel in the request; they are read from there."""
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open(f"job?name={seeded.model}")
        page.get_by_role("link", name="Look at its rows").click()
        expect(page.locator(".example").first.locator(".what")).to_have_text([*TRAIN[0]])


@pytest.mark.lora
def test_a_real_job_is_made_watched_and_exported(browser: Browser, tmp_path: Path) -> None:
    """A file becomes an adapter and a whole model, on the page alone; both curves are those of the API."""
    with running_server("--trainer", "lora") as server:
        with httpx.Client(base_url=server.url) as client:
            client.post("/storage/v1/b", params={"project": PROJECT}, json={"name": "numbers"}, headers=make_headers())
            upload(client, "validation.jsonl", format_lines(VALIDATION))
        with opened_tab(browser, server.url) as tab:
            page = tab.open("new")
            put(page, tmp_path / "numbers.jsonl", format_lines(TRAIN))
            page.get_by_label("Name", exact=True).fill("next number")
            page.get_by_label("Epochs").fill("3")
            page.get_by_label("Validation set").fill("gs://numbers/validation.jsonl")
            expect(page.get_by_text(f"It trains on {len(TRAIN)} examples.")).to_be_visible()
            tab.keep("real-1-new")
            page.get_by_role("button", name="Start").click()
            state = page.locator(".head [role=status] .state")
            expect(state).to_contain_text("Running")
            page.locator(".chart .line").first.wait_for()
            tab.keep("real-2-running")
            expect(state).to_contain_text("Succeeded", timeout=120_000)
            tab.keep("real-3-succeeded")
            metrics = Control(server.url).jobs.get(page.url.partition("name=")[2])["metrics"]
            page.get_by_text("Figures as a table").first.click()
            table = page.locator(".figures[open] tbody tr")
            expect(table).to_have_count(len(metrics))
            assert {one["kind"] for one in metrics} == {"train", "eval"}
            for form, member in (("adapter", "adapter_model.safetensors"), ("whole model", "model.safetensors")):
                page.get_by_role("button", name="Export …").first.click()
                page.get_by_label("Form").select_option(index=0 if form == "adapter" else 1)
                with page.expect_download(timeout=120_000) as saved:
                    page.get_by_role("dialog").get_by_role("button", name="Export").click()
                with tarfile.open(saved.value.path()) as archive:
                    assert member in archive.getnames()
