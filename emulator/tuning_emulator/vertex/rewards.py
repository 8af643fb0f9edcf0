"""Rewards of reinforcement tuning: what a configuration gives for an answer, as far as that takes no code and no model.

Source: docs.cloud.google.com …/reference/rest/v1beta1/projects.locations.tuningJobs, the messages' own texts: the last
match is extracted, ``{{references.key}}`` is replaced, rewards are clipped to [-1, 1], the overall reward is the
weighted mean. Assumed: an answer in which nothing is found to extract, that is no JSON or lacks the key, is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.core.records import Failure
from tuning_emulator.core.rules import Violation
from tuning_emulator.facts import emulator_errors, vertex_errors
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.convert import format_failure, parse_place
from tuning_emulator.vertex.rules import refuse_violations

SCORERS = (
    "autorater_scorer",
    "cloud_run_reward_scorer",
    "code_execution_reward_scorer",
    "string_match_reward_scorer",
)
_STRING_MATCH = "string_match_reward_scorer"
_PLACEHOLDER = re.compile(r"\{\{references\.([^{}]+)\}\}")


def validate_reward(call: Call) -> Value:
    """``validateReinforcementTuningReward``: the reward of one answer to one example."""
    parse_place(call.request["parent"])
    refuse_violations([*_check_request(call.request), *list_reward_violations(call.request)])
    response = "".join(
        part.get("text", "") for part in call.request["sample_response"]["parts"] if not part.get("thought")
    )
    references = call.request["example"].get("references", {})
    if "single_reward_config" in call.request:
        return _format_single(call.request["single_reward_config"], response, references)
    return _format_composite(call.request["composite_reward_config"], response, references)


# --- what is wrong with a configuration


def _check_request(request: Value) -> Iterator[Violation]:
    for path in ("sample_response.parts", "example.contents"):
        head, field = path.split(".")
        if not request.get(head, {}).get(field):
            yield Violation(vertex_errors.REQUIRED_FIELD, {}, path)


def list_reward_violations(spec: Value, path: str = "") -> Iterator[Violation]:
    """What is wrong with the rewards of a request or a tuning spec. ``path``: of the spec, with a full stop."""
    single: Value | None = spec.get("single_reward_config")
    weighted: list[Value] = spec.get("composite_reward_config", {}).get("weighted_reward_configs", [])
    if single is None and not weighted:
        yield Violation(vertex_errors.REQUIRED_FIELD, {}, f"{path}reward_config")
    if single is not None:
        yield from _check_single(single, f"{path}single_reward_config")
    names = [one.get("reward_config", {}).get("reward_name", "") for one in weighted]
    composite = f"{path}composite_reward_config.weighted_reward_configs"
    for index, one in enumerate(weighted):
        yield from _check_single(one.get("reward_config", {}), f"{composite}[{index}].reward_config")
        if names[index] in names[:index]:
            yield Violation(vertex_errors.REWARD_NAME_TWICE, {}, f"{composite}[{index}].reward_config.reward_name")
    if weighted and sum(one.get("weight", 0.0) for one in weighted) == 0:
        yield Violation(vertex_errors.REWARD_WEIGHTS_ZERO, {}, composite)


def _check_single(config: Value, path: str) -> Iterator[Violation]:
    parsing: Value = config.get("parse_response_config", {})
    if parsing.get("parse_type") == "REGEX_EXTRACT" and not parsing.get("regex_extract_expression"):
        field = f"{path}.parse_response_config.regex_extract_expression"
        yield Violation(vertex_errors.REQUIRED_FIELD, {}, field)
    if not any(name in config for name in SCORERS):
        yield Violation(vertex_errors.REQUIRED_FIELD, {}, f"{path}.reward_scorer")
    scorer: Value | None = config.get(_STRING_MATCH)
    if scorer is None:
        return
    json_match: Value | None = scorer.get("json_match_expression")
    field = "json_match_expression.value_string_match_expression" if json_match else "string_match_expression"
    expression = _find_expression(scorer)
    if not expression.get("expression"):
        yield Violation(vertex_errors.REQUIRED_FIELD, {}, f"{path}.{_STRING_MATCH}.{field}.expression")
    if expression.get("match_operation", "MATCH_OPERATION_UNSPECIFIED") == "MATCH_OPERATION_UNSPECIFIED":
        yield Violation(vertex_errors.REQUIRED_FIELD, {}, f"{path}.{_STRING_MATCH}.{field}.match_operation")
    if json_match is not None and not json_match.get("key_name"):
        yield Violation(vertex_errors.REQUIRED_FIELD, {}, f"{path}.{_STRING_MATCH}.json_match_expression.key_name")


def _find_expression(scorer: Value) -> Value:
    holder: Value = scorer.get("json_match_expression", {})
    found: Value = holder.get("value_string_match_expression") or scorer.get("string_match_expression", {})
    return found


# --- what an answer is worth


def compute_reward(config: Value, response: str, references: Value) -> float:
    """The reward of a response, clipped.

    Raises:
        ApiError: it takes code, a service or a model; an expression is none; a reference is missing.
    """
    if _STRING_MATCH not in config:
        scorer = next(name for name in SCORERS if name in config)
        raise emulator_errors.REWARD_UNCOMPUTED(scorer=scorer)
    parsed = _parse_response(config.get("parse_response_config", {}), response)
    scorer = config[_STRING_MATCH]
    if "json_match_expression" in scorer:
        parsed = None if parsed is None else _find_value(parsed, scorer["json_match_expression"]["key_name"])
    right = _matches(parsed, _find_expression(scorer), references)
    return float(max(-1.0, min(1.0, scorer.get(f"{'correct' if right else 'wrong'}_answer_reward", 0.0))))


def _parse_response(config: Value, response: str) -> str | None:
    if config.get("parse_type") != "REGEX_EXTRACT":
        return response
    pattern = compile_expression(config["regex_extract_expression"])
    if pattern.groups > 1:
        raise vertex_errors.REWARD_GROUPS(expression=config["regex_extract_expression"])
    found = None
    for found in pattern.finditer(response):  # noqa: B007 the last match is the one that counts
        pass
    return found.group(pattern.groups) if found is not None else None


def _find_value(parsed: str, key: str) -> str | None:
    """The value of a key of the first level, as text: one that is no text as JSON."""
    try:
        values = json.loads(parsed)
    except ValueError:
        return None
    if not isinstance(values, dict) or key not in values:
        return None
    value = values[key]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _matches(target: str | None, match: Value, references: Value) -> bool:
    expression = _fill_references(match["expression"], references)
    if match["match_operation"] == "REGEX_CONTAINS":
        pattern = compile_expression(expression)
        return target is not None and pattern.search(target) is not None
    if target is None:
        return False
    return expression in target if match["match_operation"] == "PARTIAL_MATCH" else expression == target


def _fill_references(expression: str, references: Value) -> str:
    def fill(match: re.Match[str]) -> str:
        if match[1] not in references:
            raise vertex_errors.REWARD_REFERENCE_MISSING(key=match[1])
        return str(references[match[1]])

    return _PLACEHOLDER.sub(fill, expression)


def compile_expression(expression: str) -> Any:
    """A regular expression of GoogleSQL, which are RE2's: other grammar than Python's, and linear time.

    Raises:
        ApiError: it is none, or RE2 is not installed.
    """
    try:
        import re2
    except ImportError as error:
        raise emulator_errors.REGEX_MISSING() from error
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise vertex_errors.REWARD_REGEX_INVALID(expression=expression, reason=reason) from error


# --- the answer


def _format_single(config: Value, response: str, references: Value) -> Value:
    info = _describe_reward(config, response, references)
    named = {"reward_info_details": {config["reward_name"]: info}} if config.get("reward_name") else {}
    if "error_status" in info:
        return {"error": info["error_status"]["message"], "error_status": info["error_status"], **named}
    return {"overall_reward": info["reward"], **named}


def _format_composite(config: Value, response: str, references: Value) -> Value:
    """The weighted mean; none where a part has no reward."""
    found = [
        (one["reward_config"].get("reward_name", ""), one.get("weight", 0.0), one["reward_config"])
        for one in config["weighted_reward_configs"]
    ]
    infos = {name: _describe_reward(one, response, references) for name, _, one in found}
    value: Value = {"reward_info_details": infos}
    value["reward_details"] = {name: info["reward"] for name, info in infos.items() if "reward" in info}
    if failed := next((info["error_status"] for info in infos.values() if "error_status" in info), None):
        return {**value, "error": failed["message"], "error_status": failed}
    total = sum(weight for _, weight, _ in found)
    return {**value, "overall_reward": sum(infos[name]["reward"] * weight for name, weight, _ in found) / total}


def _describe_reward(config: Value, response: str, references: Value) -> Value:
    """A ``ReinforcementTuningRewardInfo``."""
    try:
        return {"reward": compute_reward(config, response, references)}
    except ApiError as error:
        return {"error_status": format_failure(Failure(Code(error.code), error.message))}
