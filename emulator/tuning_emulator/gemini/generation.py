"""Answering: content in one piece or streamed, tokens counted, and the older text method.

Shapes: tuned models as recorded in July 2024 (safety ratings, no model version), base models as recorded in 2026.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

from msgspec import structs

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.forms import asks_to_think
from tuning_emulator.core.functions import place_images, read_parts
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.facts.request_fields import note_inert
from tuning_emulator.gemini.base_models import find_served_model
from tuning_emulator.gemini.caching import complete_body
from tuning_emulator.gemini.convert import format_state, is_active
from tuning_emulator.gemini.media import read_media
from tuning_emulator.gemini.permissions import find_tuned_model
from tuning_emulator.gemini.prompts import (
    CONTENT_RULES,
    ContentRequest,
    check_request,
    list_counted,
    read_prompt,
    read_turns,
)
from tuning_emulator.gemini.rules import check_fields
from tuning_emulator.gemini.schemas import SCHEMA_RULES
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.caching import Caches
from tuning_emulator.jobs.trainer import PromptRefusedError, Target, TrainerUnavailableError
from tuning_emulator.media.hints import note_shortened
from tuning_emulator.media.parts import ReadContents
from tuning_emulator.media.tokens import PromptTokens
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import Answer, Prompt, Reply

RATED_CATEGORIES = (
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
)
"""In the recorded order. Source: github.com/derrickobedgiu1/gemini-api tests/Fixtures/GeminiApi, July 2024."""

NO_THOUGHTS = 0
"""What plays the models here has none, whatever it is asked for."""

TEXT_CATEGORIES = (
    "HARM_CATEGORY_DEROGATORY",
    "HARM_CATEGORY_TOXICITY",
    "HARM_CATEGORY_VIOLENCE",
    "HARM_CATEGORY_SEXUAL",
    "HARM_CATEGORY_MEDICAL",
    "HARM_CATEGORY_DANGEROUS",
)
"""What PaLM's text method rates by; recorded in the same place, models/generateText.json."""


class Generation:
    """``generateContent``, ``streamGenerateContent``, ``countTokens``, ``generateText``."""

    def __init__(self, backend: Backend, caches: Caches) -> None:
        self._backend = backend
        self._caches = caches
        self._store = backend.store
        self._answering = backend.answering

    async def generate_content(self, call: Call) -> Value:
        """The whole answer."""
        asked, target = self._find(call, "generateContent")
        prompt, tokens = await self._read(call, target, asked)
        reply = await self._ask(target, prompt)
        note_shortened(reply, tokens, call.notes)
        return _format_reply(asked, tokens, reply, self._format_head(asked))

    async def stream_generate_content(self, call: Call) -> AsyncIterator[Value]:
        """The answer in pieces, each with the prompt's count (recorded); the last one says why it ended.

        Several candidates come whole, in one piece.
        """
        asked, target = self._find(call, "streamGenerateContent")
        prompt, tokens = await self._read(call, target, asked)
        head = self._format_head(asked)
        if prompt.candidates > 1:
            reply = await self._ask(target, prompt)
            note_shortened(reply, tokens, call.notes)
            yield _format_reply(asked, tokens, reply, head)
            return
        try:
            async for piece in self._answering.stream(target, prompt):
                if isinstance(piece, str):
                    candidate = _format_candidate(asked, 0, Answer(piece, 0), done=False)
                    yield {"candidates": [candidate], "usage_metadata": _format_usage(asked, tokens), **head}
                else:
                    note_shortened(piece, tokens, call.notes)
                    end = piece.answers[0] if piece.answers[0].call else replace(piece.answers[0], text="")
                    last = _format_reply(asked, tokens, piece, head)
                    yield {**last, "candidates": [_format_candidate(asked, 0, end)]}
        except TrainerUnavailableError as error:
            raise _explain(error) from error

    async def count_tokens(self, call: Call) -> Value:
        """The length of contents, or of a whole request, in tokens of what plays the base model."""
        asked, target = self._find(call, "countTokens")
        inner = call.request.get("generate_content_request")
        if inner is not None:
            asked = structs.replace(asked, body=inner, request="CountTokensRequest.generate_content_request")
        check_fields((*CONTENT_RULES, *SCHEMA_RULES), asked, request=asked.request)
        tokens = await self._measure(call, target, asked)
        counted: Value = {"total_tokens": tokens.total, "prompt_tokens_details": _format_details(tokens)}
        return {**counted, **_format_cached(tokens.cached)} if tokens.cached else counted

    async def generate_text(self, call: Call) -> Value:
        """The method of PaLM models: a prompt is one text, an answer too."""
        asked, target = self._find(call, "generateText")
        request = call.request
        names = ("temperature", "top_p", "top_k", "candidate_count", "max_output_tokens", "stop_sequences")
        body = {
            "contents": [{"parts": [{"text": (request.get("prompt") or {}).get("text", "")}]}],
            "generation_config": {name: request[name] for name in names if name in request},
        }
        asked = structs.replace(asked, body=body, request="GenerateTextRequest")
        check_request(asked)
        reply = await self._ask(target, read_prompt(asked))
        ratings = _rate(TEXT_CATEGORIES)
        return {"candidates": [{"output": answer.text, "safety_ratings": ratings} for answer in reply.answers]}

    # ------------------------------------------------------------ who is asked

    def _find(self, call: Call, method: str) -> tuple[ContentRequest, Target]:
        """The request as rules see it, and who answers.

        Raises:
            ApiError: no such model, no right to it, not ACTIVE, or it does not answer this method.
        """
        name: str = call.request["model"]
        if name.startswith("tunedModels/"):
            return self._find_tuned(call, name, method)
        identifier = name.removeprefix("models/")
        if identifier == name or "/" in identifier or not identifier:
            raise gemini_errors.MODEL_NAME_FORMAT(request=call.method.request.rpartition(".")[2])
        base = self._require_method(
            find_served_model(identifier, self._backend.find_day(call.caller)), call, name, method
        )
        target = self._answering.target_base(base.id, call.caller.project)
        return self._make_asked(call, name, base, None, base.top_p, base.top_k), target

    def find_base(self, call: Call, name: str, method: str) -> BaseModel:
        """The base model behind a name that is to answer a method. Raises as asking it does."""
        asked, _ = self._find(structs.replace(call, request={"model": name}), method)
        return asked.base

    def _find_tuned(self, call: Call, name: str, method: str) -> tuple[ContentRequest, Target]:
        job = find_tuned_model(self._store, name, call.caller)
        base = find_served_model(job.asked.base_model, self._backend.find_day(call.caller))
        base = self._require_method(base, call, f"models/{job.asked.base_model}", method)
        if not is_active(job):
            raise gemini_errors.TUNED_MODEL_NOT_ACTIVE(id=job.id, state=format_state(job))
        target = Target(job.asked.base_model, job.progress.adapter, job.progress.trainer, job.progress.weights)
        chosen = None if job.temperature == base.temperature else job.temperature
        return self._make_asked(call, name, base, chosen, job.top_p, job.top_k), target

    def _require_method(self, base: BaseModel | None, call: Call, name: str, method: str) -> BaseModel:
        """The base model, if it answers the method. Streaming goes with ``generateContent`` (recorded listings)."""
        listed = "generateContent" if method == "streamGenerateContent" else method
        if base is None or listed not in base.methods:
            model = name.removeprefix("models/")
            text = self._backend.find_day(call.caller).choose(gemini_errors.MODEL_NOT_SUPPORTED_TEXTS)
            words: dict[str, object] = {"method": method, "rpc": f"{method[0].upper()}{method[1:]}"}
            chosen = {name: word for name, word in words.items() if name in text.placeholders}
            raise text(model=model, version=call.version, **chosen)
        self._backend.note_retired(base, self._backend.find_day(call.caller))
        return base

    def _make_asked(
        self, call: Call, name: str, base: BaseModel, temperature: float | None, top_p: float | None, top_k: int | None
    ) -> ContentRequest:
        request = call.method.request.rpartition(".")[2]
        day = self._backend.find_day(call.caller)
        return ContentRequest(call.request, request, name, base, temperature, top_p, top_k, day)

    # ------------------------------------------------------------ asking

    async def _read(self, call: Call, target: Target, asked: ContentRequest) -> tuple[Prompt, PromptTokens]:
        """The prompt and its length, as ``countTokens`` counts it: the trainer's own count has control tokens too.

        What is cached comes first, and has been counted when it was cached.

        Raises:
            ApiError: a rule refuses the request, or it is longer than the base model takes.
        """
        check_request(asked)
        own = await read_media(call, self._backend, asked)
        body, cached = complete_body(asked, call.caller, self._store, self._caches)
        kept = await self._read_kept(call, asked, body)
        prompt = read_prompt(structs.replace(asked, body={**body, "contents": [*kept.contents, *own.contents]}))
        note_inert(asked.body, call.notes)
        limit = asked.base.input_token_limit
        tokens = await self._count(target, asked, own, kept, cached)
        if limit and tokens.total > limit:
            raise gemini_errors.INPUT_TOKENS(length=tokens.total, limit=limit)
        turns = place_images(prompt.turns, (*kept.images, *own.images))
        if cached:
            return replace(prompt, turns=turns, spare=len(turns) - len(read_turns(own.contents))), tokens
        return replace(prompt, turns=turns, shorten=own.has_documents), tokens

    async def _ask(self, target: Target, prompt: Prompt) -> Reply:
        try:
            return await self._answering.generate(target, prompt)
        except TrainerUnavailableError as error:
            raise _explain(error) from error

    async def _read_kept(self, call: Call, asked: ContentRequest, body: Value) -> ReadContents:
        """What is cached of a body that has been completed."""
        kept = body["contents"][: len(body["contents"]) - len(asked.contents)] if body is not asked.body else []
        return await read_media(call, self._backend, structs.replace(asked, body={**asked.body, "contents": kept}))

    async def _measure(self, call: Call, target: Target, asked: ContentRequest) -> PromptTokens:
        """The length of a prompt that is not asked."""
        own = await read_media(call, self._backend, asked)
        body, cached = complete_body(asked, call.caller, self._store, self._caches)
        return await self._count(target, asked, own, await self._read_kept(call, asked, body), cached)

    async def _count(
        self, target: Target, asked: ContentRequest, own: ReadContents, kept: ReadContents, cached: int
    ) -> PromptTokens:
        """Tokens of a prompt; ``cached``: those of what is kept, which was counted when it was cached."""
        try:
            counted = structs.replace(asked, body={**asked.body, "contents": own.counted})
            counts = await self._answering.count_tokens(target, list_counted(counted))
        except TrainerUnavailableError as error:
            raise _explain(error) from error
        tokens = PromptTokens(sum(counts), own.tokens)
        return tokens.after(cached, kept.tokens) if cached else tokens

    def _format_head(self, asked: ContentRequest) -> Value:
        """What all pieces of one answer share; tuned models were recorded without."""
        if asked.is_tuned:
            return {}
        return {"model_version": asked.base.id, "response_id": self._make_response_id()}

    def _make_response_id(self) -> str:
        """22 characters of the URL-safe alphabet, as in recorded answers."""
        number = int(self._backend.ids.uuid().replace("-", ""), 16)
        return base64.urlsafe_b64encode(number.to_bytes(16, "big")).decode().rstrip("=")


def _explain(error: TrainerUnavailableError) -> ApiError:
    """The answer for a trainer's refusal or failure."""
    text = gemini_errors.PROMPT_REFUSED if isinstance(error, PromptRefusedError) else gemini_errors.UNAVAILABLE
    return text(reason=error)


def _format_reply(asked: ContentRequest, prompt_tokens: PromptTokens, reply: Reply, head: Value) -> Value:
    """A whole answer; ``head`` is what every piece of it has."""
    tokens = sum(answer.tokens for answer in reply.answers)
    usage = _format_usage(asked, prompt_tokens)
    usage |= {"candidates_token_count": tokens, "total_token_count": prompt_tokens.total + tokens}
    candidates = [_format_candidate(asked, index, answer) for index, answer in enumerate(reply.answers)]
    return {"candidates": candidates, "usage_metadata": usage, **head}


def _format_usage(asked: ContentRequest, prompt_tokens: PromptTokens) -> Value:
    """Token counts before anything is answered."""
    usage: Value = {"prompt_token_count": prompt_tokens.total, "total_token_count": prompt_tokens.total}
    if not asked.is_tuned:
        usage["prompt_tokens_details"] = _format_details(prompt_tokens)
    if asks_to_think(asked.body):
        usage["thoughts_token_count"] = NO_THOUGHTS
    return {**usage, **_format_cached(prompt_tokens.cached)} if prompt_tokens.cached else usage


def _format_cached(tokens: PromptTokens) -> Value:
    """How much of a prompt is cached content."""
    return {"cached_content_token_count": tokens.total, "cache_tokens_details": _format_details(tokens)}


def _format_candidate(asked: ContentRequest, index: int, answer: Answer, *, done: bool = True) -> Value:
    """One candidate; without text its content is empty (recorded)."""
    parts, finish = read_parts(answer)
    candidate: dict[str, Any] = {"content": {}}
    if parts:
        candidate["content"] = {"parts": parts, "role": "model"}
    if done:
        candidate["finish_reason"] = finish
    candidate["index"] = index
    if asked.is_tuned:
        candidate["safety_ratings"] = _rate()
    return candidate


def _rate(categories: Iterable[str] = RATED_CATEGORIES) -> list[Value]:
    return [{"category": category, "probability": "NEGLIGIBLE"} for category in categories]


def _format_details(tokens: PromptTokens) -> list[Value]:
    return tokens.format_details() or [{"modality": "TEXT", "token_count": 0}]
