"""A request goes a short way through the house, and CONTRIBUTING walks the same one."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from scripts.walk import Walk, take_walks

ROOT = Path(__file__).resolve().parent.parent
MOST_FILES = {"POST tuningJobs": 28, "GET tunedModels": 18, "gRPC GetTunedModel": 18}


@pytest.fixture(scope="module")
def walks() -> dict[str, Walk]:
    """All of them, taken once."""
    return asyncio.run(take_walks())


def list_files(walk: Walk) -> set[str]:
    """Every file of a walk, those of worker threads too."""
    return {file for file, _ in (*walk.stretches, *walk.aside)}


def read_section(title: str) -> set[str]:
    """The files that a section of CONTRIBUTING names."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`([\w/]+\.py)`", text))


@pytest.mark.parametrize("name", MOST_FILES)
def test_the_way_is_short(walks: dict[str, Walk], name: str) -> None:
    """Files that a stranger opens to follow it. A new one may have its reason; then say it here."""
    assert len(walks[name].files) <= MOST_FILES[name], walks[name].files


def test_a_create_request_comes_back_seldom(walks: dict[str, Walk]) -> None:
    """How often a reader returns to a file that was left before."""
    assert walks["POST tuningJobs"].returns <= 30


def test_contributing_walks_the_request(walks: dict[str, Walk]) -> None:
    """Every file that a request meets is named, and none other but what stands in for it over gRPC."""
    named = read_section("One request, file by file")
    over_grpc = {"grpc/http2.py", "grpc/stream.py", "grpc/calls.py", "schema/protobuf.py"}
    assert named - over_grpc == list_files(walks["POST tuningJobs"])
    assert over_grpc <= list_files(walks["gRPC GetTunedModel"])


def test_contributing_walks_the_job(walks: dict[str, Walk]) -> None:
    """Files of the queue and of the steps; storage, and what the walk of the request has named, go without saying."""
    named, met = read_section("One job, file by file"), list_files(walks["a tuning job"])
    before = list_files(walks["POST tuningJobs"])
    assert {file for file in met - before if not file.startswith("storage/")} <= named
    batches = {"jobs/batches.py", "gemini/batches.py", "vertex/batches.py"}
    assert named - met <= {"jobs/lora.py", "jobs/runner.py", "gemini/jobs.py", "jobs/tuning_api.py", *batches}
