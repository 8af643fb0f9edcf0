"""Rehearsals in a real browser: asked for, watched, cancelled, read; weights chosen and given back; GGUF exported."""

from __future__ import annotations

import json
import re
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.models import write_llama
from tests.page.browsing import SCHEMES, WIDTH, Scheme, opened_tab
from tests.page.seeding import BUCKET, TOKEN, TRAIN, VALIDATION, create_model, format_lines, upload
from tests.page.test_accessibility import check
from tests.page.test_hostile import EVIL, check_nothing_ran
from tests.server_process import running_server
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.models.added import AddedModels
from tuning_emulator.models.adding import add_model
from tuning_emulator.models.sources import describe_directory
from tuning_emulator.testing.client import Control

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.lora,
    pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}"),
]

WRONG = 7
"""The row, from 0, whose answer is planted."""

NARROW = 360
HOSTILE = EVIL.replace("/", "")


@pytest.fixture(scope="module")
def url(process: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one added model, two datasets in a bucket, and a tuned model."""
    folder = tmp_path_factory.mktemp("added")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        directory = write_llama(folder / "model", special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
        add_model(AddedModels(), describe_directory(directory), str(directory), "tiny", lambda _: None)
        with running_server("--trainer", "lora") as running:
            with httpx.Client(base_url=running.url, timeout=60) as client:
                client.post("/storage/v1/b", params={"project": "my-project"}, json={"name": BUCKET}, headers=TOKEN)
                upload(client, "train.jsonl", format_lines(make_rows()))
                upload(client, "validation.jsonl", format_lines(VALIDATION))
            yield running.url


def make_rows() -> list[tuple[str, str]]:
    """One wrong answer, one question with two answers, two rows that are nearly the same."""
    rows = [(question, "12345" if at == WRONG else answer) for at, (question, answer) in enumerate(TRAIN)]
    said = "the parcel that came yesterday was broken in two places and nobody answered my letters about"
    return [*rows, (TRAIN[0][0], "another"), (f"{said} it", "complaint"), (f"{said} that", "complaint")]


@pytest.fixture(scope="module")
def rehearsed(url: str) -> str:
    """A rehearsal that has ended, with a validation set: rows of both are told."""
    control = Control(url)
    place = f"dataset=gs://{BUCKET}/train.jsonl&validation=gs://{BUCKET}/validation.jsonl"
    made = json.loads(control.send("POST", f"rehearsals?api=vertex&model=gemini-2.5-flash&epochs=3&{place}", b""))
    limit = time.monotonic() + 120
    while (found := control.call("GET", f"rehearsals/{made['id']}"))["state"] in ("PENDING", "RUNNING"):
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert found["state"] == "SUCCEEDED", found["error"]
    return str(made["id"])


def ask(page: Page) -> None:
    """Opens the dialog."""
    page.get_by_role("button", name="Rehearse …").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_dataset_is_rehearsed(browser: Browser, url: str) -> None:
    """From the dataset's screen to the report, with the command beside; its figures are those of the API."""
    with opened_tab(browser, url) as tab:
        page = tab.open(f"dataset?dataset=gs://{BUCKET}/train.jsonl")
        ask(page)
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Epochs").fill("2")
        dialog.get_by_label("Held out, %").fill("25")
        dialog.get_by_label("Held out, %").press("Tab")
        expect(dialog.locator("code")).to_contain_text(f"tuning-emulator rehearse gs://{BUCKET}/train.jsonl")
        expect(dialog.locator("code")).to_contain_text("--epochs 2 --holdout 25%")
        assert check(page) == []
        tab.keep("rehearsal-dialog")
        dialog.get_by_role("button", name="Start").click()
        expect(page.locator(".head [role=status] .state")).to_contain_text("Succeeded")
        report = Control(url).call("GET", "rehearsals/" + page.url.partition("id=")[2])["report"]
        gauges = page.get_by_role("region", name="Figures").get_by_role("definition")
        expect(gauges.nth(2)).to_have_text(str(report["rows"]["learned"]))
        expect(gauges.nth(3)).to_have_text(str(report["rows"]["held_out"]))
        expect(page.locator(".chart .spot")).to_have_count(len(report["curve"]) + 1 + len(report["validation_loss"]))


def test_a_report_leads_to_the_rows(browser: Browser, url: str, rehearsed: str) -> None:
    """The wrong answer is among those that resist; each row that is named is a click away; there is code for it."""
    rows, report = make_rows(), Control(url).call("GET", f"rehearsals/{rehearsed}")["report"]
    with opened_tab(browser, url) as tab:
        page = tab.open(f"rehearsal?id={rehearsed}")
        resisting = page.locator(".resisting tbody tr")
        expect(resisting).to_have_count(10)
        expect(resisting.first.get_by_role("button")).to_have_text(str(report["resisting"][0]["example"]))
        expect(page.locator(".resisting tbody")).to_contain_text("12345")
        page.get_by_role("button", name="More …").click()
        expect(resisting).to_have_count(20)
        twins = page.get_by_role("region", name="Near-duplicates")
        expect(twins.get_by_role("button")).to_have_text([str(len(rows) - 1), str(len(rows))])
        both = page.get_by_role("region", name="One question, different answers")
        both.get_by_role("button").last.click()
        expect(page.locator(".example").first.locator(".what")).to_have_text([*rows[-3]])
        page.get_by_role("button", name="Get code").click()
        expect(page.locator(".head .code code")).to_contain_text("tuning-emulator rehearse")
        page.get_by_role("button", name="curl").click()
        expect(page.locator(".head .code code")).to_contain_text("/emulator/v1/rehearsals")


def test_a_report_in_both_schemes_and_on_a_telephone(browser: Browser, url: str, rehearsed: str) -> None:
    """Nothing serious is found, and nothing is wider than the window."""
    scheme: Scheme
    for scheme in SCHEMES:
        for width in (WIDTH, NARROW):
            with opened_tab(
                browser, url, scheme=scheme, width=width, locale="tr-TR" if width == NARROW else "en"
            ) as tab:
                page = tab.open(f"rehearsal?id={rehearsed}")
                expect(page.locator(".resisting tbody tr")).to_have_count(10)
                assert check(page) == []
                tab.keep(f"rehearsal-{scheme}-{width}")
                assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_rehearsal_is_cancelled_and_forgotten_and_a_failed_one_says_why(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    """The list of them is on the dataset's screen; a file's name is a text."""
    control = Control(url)
    file = tmp_path / f"{HOSTILE}.jsonl"
    file.write_text(format_lines([(EVIL, EVIL), *TRAIN]))
    with opened_tab(browser, url) as tab:
        page = tab.open("dataset")
        page.locator("input[type=file]").set_input_files(file)
        ask(page)
        page.get_by_role("dialog").get_by_label("Epochs").fill("900")
        page.get_by_role("dialog").get_by_role("button", name="Start").click()
        state = page.locator(".head [role=status] .state")
        expect(state).to_contain_text("Running")
        expect(page.locator(".gauges dd").first).to_have_text(re.compile(r"^[1-9]\d* / "))
        tab.keep("rehearsal-running")
        check_nothing_ran(page)
        page.get_by_role("button", name="Cancel rehearsal").click()
        expect(state).to_contain_text("Cancelled")
        name = page.url.partition("id=")[2]
        page = tab.open("dataset")
        listed = page.get_by_role("region", name="Rehearsals")
        expect(listed.get_by_role("row", name="Cancelled")).to_have_count(1)
        check_nothing_ran(page)
        listed.locator(f"a[href='#rehearsal?id={name}']").click()
        page.get_by_role("button", name="Forget it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Dataset")
        assert name not in [one["id"] for one in control.call("GET", "rehearsals")["rehearsals"]]
        broken = json.loads(control.send("POST", "rehearsals?api=vertex&model=gemini-2.5-flash", b"{}", "text/plain"))
        page = tab.open(f"rehearsal?id={broken['id']}")
        expect(page.get_by_role("alert")).to_contain_text("the dataset would be refused")


def test_what_cannot_be_rehearsed_says_so_in_the_dialog(browser: Browser, url: str) -> None:
    """Nothing is started, and what was filled in stays."""
    with opened_tab(browser, url, refused=(404,)) as tab:
        page = tab.open(f"dataset?dataset=gs://{BUCKET}/train.jsonl")
        ask(page)
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Validation set").fill(f"gs://{BUCKET}/none.jsonl")
        dialog.get_by_label("Validation set").press("Tab")
        expect(dialog.get_by_label("Held out, %")).to_be_hidden()
        dialog.get_by_role("button", name="Start").click()
        expect(dialog.get_by_role("alert")).to_contain_text(f"gs://{BUCKET}/none.jsonl")


def test_weights_are_chosen_for_all_and_for_a_project(browser: Browser, url: str) -> None:
    """By clicks; the control API says the same, and all can be given back."""
    control = Control(url)
    with opened_tab(browser, url) as tab:
        page = tab.open("state?part=weights")
        part = page.get_by_role("region", name="Weights")
        expect(part.get_by_role("row", name="tiny")).to_contain_text("licence not said")
        expect(part.locator("code", has_text="tuning-emulator models add smollm2").first).to_be_visible()
        for project, model in (("", ""), ("my-project", "gemini-2.5-flash")):
            part.get_by_role("button", name="Choose …").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("Weights").select_option("tiny")
            dialog.get_by_label("In the place of").fill(model)
            dialog.get_by_label("Project").fill(project)
            assert check(page) == []
            dialog.get_by_role("button", name="Set").click()
            expect(dialog).to_have_count(0)
        expect(part.get_by_role("row", name="my-project")).to_contain_text("tiny")
        assert control.base_models.get() == {"*": "tiny"}
        assert control.call("GET", "models")["projects"] == {"my-project": {"gemini-2.5-flash": "tiny"}}
        tab.keep("weights")
        assert check(page) == []
        part.get_by_role("button", name="Choose …").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Weights").select_option("a directory …")
        dialog.get_by_label("Directory").fill("/nowhere")
        tab.refused = frozenset((422,))
        dialog.get_by_role("button", name="Set").click()
        expect(dialog.get_by_role("alert")).to_contain_text("/nowhere: no such directory")
        dialog.get_by_role("button", name="Cancel").click()
        part.get_by_role("button", name="Remove the weights of gemini-2.5-flash for my-project").click()
        expect(part.get_by_role("row", name="my-project")).to_have_count(0)
        page = tab.open("new")
        expect(page.get_by_text("Played here by tiny")).to_be_visible()
        page = tab.open("state?part=weights")
        page.get_by_role("button", name="Back to the settings").click()
        expect(page.get_by_role("region", name="Weights").locator("tbody").first).to_contain_text("embedded")
        expect(page.get_by_role("region", name="Weights").locator("tbody").first).not_to_contain_text("tiny")
        assert control.base_models.get() == {"*": "embedded"}


def test_a_tuned_model_leaves_as_gguf_or_says_why_not(browser: Browser, url: str) -> None:
    """With the command beside it; what it ran on is on the job's screen."""
    pytest.importorskip("gguf")
    control = Control(url)
    with httpx.Client(base_url=url, timeout=60) as client:
        create_model(client, "of-embedded")
        control.jobs.wait("tunedModels/of-embedded")
        control.base_models.set(**{"*": "tiny"})
        create_model(client, "of-tiny")
        job = control.jobs.wait("tunedModels/of-tiny", 120)
    control.base_models.clear()
    with opened_tab(browser, url, refused=(409,)) as tab:
        page = tab.open("job?name=tunedModels/of-tiny")
        asked = page.locator("section", has=page.get_by_role("heading", name="What was asked for"))
        for text in ("tiny", f"{job['device']} · {job['precision']}", "Threads", "Processes"):
            expect(asked).to_contain_text(text)
        page.get_by_role("button", name="Export …").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Form").select_option("gguf")
        dialog.get_by_label("Precision of the matrices").select_option("q8_0")
        expect(dialog.locator("code")).to_contain_text(
            "tuning-emulator export-adapter tunedModels/of-tiny --gguf ./of-tiny.gguf --outtype q8_0"
        )
        assert check(page) == []
        tab.keep("export")
        with page.expect_download() as saved:
            dialog.get_by_role("button", name="Export").click()
            expect(dialog.get_by_role("status").first).to_contain_text("It is being made")
        with tarfile.open(saved.value.path()) as archive:
            assert sorted(archive.getnames()) == ["Modelfile", "of-tiny.gguf"]
        page = tab.open("job?name=tunedModels/of-embedded")
        page.get_by_role("button", name="Export …").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Form").select_option("gguf")
        expect(dialog).to_contain_text("The embedded model cannot be written as GGUF")
        dialog.get_by_role("button", name="Export").click()
        expect(dialog.get_by_role("alert")).to_contain_text("readers of GGUF have no name")
