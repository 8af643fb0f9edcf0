"""``validateReinforcementTuningReward``: what string matching gives, and what nothing here can compute."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.vertex.serving import PLACE, TRAINING, Serving

pytest.importorskip("re2", reason="google-re2 is not installed (extra rewards)")

EXAMPLE = {
    "contents": [{"role": "user", "parts": [{"text": "What is 6 times 7?"}]}],
    "references": {"answer": "42", "pattern": "4."},
}
Json = dict[str, Any]


def match(expression: str, operation: str = "EXACT_MATCH", **fields: Any) -> Json:
    """A reward of 1 for what matches, -1 for what does not."""
    scorer = {
        "correctAnswerReward": 1.0,
        "wrongAnswerReward": -1.0,
        "stringMatchExpression": {"matchOperation": operation, "expression": expression},
    }
    return {"rewardName": "answer", "stringMatchRewardScorer": scorer, **fields}


def extract(pattern: str) -> Json:
    """A parse config."""
    return {"parseResponseConfig": {"parseType": "REGEX_EXTRACT", "regexExtractExpression": pattern}}


async def try_reward(serving: Serving, said: str, config: Json) -> Json:
    """The answer for a single reward."""
    parts = [{"text": "42", "thought": True}, {"text": said}]
    body = {"sampleResponse": {"parts": parts}, "example": EXAMPLE, "singleRewardConfig": config}
    found: Json = await serving.post(f"{PLACE}/tuningJobs:validateReinforcementTuningReward", body, "v1beta1")
    return found


@pytest.mark.parametrize(
    ("said", "config", "right"),
    [
        ("42", match("42"), True),
        ("42.", match("42"), False),
        ("42", match("{{references.answer}}"), True),
        ("It is 42.", match("{{references.answer}}", "PARTIAL_MATCH"), True),
        ("It is 43.", match("{{references.answer}}", "PARTIAL_MATCH"), False),
        ("It is 42.", match(r"\b{{references.answer}}\b", "REGEX_CONTAINS"), True),
        ("It is 45.", match("{{references.pattern}}", "REGEX_CONTAINS"), True),  # put in as it is, as documented
        ("two\nlines", match("two.lines", "REGEX_CONTAINS"), False),
        ("<a>1</a> <a>42</a>", match("42", **extract("<a>(.*?)</a>")), True),  # the last match
        ("1 then 42", match("42", **extract(r"\d+")), True),  # no group: the whole match
        ("nothing", match("42", **extract(r"\d+")), False),
        ("nothing", match(".*", "REGEX_CONTAINS", **extract(r"\d+")), False),
        ("ü 42", match(r"\pL 42", "REGEX_CONTAINS"), True),  # RE2's grammar, not Python's
        ("x" * 5000 + "!", match("(x+x+)+y", "REGEX_CONTAINS"), False),  # in linear time
        ("42", match("42", parseResponseConfig={"parseType": "IDENTITY"}), True),
    ],
)
async def test_an_answer_is_right_or_wrong(serving: Serving, said: str, config: Json, right: bool) -> None:
    """Each operation, references, and what is extracted before. Thoughts are no part of the answer."""
    reward = 1.0 if right else -1.0
    assert await try_reward(serving, said, config) == {
        "overallReward": reward,
        "rewardInfoDetails": {"answer": {"reward": reward}},
    }


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ('{"result": "42", "other": 1}', True),
        ('{"result": 42}', True),
        ('{"result": {"result": "42"}}', False),
        ('{"other": "42"}', False),
        ('["42"]', False),
        ("42", False),
    ],
)
async def test_a_value_of_the_first_level_is_matched(serving: Serving, said: str, right: bool) -> None:
    """What is no JSON object, or has no such key, is wrong."""
    value = {"matchOperation": "EXACT_MATCH", "expression": "{{references.answer}}"}
    scorer = {
        "correctAnswerReward": 0.5,
        "wrongAnswerReward": -3,
        "jsonMatchExpression": {"keyName": "result", "valueStringMatchExpression": value},
    }
    found = await try_reward(serving, said, {"rewardName": "json", "stringMatchRewardScorer": scorer})
    assert found["overallReward"] == (0.5 if right else -1)  # clipped


async def test_a_composite_reward_is_the_weighted_mean(serving: Serving) -> None:
    """With the rewards by name, the deprecated way and the new."""
    weighted = [
        {"rewardConfig": match("42"), "weight": 3},
        {"rewardConfig": {**match("0", "PARTIAL_MATCH"), "rewardName": "zero"}, "weight": 1},
    ]
    body = {
        "sampleResponse": {"parts": [{"text": "42"}]},
        "example": EXAMPLE,
        "compositeRewardConfig": {"weightedRewardConfigs": weighted},
    }
    path = f"{PLACE}/tuningJobs:validateReinforcementTuningReward"
    assert await serving.post(path, body, "v1beta1") == {
        "overallReward": 0.5,
        "rewardDetails": {"answer": 1, "zero": -1},
        "rewardInfoDetails": {"answer": {"reward": 1}, "zero": {"reward": -1}},
    }
    weighted[1]["rewardConfig"] = {"rewardName": "judge", "autoraterScorer": {"autoraterPrompt": "Is it right?"}}
    found = await serving.post(path, body, "v1beta1")
    assert "overallReward" not in found
    assert found["rewardDetails"] == {"answer": 1}
    assert found["rewardInfoDetails"]["judge"]["errorStatus"] == found["errorStatus"]


@pytest.mark.parametrize(
    ("config", "code", "said"),
    [
        (
            {"codeExecutionRewardScorer": {"pythonCodeSnippet": "1"}},
            12,
            "tuning-emulator: code_execution_reward_scorer ",
        ),
        ({"cloudRunRewardScorer": {"cloudRunUri": "https://x"}}, 12, "tuning-emulator: cloud_run_reward_scorer needs "),
        ({"autoraterScorer": {"autoraterPrompt": "?"}}, 12, "tuning-emulator: autorater_scorer needs "),
        (match("(", "REGEX_CONTAINS"), 3, "Invalid regular expression (: missing ): ("),
        (match("(?=a)", "REGEX_CONTAINS"), 3, "Invalid regular expression (?=a): invalid perl operator: (?="),
        (match("1", **extract("(a)(b)")), 3, "Regular expression (a)(b) has more than 1 capturing group."),
        (match("{{references.other}}"), 3, "The example has no reference other."),
    ],
)
async def test_what_has_no_reward_says_why(serving: Serving, config: Json, code: int, said: str) -> None:
    """An error in the answer, as documented, and no reward that looks like one."""
    found = await try_reward(serving, "42", {"rewardName": "answer", **config})
    assert found["errorStatus"]["code"] == code
    assert found["errorStatus"]["message"].startswith(said)
    assert found["error"] == found["errorStatus"]["message"]
    assert found["rewardInfoDetails"] == {"answer": {"errorStatus": found["errorStatus"]}}
    assert "overallReward" not in found


async def test_without_re2_only_expressions_need_it(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says what to install; plain text is matched all the same."""
    monkeypatch.setitem(sys.modules, "re2", None)
    assert (await try_reward(serving, "42", match("42")))["overallReward"] == 1
    found = await try_reward(serving, "42", match("4", "REGEX_CONTAINS"))
    assert found["errorStatus"]["message"].endswith("install tuning-emulator[rewards].")


async def test_a_reinforcement_job_ends_and_says_why(serving: Serving) -> None:
    """It is taken with its rewards and settings; no trainer here has it: FAILED in the emulator's own words."""
    spec = {
        "trainingDatasetUri": TRAINING,
        "singleRewardConfig": match("{{references.answer}}"),
        "hyperParameters": {"samplesPerPrompt": 4, "batchSize": 8, "thinkingLevel": "MINIMAL"},
    }
    job = await serving.tune(
        "v1beta1", baseModel="gemini-3.5-flash", supervisedTuningSpec=None, reinforcementTuningSpec=spec
    )
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["reinforcementTuningSpec"] == spec
    assert job["error"]["code"] == 12
    assert job["error"]["message"].startswith(
        "tuning-emulator: no trainer here can do reinforcement tuning of gemini-3.5-flash. "
    )
    assert "serve --scenario FILE" in job["error"]["message"]
    assert "tunedModel" not in job


async def test_nothing_is_stored(serving: Serving) -> None:
    """A trial leaves no trace, and v1 has no such method."""
    before = serving.store.revision()
    await try_reward(serving, "42", match("42"))
    assert serving.store.revision() == before
    body = json.loads("{}")
    reply = await serving.ask("POST", f"/v1/{PLACE}/tuningJobs:validateReinforcementTuningReward", body)
    assert reply.status == 404
