"""Answers to requests for content, printed as chat completions: whole, or in chunks.

Keys come in alphabetical order, and the answer's id is that of the content. Source: the answers in
docs.cloud.google.com …/models/migrate/openai/examples.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.schema.schema import Value

_FINISHES: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "MALFORMED_FUNCTION_CALL": "function_call_filter: MALFORMED_FUNCTION_CALL",
}
"""Source of the last one: github.com/ohdearquant/lionagi and others, quoting v1beta/openai; of Vertex AI assumed."""


class CompletionWriter:
    """Writes the completions of one request.

    Args:
        model: What the request calls the model. old_calls: Whether functions were declared in the older form.
        make_call_id: An id for each call.
    """

    def __init__(self, model: str, *, old_calls: bool, make_call_id: Callable[[], str], now_ns: int) -> None:
        self._model, self._old_calls, self._make_call_id = model, old_calls, make_call_id
        self._created = now_ns // SECOND_NS
        self._called: dict[int, int] = {}

    def format_whole(self, answer: Value) -> dict[str, Any]:
        """The completion."""
        choices = [self._format_choice(one, "message") for one in answer["candidates"]]
        return self._wrap("chat.completion", choices, answer)

    def format_chunk(self, answer: Value) -> dict[str, Any]:
        """One chunk; the last one has the counts."""
        choices = [self._format_choice(one, "delta") for one in answer["candidates"]]
        return self._wrap("chat.completion.chunk", choices, answer)

    def _wrap(self, kind: str, choices: list[dict[str, Any]], answer: Value) -> dict[str, Any]:
        found: dict[str, Any] = {
            "choices": choices,
            "created": self._created,
            "id": answer.get("response_id", ""),
            "model": self._model,
            "object": kind,
            "system_fingerprint": "",
        }
        usage: Value = answer.get("usage_metadata") or {}
        if "total_token_count" in usage:
            found["usage"] = _format_usage(usage)
        return found

    def _format_choice(self, candidate: Value, field: str) -> dict[str, Any]:
        index = candidate.get("index", 0)
        parts = (candidate.get("content") or {}).get("parts") or []
        calls = [part["function_call"] for part in parts if part.get("function_call") is not None]
        said = self._format_message(parts, calls, index, field)
        choice: dict[str, Any] = {"index": index, "logprobs": _format_logprobs(candidate), field: said}
        finish = candidate.get("finish_reason")
        if finish:
            choice["finish_reason"] = self._name_finish(finish, called=bool(calls))
        return dict(sorted(choice.items()))

    def _format_message(self, parts: list[Value], calls: list[Value], index: int, field: str) -> dict[str, Any]:
        text = "".join(part.get("text") or "" for part in parts)
        message: dict[str, Any] = {"role": "assistant"}
        if text or not calls:
            message["content"] = text
        elif field == "message":
            message["content"] = None
        if calls and self._old_calls:
            message["function_call"] = _format_function(calls[0])
        elif calls:
            message["tool_calls"] = [self._format_call(call, index, field) for call in calls]
        return dict(sorted(message.items()))

    def _format_call(self, call: Value, index: int, field: str) -> dict[str, Any]:
        """A call; in a chunk with its number, so that clients know it from others made at once."""
        number = self._called.get(index, 0)
        self._called[index] = number + 1
        numbered = {"index": number} if field == "delta" else {}
        function = _format_function(call)
        return {"function": function, "id": call.get("id") or self._make_call_id(), **numbered, "type": "function"}

    def _name_finish(self, finish: str, *, called: bool) -> str:
        if finish == "STOP" and called:
            return "function_call" if self._old_calls else "tool_calls"
        return _FINISHES.get(finish, "content_filter")


def _format_function(call: Value) -> dict[str, str]:
    arguments = json.dumps(call.get("args") or {}, ensure_ascii=False, separators=(",", ":"))
    return {"arguments": arguments, "name": str(call.get("name", ""))}


def _format_usage(usage: Value) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "completion_tokens": usage.get("candidates_token_count", 0),
        "prompt_tokens": usage.get("prompt_token_count", 0),
        "total_tokens": usage.get("total_token_count", 0),
    }
    if usage.get("thoughts_token_count"):
        counts["completion_tokens_details"] = {"reasoning_tokens": usage["thoughts_token_count"]}
    if usage.get("cached_content_token_count"):
        counts["prompt_tokens_details"] = {"cached_tokens": usage["cached_content_token_count"]}
    if usage.get("traffic_type"):
        counts["extra_properties"] = {"google": {"traffic_type": usage["traffic_type"]}}
    return dict(sorted(counts.items()))


def _format_logprobs(candidate: Value) -> dict[str, Any] | None:
    """Chosen tokens, each with what else could have been; None where nothing was asked."""
    found = candidate.get("logprobs_result")
    if not found:
        return None
    likeliest = [place["candidates"] for place in found.get("top_candidates") or ()]
    chosen = found.get("chosen_candidates") or ()
    return {
        "content": [
            {**_format_token(one), "top_logprobs": [_format_token(other) for other in others]}
            for one, others in zip(chosen, likeliest or [[] for _ in chosen], strict=False)
        ]
    }


def _format_token(token: Value) -> dict[str, Any]:
    text = str(token.get("token", ""))
    return {"bytes": list(text.encode()), "logprob": token.get("log_probability", 0.0), "token": text}
