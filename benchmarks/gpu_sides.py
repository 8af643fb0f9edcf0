"""The sides of `benchmarks/gpu.py`, each in a process of its own: `python -m benchmarks.gpu_sides SIDE REQUEST.json`.

``ours`` is the trainer, ``trl`` TRL's ``SFTTrainer`` with peft and ``transformers.generate``, ``unsloth`` the same
trainer over unsloth's model. Each prints a JSON line for every case, so that one that runs out of memory or time
costs the others nothing.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1", WANDB_DISABLED="true")
warnings.filterwarnings("ignore")

import torch  # noqa: E402  (after the environment is set)

from tuning_trainer.spec import Done, Example, Job, Prompt, Step, Turn, format_example  # noqa: E402

Case = dict[str, Any]
WORDS = "red blue lamp chair book table doctor teacher price order today and the with from new old good".split()
ANSWER_WORDS = 16
LEARNING_RATE = 1e-4


def make_examples(tokens: int, count: int) -> list[Example]:
    """Rows of about so many tokens, from 0.6 to 1.4 times; a word is one to three."""
    draw = random.Random(0)
    rows = []
    for _ in range(count):
        words = max(2, int(tokens * draw.uniform(0.6, 1.4)) // 4 - ANSWER_WORDS)
        texts = (" ".join(draw.choice(WORDS) for _ in range(n)) for n in (words, ANSWER_WORDS))
        rows.append(Example((Turn("user", next(texts)), Turn("model", next(texts)))))
    return rows


def encode(model: str, examples: list[Example]) -> list[dict[str, list[int]]]:
    """The same rows as token ids, for the peers: what is scored is the same."""
    from tuning_trainer.data.chat import load_chat

    chat = load_chat(model)
    rows = [chat.encode(example.turns) for example in examples]
    return [{"input_ids": list(row.ids), "completion_mask": [int(flag) for flag in row.scored]} for row in rows]


def count_cost(model: str, case: Case) -> dict[str, int]:
    """Tokens and scored tokens of all rows, and the sum of squared lengths, for the floor of arithmetic."""
    rows = encode(model, make_examples(case["tokens"], case["batch"] * case["steps"]))
    lengths = [len(row["input_ids"]) for row in rows]
    scored = sum(sum(row["completion_mask"]) for row in rows)
    return {"tokens": sum(lengths), "scored": scored, "squares": sum(n * n for n in lengths)}


def begin() -> None:
    """Forgets the peak of the case before."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_mib() -> float | None:
    """Most memory on the card; None without one, where processes are not alone in what they take."""
    return torch.cuda.max_memory_allocated() / (1 << 20) if torch.cuda.is_available() else None


def median_step_s(ends_s: list[float]) -> float:
    """Median of the later steps: the first ones compile and allocate."""
    gaps = [after - before for before, after in itertools.pairwise(ends_s)]
    return statistics.median(gaps[len(gaps) // 3 :])


# --- training


def train_ours(model: str, case: Case) -> dict[str, Any]:
    """Some steps by the trainer, in this process."""
    from tuning_trainer.learning.loop import run_job

    ends_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "examples.jsonl"
        examples = make_examples(case["tokens"], case["batch"] * case["steps"])
        path.write_text("".join(format_example(one) + "\n" for one in examples), "utf-8")
        job = Job("gpu", folder, str(path), model, epochs=1, batch_size=case["batch"], learning_rate=LEARNING_RATE)
        last = run_job(job, lambda event: ends_s.append(time.perf_counter()) if isinstance(event, Step) else None)
    if not isinstance(last, Done):
        raise RuntimeError(str(last))  # noqa: TRY004 no fault of a type
    return {"step_ms": 1000 * median_step_s(ends_s), "peak_mib": peak_mib()}


def train_peer(model: str, case: Case, unsloth: bool = False) -> dict[str, Any]:
    """The same rows by TRL."""
    if unsloth:
        from unsloth import FastLanguageModel  # type: ignore[import-not-found]  # first: it changes the others
    from datasets import Dataset  # type: ignore[import-not-found]
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer  # type: ignore[import-not-found]

    cuda, ends_s = torch.cuda.is_available(), []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if cuda:
                torch.cuda.synchronize()
            ends_s.append(time.perf_counter())

    make_tokenizer: Any = PreTrainedTokenizerFast
    special = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora: Any = {"r": 4, "lora_alpha": 16, "target_modules": modules}
    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=case["batch"],
            learning_rate=LEARNING_RATE, lr_scheduler_type="constant", weight_decay=0.0, max_length=None,
            completion_only_loss=True, gradient_checkpointing=False, bf16=cuda, use_cpu=not cuda, logging_steps=1,
            dataloader_pin_memory=cuda, save_strategy="no", report_to=[], disable_tqdm=True, seed=0,
        )  # fmt: skip
        if unsloth:
            loaded, _ = FastLanguageModel.from_pretrained(model, dtype=torch.bfloat16, load_in_4bit=False)
            loaded = FastLanguageModel.get_peft_model(loaded, **lora)
        else:
            loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16 if cuda else torch.float32)
        trainer = SFTTrainer(
            model=loaded,
            args=settings,
            train_dataset=Dataset.from_list(
                encode(model, make_examples(case["tokens"], case["batch"] * case["steps"]))
            ),
            processing_class=make_tokenizer(tokenizer_file=f"{model}/tokenizer.json", **special),
            peft_config=None if unsloth else LoraConfig(task_type="CAUSAL_LM", **lora),
            callbacks=[Clock()],
        )
        trainer.train()
    return {"step_ms": 1000 * median_step_s(ends_s), "peak_mib": peak_mib()}


# --- answering


def answer_ours(model: str, case: Case) -> dict[str, Any]:
    """So many answers at once by the trainer, after one to warm it."""
    from tuning_trainer.answering.generate import Answering, Finished, Refused

    answering = Answering("auto")

    def answer(count: int) -> int:
        for number in range(count):
            words = " ".join(WORDS[number % 8 : number % 8 + 8])
            turns = (Turn("user", words),)
            answering.submit(str(number), Prompt(turns, base_model=model, max_output_tokens=case["new"]))
        tokens = 0
        while answering.busy:
            for output in answering.advance():
                if isinstance(output, Refused):
                    raise RuntimeError(output.message)  # noqa: TRY004 no fault of a type
                tokens += output.reply.answers[0].tokens if isinstance(output, Finished) else 0
        return tokens

    return _time_answers(lambda: answer(case["at_once"]))


def answer_peer(model: str, case: Case) -> dict[str, Any]:
    """The same by ``generate``, in one batch."""
    from transformers import AutoModelForCausalLM

    device = "cuda" if torch.cuda.is_available() else "cpu"
    load: Any = AutoModelForCausalLM.from_pretrained
    loaded = load(model, dtype=torch.bfloat16 if device == "cuda" else torch.float32).to(device).eval()
    loaded.generation_config.eos_token_id = None
    ids = torch.randint(3, 200, (case["at_once"], 40), device=device)

    def answer() -> int:
        mask = torch.ones_like(ids)
        loaded.generate(input_ids=ids, attention_mask=mask, max_new_tokens=case["new"], do_sample=False, pad_token_id=0)
        return int(ids.shape[0]) * int(case["new"])

    return _time_answers(answer)


def _time_answers(answer: Callable[[], int]) -> dict[str, Any]:
    answer()
    start = time.perf_counter()
    tokens = answer()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return {"tokens_per_s": tokens / (time.perf_counter() - start), "peak_mib": peak_mib()}


def matrix_tflops() -> float:
    """What the device multiplies in a second: large square matrices, bfloat16 on a card, float32 on a CPU."""
    cuda = torch.cuda.is_available()
    size, dtype = (8192, torch.bfloat16) if cuda else (768, torch.float32)
    matrix = torch.ones(size, size, dtype=dtype, device="cuda" if cuda else "cpu")
    spent = []
    for _ in range(6):
        start = time.perf_counter()
        product = matrix @ matrix
        float(product[0, 0])  # waits for the card
        spent.append(time.perf_counter() - start)
    return 2 * size**3 / min(spent[1:]) / 1e12


def run_case(side: str, model: str, case: Case) -> dict[str, Any]:
    """One case of one side."""
    begin()
    if side == "machine":
        return {"tflops": matrix_tflops(), **count_all(model, case)}
    if "at_once" in case:
        return answer_ours(model, case) if side == "ours" else answer_peer(model, case)
    return train_ours(model, case) if side == "ours" else train_peer(model, case, side == "unsloth")


def count_all(model: str, case: Case) -> dict[str, Any]:
    """Costs of every training case of the request, by name."""
    return {"costs": {name: count_cost(model, one) for name, one in case["cases"].items()}}


def main(arguments: list[str]) -> int:
    """Runs all cases of a request for one side."""
    side, request = arguments[0], json.loads(Path(arguments[1]).read_text("utf-8"))
    for name, case in request["cases"].items():
        try:
            result = run_case(side, request["model"], case)
        except Exception as error:  # a case that fails is a figure too
            lines = str(error).strip().splitlines() or [type(error).__name__]
            result = {"error": f"{type(error).__name__}: {lines[0]}"[:300]}
        print(json.dumps({"case": name, **result}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
