"""The rows behind the answers, over the control API: found by words, by grade, by the name that the journal has."""

from __future__ import annotations

from tests.control.running import PLACE, ServerState
from tuning_emulator.facts import emulator_errors
from tuning_emulator.facts.catalogue import count_by_grade, list_entries


async def test_every_row_is_there_with_source_and_grade(server: ServerState) -> None:
    """A page at a time; the emulator's own words have neither, and count as none."""
    first = await server.control("GET", "rules?limit=1000")
    assert first["total"] == len(list_entries()) + len(emulator_errors.ROWS) == len(first["rules"])
    assert first["grades"] == count_by_grade(list_entries())
    assert {row["table"] for row in first["rules"] if not row["source"]} == {"emulator"}
    page = await server.control("GET", "rules?limit=3&offset=5")
    assert page["rules"] == first["rules"][5:8]
    assert sum(first["tables"].values()) == first["total"]


async def test_rows_are_found_by_words_grade_and_table(server: ServerState) -> None:
    """All of the words, wherever they stand."""
    found = await server.control("GET", "rules?words=ADAPTER%20supported&grade=recorded&table=vertex")
    assert [row["name"] for row in found["rules"]] == ["adapter_size_not_supported"]
    assert found["total"] == found["grades"]["recorded"] == found["tables"]["vertex"] == 1
    assert (await server.control("GET", "rules?words=nothing%20of%20the%20kind"))["rules"] == []
    detail = (await server.control("GET", "rules?grade=certain", status=422))["detail"]
    assert "grade" in detail
    assert "'certain'" in detail


async def test_the_rule_that_the_journal_names_is_there(server: ServerState) -> None:
    """Of each refusal: the text that was answered is the row's."""
    refused = await server.create(status=400, baseModel="nonsense")
    entry = (await server.control("GET", "journal?limit=1"))["entries"][0]
    (row,) = (await server.control("GET", f"rules/{entry['rule']}"))["rules"]
    assert row["text"].format(base_model="nonsense") in refused["error"]["message"]
    assert (row["grade"], bool(row["source"])) == ("recorded", True)
    await server.ask("GET", f"/v1/{PLACE}/tuningJobs/1", status=404)


async def test_names_with_slashes_and_names_of_several_tables(server: ServerState) -> None:
    """Open models have the first; both APIs say some things under one name. An unknown one is 404 and says so."""
    rows = (await server.control("GET", "rules/google/gemma3@gemma-3-1b-it"))["rules"]
    assert [row["kind"] for row in rows] == ["base model"]
    both = (await server.control("GET", "rules/model_not_found"))["rules"]
    assert len({row["table"] for row in both}) == len(both) > 1
    own = (await server.control("GET", "rules/no_space"))["rules"]
    assert [(row["table"], row["grade"], row["source"]) for row in own] == [("emulator", "", "")]
    assert "no rule 'unheard'" in (await server.control("GET", "rules/unheard", status=404))["detail"]
