"""Ollama's template says what the model's own chat template says, or is left out."""

from __future__ import annotations

import pytest

from tests.models import CHATML
from tuning_trainer.data.template import compile_template
from tuning_trainer.gguf_files.modelfile import Pieces, find_pieces

DEFAULTED = (
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_3 = (
    "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA = (
    "{% if messages[0].role == 'system' %}{% set first = messages[0].content + '\n\n' %}{% set rest = messages[1:] %}"
    "{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}<start_of_turn>"
    "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ first if loop.first else '' }}{{ m.content }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
PHI = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
COUNTING = "{% for m in messages %}{{ loop.index }} {{ m.content }}\n{% endfor %}"
REFUSING = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}{% endfor %}"


def pieces_of(text: str) -> Pieces | None:
    template = compile_template(text)

    def render(turns: list[tuple[str, str]], answer: bool) -> str:
        messages = [{"role": role, "content": words} for role, words in turns]
        return str(template(messages=messages, add_generation_prompt=answer))

    return find_pieces(render)


@pytest.mark.parametrize(
    ("text", "template", "system"),
    [
        (
            CHATML,
            "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ if .Prompt }}<|im_start|>user\n"
            "{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n{{ end }}{{ .Response }}<|im_end|>\n",
            "",
        ),
        (
            DEFAULTED,
            "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ if .Prompt }}<|im_start|>user\n"
            "{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n{{ end }}{{ .Response }}<|im_end|>\n",
            "Be kind.",
        ),
        (
            LLAMA_3,
            "{{ if .System }}<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>{{ end }}"
            "{{ if .Prompt }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n{{ end }}{{ .Response }}<|eot_id|>",
            "",
        ),
        (
            GEMMA,
            "{{ if .Prompt }}<start_of_turn>user\n{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}"
            "<end_of_turn>\n<start_of_turn>model\n{{ end }}{{ .Response }}<end_of_turn>\n",
            "",
        ),
        (
            PHI,
            "{{ if .System }}<|system|>\n{{ .System }}<|end|>\n{{ end }}{{ if .Prompt }}<|user|>\n{{ .Prompt }}"
            "<|end|>\n<|assistant|>\n{{ end }}{{ .Response }}<|end|>\n",
            "",
        ),
    ],
)
def test_known_formats_in_go(text: str, template: str, system: str) -> None:
    pieces = pieces_of(text)
    assert pieces is not None
    assert (pieces.template, pieces.default) == (template, system)


@pytest.mark.parametrize("text", [COUNTING, REFUSING])
def test_what_pieces_cannot_say_is_left_to_the_file(text: str) -> None:
    assert pieces_of(text) is None
