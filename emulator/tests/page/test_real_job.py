"""A job on real data, as a person makes it: on the page, watched, asked beside its base, exported, compared.

The pictures of it are left in build/page. With ``--keep-pictures`` (``make pictures``) those of the README and the
documents are made anew.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.browsing import SCHEMES, Scheme, Tab, ask, keep_small, opened_tab
from tests.page.seeding import (
    BUCKET,
    KEY,
    PLACE,
    TOKEN,
    TRAIN,
    VALIDATION,
    create_job,
    create_model,
    format_lines,
    upload,
)
from tests.server_process import running_server
from tuning_emulator.testing.client import Control

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.lora]

DOCUMENTED = ("jobs", "job", "playground", "requests")
"""Screens whose pictures are in the documents."""


@pytest.fixture(scope="module")
def url(process: None) -> Iterator[str]:
    with running_server("--trainer", "lora") as running:
        yield running.url


def fill_bucket(client: httpx.Client) -> None:
    """The data sets."""
    client.post("/storage/v1/b", params={"project": "my-project"}, json={"name": BUCKET}, headers=TOKEN)
    upload(client, "train.jsonl", format_lines(TRAIN))
    upload(client, "validation.jsonl", format_lines(VALIDATION))


def fill_form(page: Page, file: Path, name: str, rate: str = "") -> None:
    """Says what to tune on what, and waits for what the service would say of it."""
    page.get_by_role("main").locator("input[type=file]").set_input_files(file)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Epochs", exact=True).fill("6")
    page.get_by_label("Learning rate multiplier").fill(rate)
    page.get_by_label("Validation set").fill(f"gs://{BUCKET}/validation.jsonl")
    page.get_by_label("Validation set").press("Tab")
    expect(page.get_by_role("main")).to_contain_text("Billable tokens")


def start(page: Page) -> str:
    """Starts what the form says; the job's name, from the address."""
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("New job")
    return page.url.partition("name=")[2]


def test_a_job_from_file_to_comparison(browser: Browser, url: str, tmp_path: Path) -> None:
    """Every step by clicks; what it shows is what the emulator has."""
    control = Control(url)
    file = tmp_path / "numbers.jsonl"
    file.write_text(format_lines(TRAIN), encoding="utf-8")
    with httpx.Client(base_url=url, timeout=60) as client:
        fill_bucket(client)
    with opened_tab(browser, url) as tab:
        page = tab.open("new")
        fill_form(page, file, "next number")
        tab.keep("real-1-new")
        name = start(page)
        expect(page.locator(".chart .line").first).to_have_attribute("d", re.compile("(L.*){6}"))
        tab.keep("real-2-watched")
        expect(page.get_by_text("Succeeded")).to_be_visible()
        tab.keep("real-3-ended")
        page.get_by_role("link", name="Ask it").first.click()
        base, tuned = ask(page, "41")
        assert (base != "42", tuned) == (True, "42")
        ask(page, "twenty two")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator(".trial th strong").last).to_have_text(f"{len(VALIDATION)} of {len(VALIDATION)}")
        tab.keep("real-4-asked")
        page = tab.open(f"job?name={name}")
        page.get_by_role("button", name="Export").first.click()
        with page.expect_download() as waiting:
            page.get_by_role("dialog").get_by_role("button", name="Export").click()
        with tarfile.open(waiting.value.path()) as archive:
            assert "adapter_config.json" in {Path(one).name for one in archive.getnames()}
        page = tab.open("new")
        fill_form(page, file, "next number, slowly", "0.2")
        second = start(page)
        control.jobs.wait(second)
        expect(page.get_by_text("Succeeded")).to_be_visible()
        page = tab.open(f"job?name={second}&with={name}")
        expect(page.locator(".chart .line").nth(2)).to_be_attached()
        tab.keep("real-5-compared")


def prepare(url: str) -> None:
    """Jobs and requests as a day's work leaves them."""
    control = Control(url)
    with httpx.Client(base_url=url, timeout=60) as client:
        fill_bucket(client)
        control.scenarios.load("one-of-each-state")
        create_model(client, "colours", "colours of things")
        job = create_job(client, "next number", 6)
        for name in ("tunedModels/colours", job):
            control.jobs.wait(name)
        create_job(client, baseModel="gemini-9.9-flash")
        client.get(f"/v1/{job}", headers=TOKEN)
        client.get("/v1beta/tunedModels/colour", headers=KEY)
        client.get(f"/v1/{PLACE}/tuningJobs", headers=TOKEN)


def show(tab: Tab, screen: str, job: str) -> None:
    """Brings a screen to where it is worth a picture."""
    page = tab.open({"job": f"job?name={job}", "playground": f"playground?name={job}"}.get(screen, screen))
    if screen == "jobs":
        expect(page.locator("tbody tr, [role=row]").first).to_be_visible()
    elif screen == "job":
        expect(page.locator(".chart .line").nth(1)).to_be_attached()
    elif screen == "playground":
        ask(page, "twenty two")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator(".trial th strong").last).to_have_text(f"{len(VALIDATION)} of {len(VALIDATION)}")
        page.mouse.wheel(0, -10_000)
        expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    else:
        page.locator(".requests-table tr", has_text="400").first.click()
        expect(page.locator(".detail .rule")).to_be_visible()


def test_the_pictures_of_the_documents_are_made(browser: Browser, url: str, request: pytest.FixtureRequest) -> None:
    """Jobs, Job, Playground and Requests in both schemes, each small enough for a page of text."""
    control = Control(url)
    control.reset()
    prepare(url)
    job = next(one["name"] for one in control.jobs.list() if one["display_name"] == "next number")
    scheme: Scheme
    for scheme in SCHEMES:
        with opened_tab(browser, url, scheme=scheme, width=1280, height=800) as tab:
            for screen in DOCUMENTED:
                show(tab, screen, job)
                made = keep_small(tab.keep(f"{screen}-{scheme}-small", whole=False), f"{screen}-{scheme}")
                assert made.stat().st_size < 60_000
                if request.config.getoption("--keep-pictures", default=False):
                    made.replace(Path(__file__).parents[3] / "docs" / "images" / made.name)
