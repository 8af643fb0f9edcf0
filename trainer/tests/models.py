"""Tiny random model directories and examples, made by the tests themselves. Torch is loaded by what needs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuning_trainer.spec import Example, Job, Turn, format_example

if TYPE_CHECKING:
    from tuning_trainer.native.architecture import Config

ROLE_TOKENS = ["<pad>", "<bos>", "<eot>", "<system>", "<user>", "<model>"]
CALL_TOKENS = [*ROLE_TOKENS, "<call>", "<result>"]

PAIRS = [
    ("1", "2"),
    ("3", "4"),
    ("-3", "-2"),
    ("twenty two", "twenty three"),
    ("two hundred", "two hundred one"),
    ("ninety nine", "one hundred"),
    ("8", "9"),
    ("-98", "-97"),
    ("1,000", "1,001"),
    ("10,100,000", "10,100,001"),
    ("thirteen", "fourteen"),
    ("eighty", "eighty one"),
    ("one", "two"),
    ("three", "four"),
    ("seven", "eight"),
]
"""The documented tuning example: number successors."""

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tokenizer(directory: Path, special: list[str]) -> None:
    """A byte-level BPE of about 300 entries."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["one two three four five twenty hundred"] * 4, trainer)
    tokenizer.save(str(directory / "tokenizer.json"))


def write_llama(directory: Path, config: Config | None = None, seed: int = 0, special: list[str] = ROLE_TOKENS) -> Path:
    """A random Llama with the embedded base model's chat format, of the shape ``SHAPE`` unless told.

    It has tokens for calls where ``special`` has them.
    """
    from tests.shapes import SHAPE
    from tuning_trainer.native.weights import init_weights, save_weights

    config = config or SHAPE
    directory.mkdir(parents=True, exist_ok=True)
    write_tokenizer(directory, special)
    weights = init_weights(config, seed)
    save_weights(weights, config, directory, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    return directory


def write_qwen(directory: Path) -> Path:
    """A random Qwen2 with a ChatML template; saved by transformers."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=304, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, max_position_embeddings=256, eos_token_id=2, bos_token_id=None,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(directory)
    write_tokenizer(directory, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    values = {"eos_token": "<|im_end|>", "chat_template": CHATML}
    (directory / "tokenizer_config.json").write_text(json.dumps(values))
    return directory


def write_gpt2(directory: Path) -> Path:
    """A random GPT-2 without a chat template, with dropout in its config; saved by transformers."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=304, n_embd=32, n_layer=2, n_head=4, n_positions=128, eos_token_id=0, bos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(directory)
    write_tokenizer(directory, ["<|endoftext|>"])
    (directory / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|endoftext|>"}))
    return directory


def write_gemma(directory: Path) -> Path:
    """A random Gemma 3 text model; saved by transformers."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=304, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1, head_dim=8,
        intermediate_size=48, max_position_embeddings=256, sliding_window=16, eos_token_id=1, bos_token_id=2,
        pad_token_id=0,
    )  # fmt: skip
    Gemma3ForCausalLM(config).save_pretrained(directory)
    write_tokenizer(directory, ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"])
    template = (
        "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
        "{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    )
    values = {"eos_token": "<eos>", "bos_token": {"content": "<bos>"}, "chat_template": template}
    (directory / "tokenizer_config.json").write_text(json.dumps(values))
    return directory


LLAVA_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for part in m.content %}"
    "{{ '<image>' if part.type == 'image' else part.text }}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_llava(directory: Path) -> Path:
    """A random LLaVA with eyes for 32 by 32 pixels, four patches; saved by transformers with its processor."""
    import torch
    import transformers
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    directory.mkdir(parents=True, exist_ok=True)
    write_tokenizer(directory, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"])
    file = str(directory / "tokenizer.json")
    untyped: Any = transformers
    tokenizer = untyped.PreTrainedTokenizerFast(tokenizer_file=file, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    side = {"height": 32, "width": 32}
    untyped.LlavaProcessor(
        CLIPImageProcessorPil(size=side, crop_size=side),
        tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=LLAVA_CHAT,
    ).save_pretrained(directory)
    torch.manual_seed(0)
    text = LlamaConfig(
        vocab_size=304, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, max_position_embeddings=256, eos_token_id=2, bos_token_id=None,
    )  # fmt: skip
    eyes = CLIPVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=16,
        projection_dim=32,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=eyes, text_config=text, image_token_index=3, vision_feature_layer=-1, image_seq_length=4
    )
    LlavaForConditionalGeneration(config).save_pretrained(directory)
    return directory


GEMMA_CHAT = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{% for part in m.content %}{{ '<start_of_image>' if part.type == 'image' else part.text }}{% endfor %}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def write_seeing_gemma(directory: Path) -> Path:
    """A random Gemma 3 with eyes, which takes the kinds of its tokens too; saved by transformers with its processor."""
    import torch
    import transformers
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig, SiglipVisionConfig
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    directory.mkdir(parents=True, exist_ok=True)
    marks = ["<start_of_image>", "<end_of_image>", "<image_soft_token>"]
    write_tokenizer(directory, ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", *marks])
    untyped: Any = transformers
    tokenizer = untyped.PreTrainedTokenizerFast(
        tokenizer_file=str(directory / "tokenizer.json"),
        eos_token="<end_of_turn>",
        bos_token="<bos>",
        pad_token="<pad>",
        extra_special_tokens=dict(zip(("boi_token", "eoi_token", "image_token"), marks, strict=True)),
    )
    eyes = Gemma3ImageProcessorPil(size={"height": 32, "width": 32})
    processor = untyped.Gemma3Processor(eyes, tokenizer, chat_template=GEMMA_CHAT, image_seq_length=4)
    processor.save_pretrained(directory)
    torch.manual_seed(0)
    text = Gemma3TextConfig(
        vocab_size=304, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1, head_dim=8,
        intermediate_size=48, max_position_embeddings=256, sliding_window=64, eos_token_id=4, bos_token_id=2,
        pad_token_id=0,
    )  # fmt: skip
    vision = SiglipVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=32, patch_size=16
    )
    config = Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=4, boi_token_index=5, eoi_token_index=6,
        image_token_index=7,
    )  # fmt: skip
    model = Gemma3ForConditionalGeneration(config)
    projector: Any = model.model.multi_modal_projector
    projector.mm_input_projection_weight.data.normal_(0, 0.2)  # it begins as nothing, and images all alike
    model.save_pretrained(directory)
    return directory


def pair(question: str, answer: str, system: str = "", rejected: str | None = None) -> Example:
    """One question with its answer."""
    return Example((Turn("user", question), Turn("model", answer)), system, rejected)


def write_examples(path: Path, examples: list[Example] | None = None) -> Path:
    """A file of examples; the documented pairs unless told."""
    chosen = [pair(*each) for each in PAIRS] if examples is None else examples
    path.write_text("".join(format_example(each) + "\n" for each in chosen), "utf-8")
    return path


def make_job(folder: Path, base_model: Path | str, **fields: Any) -> Job:
    """A job over the documented pairs in a directory of its own."""
    directory = folder / str(fields.get("id", "job"))
    directory.mkdir(parents=True, exist_ok=True)
    examples = folder / "examples.jsonl"
    if not examples.exists():
        write_examples(examples)
    values: dict[str, Any] = {"id": "job", "examples": str(examples), "threads": 1, "device": "cpu"} | fields
    return Job(directory=str(directory), base_model=str(base_model), **values)
