"""Jobs in a real browser: listed, watched, steered, compared, by clicks and by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.browsing import opened_tab
from tests.page.seeding import TOKEN, TRAIN, Seeded, create_job, format_lines, seed
from tests.records import MOMENT_NS, make_job
from tests.server_process import running_server
from tuning_emulator.core.records import JobState, MetricPoint
from tuning_emulator.store.store import Store
from tuning_emulator.testing.client import Control, make_headers

pytestmark = [pytest.mark.process, pytest.mark.slow]

MANY = 10_000
LONG = 100_000
HOSTILE = '<img src=x onerror="document.body.dataset.hurt=1">\'&quot;</script>'
OBJECT = HOSTILE.replace("/", "") + ".jsonl"


@pytest.fixture(scope="module")
def seeded(process: None) -> Iterator[Seeded]:
    with running_server("--trainer", "scripted", "--jobs-per-project", "9") as running:
        yield seed(running.url)


@pytest.fixture(scope="module")
def states(process: None) -> Iterator[str]:
    with running_server("--trainer", "scripted", "--scenario", "one-of-each-state") as running:
        yield running.url


@pytest.fixture(scope="module")
def crowded(process: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulator with very many jobs, the newest of which has a very long curve."""
    directory = tmp_path_factory.mktemp("crowded")
    store = Store(directory)
    ended: dict[str, Any] = {"state": JobState.SUCCEEDED, "started_ns": MOMENT_NS, "ended_ns": MOMENT_NS}
    with store.transaction():
        for at in range(MANY):
            long = {"total_steps": LONG, "completed_steps": LONG} if at == MANY - 1 else {}
            job = store.insert_job(make_job(id=str(10**18 + at), display_name=f"job {at}", **ended, **long))
        store.add_metric_points(job.uid, [MetricPoint(at, 1, 1 + at % 7, 0) for at in range(1, LONG + 1)])
    store.close()
    with running_server("--trainer", "scripted", "--data-dir", str(directory)) as running:
        yield running.url


def create_by_hand(url: str, name: str) -> str:
    """A job that waits in each state."""
    with httpx.Client(base_url=url) as client:
        return create_job(client, name, labels={"tuning-emulator-pace": "manual"})


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until something of that name has the focus."""
    wanted = page.get_by_role("main").get_by_text(name, exact=True).first
    wanted.wait_for()
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"no Tab leads to {name}")


def test_jobs_are_listed_chosen_and_opened(browser: Browser, states: str) -> None:
    """As many as the API has; a choice is kept in the address."""
    listed = httpx.get(f"{states}/emulator/v1/jobs", headers=make_headers()).json()
    with opened_tab(browser, states) as tab:
        page = tab.open("jobs")
        rows = page.locator(".rows .row")
        expect(rows).to_have_count(len(listed["jobs"]))
        page.get_by_role("button", name="Failed").click()
        expect(rows).to_have_count(listed["states"]["FAILED"])
        assert page.url.endswith("#jobs?state=FAILED")
        page.reload()
        expect(rows).to_have_count(listed["states"]["FAILED"])
        page.get_by_role("button", name="All").click()
        page.get_by_label("Name or id").fill("next number shared")
        expect(rows).to_have_count(1)
        page.get_by_role("link", name="next number shared").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("next number shared")


def test_the_curve_is_the_one_of_the_api(browser: Browser, seeded: Seeded) -> None:
    """Each point, by the table behind the chart."""
    metrics = Control(seeded.url).jobs.get(seeded.job)["metrics"]
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open(seeded.address("job"))
        page.get_by_text("Figures as a table").first.click()
        cells = page.locator(".figures[open] tbody tr").evaluate_all(
            "(rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent))"
        )
        kinds = {"train": "training", "eval": "validation"}
        assert [(kind, int(step), float(loss)) for kind, step, loss in cells] == [
            (kinds[one["kind"]], one["step"], one["loss"]) for one in metrics
        ]
        assert len(metrics) > 20
        drawn = page.locator(".chart .line.tone-1").first.get_attribute("d") or ""
        assert drawn.count("L") == sum(one["kind"] == "train" for one in metrics) - 1


def test_a_job_is_stepped_to_its_end_by_clicks(browser: Browser, seeded: Seeded) -> None:
    """What the page shows changes by itself; what other clients do is seen at once."""
    name = create_by_hand(seeded.url, "stepped")
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open(f"job?name={name}")
        state = page.locator(".head [role=status] .state")
        expect(state).to_contain_text("Pending")
        page.get_by_role("button", name="Advance").click()
        expect(state).to_contain_text("Running")
        Control(seeded.url).jobs.advance(name, "TUNING")  # somebody else does
        expect(state).to_contain_text("tuning")
        for next_one in ("post-processing", "Succeeded"):
            page.get_by_role("button", name="Advance").click()
            expect(state).to_contain_text(next_one)
        expect(page.get_by_role("link", name="Ask it").first).to_be_visible()


def test_a_job_is_cancelled_by_keyboard(browser: Browser, seeded: Seeded) -> None:
    """From the list to the end of the job without a pointer; the focus is never lost."""
    create_by_hand(seeded.url, "to be cancelled")
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("jobs?words=to+be+cancelled")
        tab_to(page, "to be cancelled")
        page.keyboard.press("Enter")
        tab_to(page, "Cancel job")
        page.keyboard.press("Enter")
        expect(page.locator(".head [role=status] .state")).to_contain_text("Cancelled")
        assert page.evaluate("document.activeElement !== document.body")


def test_a_job_is_made_to_fail_here(browser: Browser, seeded: Seeded) -> None:
    """By a dialog; the failure names the rule with these words, which leads to its row."""
    name = create_by_hand(seeded.url, "to fail")
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open(f"job?name={name}")
        page.get_by_role("button", name="Make it fail").click()
        page.get_by_label("What happens").select_option("dataset_rejected")
        page.get_by_label("At", exact=True).fill("3")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.get_by_text("will meet dataset_rejected:3")).to_be_visible()
        page.get_by_role("button", name="Pace").click()
        page.get_by_role("dialog").get_by_label("Jobs go on").select_option("training")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.locator(".head [role=status] .state")).to_contain_text("Failed")
        failure = Control(seeded.url).jobs.get(name)["failure"]
        expect(page.locator(".failure .refusal")).to_have_text(failure["message"])
        expect(page.locator(".failure")).to_contain_text(failure["source"])
        page.locator(".failure").get_by_role("link", name=failure["rule"]).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Rules")


def test_two_jobs_are_compared(browser: Browser, seeded: Seeded) -> None:
    """Their curves over each other, and their figures side by side."""
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open(seeded.address("job"))
        page.get_by_role("button", name="Compare").click()
        page.get_by_label("Job", exact=True).select_option(seeded.model)
        page.get_by_role("dialog").get_by_role("button", name="Compare").click()
        expect(page.get_by_role("region", name="Compared")).to_contain_text("gemini-1.5-flash-001-tuning")
        expect(page.locator(".chart").first.locator(".line")).to_have_count(2)
        tab.keep("job-compared")


def test_raw_answers_are_those_of_the_apis(browser: Browser, seeded: Seeded) -> None:
    """Each version as it answers."""
    with opened_tab(browser, seeded.url) as tab:
        for name, versions, headers in (
            (seeded.job, ("v1", "v1beta1"), TOKEN),
            (seeded.model, ("v1beta",), {"x-goog-api-key": "projects/numbers-demo"}),
        ):
            page = tab.open(f"job?name={name}")
            for version in versions:
                page.get_by_role("button", name=version, exact=True).click()
                shown = page.locator("pre:visible code")
                expect(shown).to_contain_text("{")
                wanted = httpx.get(f"{seeded.url}/{version}/{name}", headers=headers).json()
                assert page.evaluate("(text) => JSON.parse(text)", shown.inner_text()) == wanted


def test_a_new_job_is_asked_for_by_keyboard(browser: Browser, seeded: Seeded, tmp_path: Path) -> None:
    """A file of the visitor's, and what any client would send; the next screen is that job's."""
    file = tmp_path / "mine.csv"
    file.write_text("question,answer\n" + "".join(f"{given},{wanted}\n" for given, wanted in TRAIN))
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("new")
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_label("Name", exact=True).fill("from the page")
        page.get_by_label("Epochs").fill("2")
        page.get_by_label("Epochs").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("from the page")
        expect(page.locator(".head [role=status] .state")).to_contain_text("Succeeded")
        name = page.url.partition("name=")[2]
        job = Control(seeded.url).jobs.get(name)
        assert (job["asked"], job["statistics"]["examples"]) == ({"epochs": 2}, len(TRAIN))
        assert job["training_uri"] == "gs://tuning-emulator-page/mine.jsonl"


def test_the_gemini_api_gets_its_examples_in_the_request(browser: Browser, seeded: Seeded, tmp_path: Path) -> None:
    """The same file; then the model is tuned further, from its own screen."""
    file = tmp_path / "mine.jsonl"
    file.write_text(format_lines(TRAIN))
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("new?api=gemini")
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_label("Name", exact=True).fill("of pairs")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("of pairs")
        expect(page.locator(".head [role=status] .state")).to_contain_text("Succeeded")
        source = page.url.partition("name=")[2]
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Name", exact=True).fill("of pairs again")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("of pairs again")
        made = Control(seeded.url).jobs.get(page.url.partition("name=")[2])
        assert made["source_model"] == source


def test_a_refused_job_is_said_in_the_services_words(browser: Browser, seeded: Seeded, tmp_path: Path) -> None:
    """The form stays as it was filled in."""
    file = tmp_path / "mine.jsonl"
    file.write_text(format_lines(TRAIN))
    with opened_tab(browser, seeded.url, refused=(400, 404)) as tab:
        page = tab.open("new")
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_label("Base model").fill("gemini-none")
        page.get_by_label("Name", exact=True).fill("refused")
        page.get_by_role("button", name="Start").click()
        expect(page.locator("form .refusal")).to_contain_text("gemini-none")
        assert page.get_by_label("Name", exact=True).input_value() == "refused"


@pytest.mark.parametrize("locale", ["pt-BR", "tr-TR"])
def test_every_screen_speaks_the_visitors_language(browser: Browser, seeded: Seeded, locale: str) -> None:
    """No text is missing; dates and numbers are written as there."""
    with opened_tab(browser, seeded.url, locale=locale, refused=(400, 404)) as tab:
        for screen in ("jobs", "job", "new", "dataset", "reference"):
            page = tab.open(seeded.address(screen))
            assert page.evaluate("document.documentElement.lang") == locale[:2]
            assert page.get_by_role("heading", level=1).inner_text() not in ("Jobs", "New job", "Dataset")
            tab.keep(f"{screen}-{locale[:2]}")


def test_ten_thousand_jobs_scroll(browser: Browser, crowded: str) -> None:
    """To the very last, with no more elements than there is room for."""
    with opened_tab(browser, crowded) as tab:
        page = tab.open("jobs")
        expect(page.get_by_role("main").get_by_text(f"{MANY:,} jobs")).to_be_visible()
        last = page.get_by_role("link", name="job 0", exact=True)
        for _ in range(4 * MANY // 200):
            page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
            if last.count():
                break
            page.wait_for_timeout(50)
        expect(last).to_be_visible()
        assert page.locator(".rows .row").count() < 100
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
        expect(page.get_by_role("link", name="job 5000", exact=True)).to_be_attached()


def test_a_very_long_curve_is_drawn_of_few_points(browser: Browser, crowded: str) -> None:
    """As many as there is room for; the step that it ends at is there."""
    with opened_tab(browser, crowded) as tab:
        name = httpx.get(f"{crowded}/emulator/v1/jobs?limit=1", headers=make_headers()).json()["jobs"][0]["name"]
        page = tab.open(f"job?name={name}")
        drawn = page.locator(".chart .line.tone-1").first.get_attribute("d") or ""
        assert 500 < drawn.count("L") < 2_000
        page.locator(".chart").first.focus()
        page.keyboard.press("End")
        expect(page.locator(".told").first).to_contain_text(f"{LONG:,}")
        tab.keep("job-long")


def test_hostile_names_are_text(browser: Browser, seeded: Seeded) -> None:
    """Of jobs, labels and objects, in rows, errors and snippets: nothing of them becomes an element."""
    with httpx.Client(base_url=seeded.url) as client:
        line = format_lines([(HOSTILE, HOSTILE)] * 12) + f'\n{{"contents": [{{"role": "{HOSTILE[:4]}"}}]}}\n'
        client.post("/storage/v1/b", params={"project": "numbers-demo"}, json={"name": "hostile"}, headers=TOKEN)
        path = "/upload/storage/v1/b/hostile/o"
        client.post(path, params={"name": OBJECT, "uploadType": "media"}, content=line, headers=TOKEN)
        name = create_job(client, HOSTILE)
        Control(seeded.url).jobs.wait(name)
    with opened_tab(browser, seeded.url, refused=(400, 404)) as tab:
        page = tab.open("jobs")
        expect(page.get_by_role("link", name=HOSTILE)).to_be_visible()
        page = tab.open(f"job?name={name}")
        expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
        page.get_by_role("button", name="Get code").click()
        page = tab.open(f"job?name={seeded.job}&with={name}")
        expect(page.get_by_role("link", name=HOSTILE)).to_be_visible()
        page = tab.open("dataset")
        page.get_by_role("button", name="From a bucket").click()
        page.get_by_role("button", name="gs://hostile/").click()
        page.get_by_role("button", name=OBJECT).click()
        expect(page.locator(".turn .what").first).to_have_text(HOSTILE)
        expect(page.get_by_text("It would refuse")).to_be_visible()
        page.get_by_role("button", name="Get code").click()
        assert page.locator("main img, main script").count() == 0
        assert page.evaluate("document.body.dataset.hurt") is None


def test_the_reference_is_complete_and_our_own(browser: Browser, seeded: Seeded) -> None:
    """Every request of the description is there, from this server alone; the old address leads to it."""
    described = httpx.get(f"{seeded.url}/emulator/openapi.json", headers=make_headers()).json()
    with opened_tab(browser, seeded.url) as tab:
        page = tab.page
        page.goto(f"{seeded.url}/emulator/docs")
        operations = page.locator("main details > summary")
        expect(operations).to_have_count(sum(len(item) for item in described["paths"].values()))
        page.get_by_label("Search").fill("clock advance")
        expect(operations).to_have_count(1)
        operations.click()
        expect(page.locator("main")).to_contain_text("seconds")
        tab.keep("reference")


def test_a_job_that_only_pretends_says_so(browser: Browser, seeded: Seeded) -> None:
    """And shows no hyperparameter that acts on nothing; its checkpoints can be asked on a telephone too."""
    with opened_tab(browser, seeded.url, width=360) as tab:
        page = tab.open(f"job?name={seeded.job}")
        expect(page.get_by_text("The scripted trainer only pretends")).to_be_visible()
        asked = page.locator("section", has=page.get_by_role("heading", name="What was asked for"))
        expect(asked.get_by_role("cell", name="Adapter size")).to_be_visible()
        expect(asked.get_by_role("cell", name="Beta")).to_have_count(0)
        last = page.locator(".checkpoints tbody tr").last
        last.scroll_into_view_if_needed()
        for name in ("Ask it", "Continue …"):
            box = last.get_by_text(name, exact=True).bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= 360


def test_the_screen_that_is_shown_is_in_sight_among_the_links(browser: Browser, seeded: Seeded) -> None:
    """Where the window is too narrow for all of them."""
    with opened_tab(browser, seeded.url, width=360) as tab:
        page = tab.open("state")
        expect(page.get_by_role("navigation").get_by_role("link", name="State and set-up")).to_be_in_viewport()
