"""Paths find their methods, and only theirs."""

from __future__ import annotations

import pytest

from tests.rest.library import Library
from tuning_emulator.api.call import Api
from tuning_emulator.api.router import PathValues, Router, TemplateError, parse_template
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

LIBRARY = Router([Library().create_api()])
GOOGLE = Router(
    [
        Api("gemini", "g", "g", "generativelanguage.googleapis.com", GEMINI, {}),
        Api("vertex", "v", "v", "aiplatform.googleapis.com", VERTEX, {}),
    ]
)


def find(router: Router, verb: str, path: str) -> tuple[str, PathValues] | None:
    """Name of the method and its path variables."""
    found = router.find(verb, path)
    return None if found is None else (found[0].target.name, found[1])


@pytest.mark.parametrize(
    ("verb", "path", "name", "bound"),
    [
        ("GET", "/v1/shelves/1/books/2", "Library.GetBook", [("name", "shelves/1/books/2")]),
        ("GET", "/v1/shelves/1/books/2/", "Library.GetBook", [("name", "shelves/1/books/2")]),
        ("GET", "/v1/shelves/1/books", "Library.ListBooks", [("parent", "shelves/1")]),
        ("GET", "/v1/shelves/1/books/4567%401", "Library.GetBook", [("name", "shelves/1/books/4567@1")]),
        ("GET", "/v1/shelves/1/books/a%2Fb", "Library.GetBook", [("name", "shelves/1/books/a%2Fb")]),
        ("GET", "/v1/shelves/1/books/a+b%20c", "Library.GetBook", [("name", "shelves/1/books/a+b c")]),
        ("GET", "/v1/shelves/1/books/x:foo", "Library.GetBook", [("name", "shelves/1/books/x:foo")]),
        ("POST", "/v1/shelves/1/books/2:read", "Library.ReadBook", [("name", "shelves/1/books/2")]),
        ("PATCH", "/v1beta/shelves/1/books/2", "Library.UpdateBook", [("book.name", "shelves/1/books/2")]),
        (
            "GET",
            "/v1/operations/a/b/c",
            "google.longrunning.Operations.GetOperation",
            [("name", "operations/a/b/c")],
        ),
        ("GET", "/ui/operations/a", "google.longrunning.Operations.GetOperation", [("name", "operations/a")]),
    ],
)
def test_finds(verb: str, path: str, name: str, bound: list[tuple[str, str]]) -> None:
    """Variables, custom verbs, ``**``, trailing slashes, percent-encoding, paths without version."""
    assert find(LIBRARY, verb, path) == (name, bound)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v2/shelves/1/books/2"),
        ("GET", "/v1/shelves//books/2"),
        ("GET", "/v1/shelves/1/books/2/3"),
        ("PUT", "/v1/shelves/1/books/2"),
        ("POST", "/v1/shelves/1/books/2"),
        ("POST", "/v1/shelves/1/books/2:foo"),
        ("GET", "/v1/shelves/1/books/2:read"),
        ("GET", "/v1/ui/operations/a"),
        ("GET", "/shelves/1/books/2"),
    ],
)
def test_finds_nothing(verb: str, path: str) -> None:
    """Another verb, version, depth or custom verb is another path."""
    assert find(LIBRARY, verb, path) is None


@pytest.mark.parametrize(
    ("verb", "path", "name", "variable"),
    [
        ("POST", "/v1beta/tunedModels", "ModelService.CreateTunedModel", None),
        ("GET", "/v1/tunedModels/x/operations/y", "google.longrunning.Operations.GetOperation", "name"),
        ("POST", "/v1/tunedModels/x:generateContent", "GenerativeService.GenerateContent", "model"),
        ("PATCH", "/v1beta/tunedModels/x", "ModelService.UpdateTunedModel", "tuned_model.name"),
        ("GET", "/v1/projects/p/locations/l/tuningJobs/1", "GenAiTuningService.GetTuningJob", "name"),
        ("POST", "/v1/projects/p/locations/l/tuningJobs/1:cancel", "GenAiTuningService.CancelTuningJob", "name"),
        (
            "POST",
            "/v1/projects/p/locations/l/tuningJobs:rebaseTunedModel",
            "GenAiTuningService.RebaseTunedModel",
            "parent",
        ),
        ("GET", "/ui/projects/p/locations/l/operations/9", "google.longrunning.Operations.GetOperation", "name"),
    ],
)
def test_the_two_apis_share_one_table(verb: str, path: str, name: str, variable: str | None) -> None:
    """Their paths never meet, so one server can answer both."""
    found = find(GOOGLE, verb, path)
    assert found is not None
    assert found[0] == name
    assert [one for one, _ in found[1]] == ([variable] if variable else [])


def test_every_rule_can_be_reached() -> None:
    """No route of the two APIs hides another: each template, filled in, finds its own method."""
    for route in GOOGLE.routes:
        segments, _, action = parse_template(route.template)
        path = "/" + "/".join("x" if one in ("*", "**") else one for one in segments)
        found = GOOGLE.find(route.rule.verb, path + (f":{action}" if action else ""))
        assert found is not None
        assert found[0].target.method.name == route.target.method.name


def test_a_template_with_two_double_stars_is_refused() -> None:
    """It could not be told what each matches."""
    with pytest.raises(TemplateError, match="two"):
        parse_template("/{name=two/**}/{other=**}")
