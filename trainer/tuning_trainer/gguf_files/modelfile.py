"""The Modelfile by which Ollama serves a GGUF file: the conversation format in Go's template language.

Ollama fills ``.System``, ``.Prompt`` and ``.Response`` of a template, one turn after the other. The pieces between
them are read off the model's own chat template, by rendering it with marks, and held against whole conversations: a
template that says more than these pieces gets none, with a line that says so.
Source: https://github.com/ollama/ollama/blob/main/docs/modelfile.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tokenizers import Tokenizer

from tuning_trainer.data.chat import (
    load_tokenizer,
    read_settings,
    read_template,
    special_token,
)
from tuning_trainer.data.template import InvalidTemplateError, compile_template
from tuning_trainer.gguf_files.written_vocabulary import begins_with_bos

Render: TypeAlias = Callable[[list[tuple[str, str]], bool], str]
"""(role, text) pairs, and whether an answer is asked for -> the text that the model reads, without its bos token."""

_SYSTEM, _USER, _MODEL, _MORE = "\ue001", "\ue002", "\ue003", "\ue004"


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a conversation format writes around texts.

    Attributes:
        before, after: Around a system text.
        inside: The system text stands within the first user's turn.
        opening, between, closing: Before a user's text, between it and the answer, after the answer.
        default: The system text where none is given.
    """

    before: str
    after: str
    inside: bool
    opening: str
    between: str
    closing: str
    default: str = ""

    def write(self, turns: list[tuple[str, str]]) -> str:
        """A conversation that ends with a user's turn, as Ollama writes it."""
        system = next((text for role, text in turns if role == "system"), self.default)
        told = f"{self.before}{system}{self.after}" if system else ""
        text = "" if self.inside else told
        for role, words in turns:
            if role == "user":
                text += f"{self.opening}{told if self.inside else ''}{words}{self.between}"
                told = ""
            elif role == "assistant":
                text += f"{words}{self.closing}"
        return text

    @property
    def template(self) -> str:
        """The same in Go's template language."""
        system = f"{{{{ if .System }}}}{self.before}{{{{ .System }}}}{self.after}{{{{ end }}}}"
        outside, inside = ("", system) if self.inside else (system, "")
        prompt = f"{{{{ if .Prompt }}}}{self.opening}{inside}{{{{ .Prompt }}}}{self.between}{{{{ end }}}}"
        return f"{outside}{prompt}{{{{ .Response }}}}{self.closing}"


def find_pieces(render: Render) -> Pieces | None:
    """The pieces of a chat template, or None where it is more than pieces."""
    first, answered, more = ("user", _USER), ("assistant", _MODEL), ("user", _MORE)
    try:
        head, rest = render([first, answered, more], True).split(_USER)
        between, rest = rest.split(_MODEL)
        middle, _ = rest.split(_MORE)
        closing = render([first, answered], False).split(_MODEL)[1]
        whole = render([("system", _SYSTEM), first], True)
        before, after = whole.split(_USER)[0].split(_SYSTEM)
    except (InvalidTemplateError, ValueError):
        return None
    opening = middle.removeprefix(closing)
    default = head.removesuffix(opening)
    inside = before == opening and not after.endswith(opening)
    if inside:
        before = ""
    else:
        after = after.removesuffix(opening)
    if default.startswith(before) and default.endswith(after) and len(default) >= len(before) + len(after):
        default = default[len(before) : len(default) - len(after)]
    pieces = Pieces(before, after, inside, opening, between, closing, default)
    talks = ([first], [first, answered, more], [("system", _SYSTEM), first, answered, more])
    return pieces if all(pieces.write(talk) == render(talk, True) for talk in talks) else None


def write_modelfile(directory: Path, gguf: Path) -> str:
    """The Modelfile for a GGUF file that was made of a model directory; it stands beside the file."""
    lines = [f"# ollama create NAME -f Modelfile, where {gguf.name} is", f"FROM ./{gguf.name}", ""]
    lines += _describe_format(directory)
    lines += [
        "",
        "# With the base model in Ollama already, the adapter alone is enough (families of Llama, Mistral, Gemma):",
        "# tuning-emulator export-adapter NAME adapter, and instead of FROM above",
        "#   FROM the-base-model",
        "#   ADAPTER ./adapter",
    ]
    return "\n".join(lines) + "\n"


def _describe_format(directory: Path) -> list[str]:
    settings = read_settings(directory)
    text = read_template(directory, settings)
    if not text:
        return ["# The model has no chat template: it reads prompts as they are.", "TEMPLATE {{ .Prompt }}"]
    bos, eos = special_token(settings, "bos_token") or "", special_token(settings, "eos_token") or ""
    template, tokenizer = compile_template(text), load_tokenizer(directory)
    begun = bos if begins_with_bos(tokenizer, tokenizer.token_to_id(bos)) else ""

    def render(turns: list[tuple[str, str]], answer: bool) -> str:
        messages = [{"role": role, "content": words} for role, words in turns]
        told = {"bos_token": bos, "eos_token": eos, "enable_thinking": False}  # as the trainer renders it
        written = template(messages=messages, add_generation_prompt=answer, **told)
        return written.removeprefix(begun)  # Ollama begins with it by itself

    pieces = find_pieces(render)
    if pieces is None or any(mark in pieces.template + pieces.default for mark in ('"""', "{{ {{")):
        return ["# The chat template says more than .System, .Prompt and .Response can: Ollama takes it from the file."]
    stops = sorted({eos, *_list_control(tokenizer, pieces.closing)} - {""})
    system = [f'SYSTEM """{pieces.default}"""'] if pieces.default else []
    return [f'TEMPLATE """{pieces.template}"""', *system, *(f'PARAMETER stop "{stop}"' for stop in stops)]


def _list_control(tokenizer: Tokenizer, closing: str) -> list[str]:
    """The special token that ends an answer, if one does."""
    added: Any = tokenizer.get_added_tokens_decoder().values()
    return [one.content for one in added if one.special and one.content and closing.lstrip().startswith(one.content)]
