"""Replies as candidates, chunks and token counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tuning_emulator.core.functions import read_parts, split_turns
from tuning_emulator.core.ids import Ids
from tuning_emulator.media.tokens import PromptTokens
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import Answer, Reply, Token

NO_THOUGHTS = 0
"""What plays the models here has none, whatever it is asked for."""


class ResponseWriter:
    """Writes the answer, whole or in chunks; all chunks carry the same id and time."""

    def __init__(self, ids: Ids, model_version: str, now_ns: int, *, thinking: bool = False) -> None:
        self._thinking = thinking
        self._tail: Value = {"model_version": model_version, "create_time": now_ns, "response_id": ids.base36(22)}

    def format_reply(self, reply: Reply, prompt_tokens: PromptTokens) -> Value:
        """The whole answer."""
        candidates = [_format_candidate(index, answer) for index, answer in enumerate(reply.answers)]
        usage = format_usage(reply, prompt_tokens, thinking=self._thinking)
        return {"candidates": candidates, "usage_metadata": usage, **self._tail}

    def format_delta(self, text: str) -> Value:
        """A piece of a streamed answer."""
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}}
        return {"candidates": [candidate], "usage_metadata": {"traffic_type": "ON_DEMAND"}, **self._tail}

    def format_end(self, reply: Reply, prompt_tokens: PromptTokens) -> Value:
        """The last chunk: an empty piece or the call, why it ended, and the counts.

        Of several candidates the first alone was streamed; the others come here.
        """
        first, *others = reply.answers
        end = first if first.call else replace(first, text="")
        return self.format_reply(replace(reply, answers=(end, *others)), prompt_tokens)


def _format_candidate(index: int, answer: Answer) -> Value:
    parts, finish = read_parts(answer)
    candidate: Value = {
        "index": index,
        "content": {"role": "model", "parts": parts or [{"text": ""}]},
        "finish_reason": finish,
        "avg_logprobs": answer.logprob,
    }
    if answer.chosen:
        candidate["logprobs_result"] = {
            "chosen_candidates": [_format_token(token) for token in answer.chosen],
            "top_candidates": [
                {"candidates": [_format_token(token) for token in place]} for place in answer.likeliest if place
            ],
        }
    return candidate


def _format_token(token: Token) -> Value:
    return {"token": token.text, "token_id": token.id, "log_probability": token.logprob}


def format_usage(reply: Reply, prompt_tokens: PromptTokens, *, thinking: bool = False) -> Value:
    """Token counts of an answer, by what plays the model here; the prompt's as ``countTokens`` says it.

    Args:
        thinking: Whether thoughts were asked for: how many there were is said then.
    """
    said = sum(answer.tokens for answer in reply.answers)
    return {
        "prompt_token_count": prompt_tokens.total,
        "candidates_token_count": said,
        "total_token_count": prompt_tokens.total + said,
        "cached_content_token_count": prompt_tokens.cached.total if prompt_tokens.cached else None,
        "thoughts_token_count": NO_THOUGHTS if thinking else None,
        "traffic_type": "ON_DEMAND",
        "prompt_tokens_details": prompt_tokens.format_details(),
        "cache_tokens_details": prompt_tokens.cached.format_details() if prompt_tokens.cached else None,
        "candidates_tokens_details": PromptTokens(said).format_details(),
    }


def format_tokens(content: Value, tokens: list[tuple[int, str]]) -> Value:
    """``TokensInfo`` of a content: the bytes and the id of each token, and who says it."""
    return {
        "tokens": [piece.encode() for _, piece in tokens],
        "token_ids": [number for number, _ in tokens],
        "role": content.get("role", ""),
    }


def count_billable_characters(contents: Iterable[Value]) -> int:
    """Characters without white space.

    Source: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens.
    """
    texts = (turn.text for content in contents for turn in split_turns(content, model=False))
    return sum(len("".join(text.split())) for text in texts)
