"""The peer of `benchmarks/trainer.py`: the same work by TRL, transformers and peft. Runs in their own environment.

`python trl_peer.py train REQUEST.json` trains as told, `python trl_peer.py generate REQUEST.json` times greedy tokens.
Prints one JSON line.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.update(TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
warnings.filterwarnings("ignore")

import torch  # noqa: E402  (after the environment is set)
from peft import LoraConfig, PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback  # noqa: E402

Request = dict[str, Any]


def load_tokenizer(request: Request) -> Any:
    """The directory's tokenizer with the names of its control tokens."""
    make: Any = PreTrainedTokenizerFast
    return make(tokenizer_file=f"{request['model']}/tokenizer.json", **request["tokens"])


def load_model(request: Request) -> Any:
    """The base model in float32."""
    return AutoModelForCausalLM.from_pretrained(request["model"], dtype=torch.float32)


def train(request: Request) -> dict[str, Any]:
    """Trains on the rows in their given order: prompts and completions, the loss on completions only."""
    from datasets import Dataset  # type: ignore[import-not-found]
    from torch.utils.data import SequentialSampler
    from trl import SFTConfig, SFTTrainer  # type: ignore[import-not-found]

    ends_s: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends_s.append(time.perf_counter())

    class InOrder(SFTTrainer):  # type: ignore[misc]
        def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
            return SequentialSampler(self.train_dataset)

    settings = SFTConfig(
        output_dir=request["directory"],
        num_train_epochs=1,
        per_device_train_batch_size=request["batch_size"],
        learning_rate=request["learning_rate"],
        lr_scheduler_type="constant",
        weight_decay=0.0,
        max_length=None,
        completion_only_loss=True,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        dataloader_pin_memory=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=0,
    )
    rank = request["adapter_size"]
    adapter = LoraConfig(r=rank, lora_alpha=16, target_modules=request["modules"], task_type="CAUSAL_LM")
    rows = [json.loads(line) for line in Path(request["rows"]).read_text("utf-8").splitlines()]
    trainer = InOrder(
        model=load_model(request),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=load_tokenizer(request),
        peft_config=adapter,
        callbacks=[Clock()],
    )
    trainer.train()
    trainer.model.save_pretrained(request["directory"])
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"losses": losses, "step_s": [after - before for before, after in itertools.pairwise(ends_s)]}


def generate(request: Request) -> dict[str, Any]:
    """Seconds of each of several runs of 32 greedy tokens, the adapter beside the base as peft loads it."""
    model: Any = PeftModel.from_pretrained(load_model(request), request["adapter"]).eval()
    ids = torch.tensor([request["prompt"]])
    model.generation_config.eos_token_id = None

    def once() -> float:
        begin = time.perf_counter()
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=32, do_sample=False, pad_token_id=0
        )
        assert out.shape[1] == ids.shape[1] + 32
        return time.perf_counter() - begin

    once()
    return {"run_s": statistics.median(once() for _ in range(request["runs"]))}


if __name__ == "__main__":
    asked: Request = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    print(json.dumps({"train": train, "generate": generate}[sys.argv[1]](asked)))
