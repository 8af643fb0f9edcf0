"""Many answers at once beside `transformers.generate` in a batch: `python -m benchmarks.batching`.

In this process, on the CPU, all in one run and in turns; what is told of the rounds are the medians, of the ratios too.
The model is random, of the shape of SmolLM2-135M, unless `--base-model` names a directory. Questions share a system
prompt, are new in every round, and are kept from ending before their limit. `even`: all answers have as many tokens.
`uneven`: the shortest has an eighth of the longest's; `generate` writes every row until the longest ends, and what it
writes too much counts for nothing. `--path transformers` answers through transformers and peft.
"""

from __future__ import annotations

import argparse
import statistics
import time
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from tuning_trainer import model
from tuning_trainer.answering.generate import Answering, Finished
from tuning_trainer.spec import Prompt, Turn
from tuning_trainer.threads import count_cores

SYSTEM = "You are a helpful assistant of a small shop. Answer in one or two short sentences, and say if you are unsure."
QUESTIONS = (
    "Do you have number {} in blue?",
    "A customer writes: order {} has not arrived, although it was promised for last week. What do I answer?",
    "Sum up: {} chairs were sold in May, a few more in June, and none in the summer, when the shop was closed.",
    "Is {} a prime?",
)


def write_random_model(directory: Path) -> None:
    """Random weights of SmolLM2-135M's shape, with a tokenizer of bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from tuning_trainer.native.architecture import Attention, Config, Rope
    from tuning_trainer.native.weights import init_weights, save_weights

    config = Config(
        vocab_size=49152, hidden_size=576, layers=30, heads=9, kv_heads=3, head_size=64, mlp_size=1536,
        max_positions=8192, attention=(Attention(Rope(theta=100_000.0)),),
    )  # fmt: skip
    save_weights(init_weights(config, 0), config, directory, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = ["<pad>", "<bos>", "<eot>", "<system>", "<user>", "<model>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=names, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([SYSTEM, *QUESTIONS] * 4, trainer)
    tokenizer.save(str(directory / "tokenizer.json"))


class Peer:
    """`transformers.generate` over the same directory."""

    def __init__(self, directory: Path) -> None:
        import transformers

        loader: Any = transformers.AutoModelForCausalLM
        self._model = loader.from_pretrained(directory, dtype=torch.float32).eval()

    def run(self, rows: list[list[int]], limit: int) -> None:
        """Answers prompts of tokens in one batch."""
        width = max(map(len, rows))
        ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        with torch.no_grad():
            self._model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=limit, min_new_tokens=limit, do_sample=False,
                pad_token_id=0,
            )  # fmt: skip


def make_prompts(directory: Path, rows: int, limit: int, uneven: bool, turn: int) -> list[Prompt]:
    """Questions that were not asked before."""
    limits = [max(1, limit * (1 + number % 8) // 8) if uneven else limit for number in range(rows)]
    texts = [QUESTIONS[number % 4].format(1000 * turn + number) for number in range(rows)]
    return [
        Prompt((Turn("user", text),), SYSTEM, str(directory), max_output_tokens=each)
        for text, each in zip(texts, limits, strict=True)
    ]


def answer(answering: Answering, prompts: list[Prompt]) -> int:
    """Answers all at once; the tokens that were written."""
    for number, prompt in enumerate(prompts):
        answering.submit(str(number), prompt)
    for desk in answering._desks.values():  # noqa: SLF001 so that no answer ends early
        for row in desk.waiting:
            row.request.chat = copy(row.request.chat)
            row.request.chat.stops = frozenset()  # type: ignore[misc]  # of this copy
    tokens = 0
    while answering.busy:
        for output in answering.advance():
            assert isinstance(output, Finished), output
            tokens += output.reply.answers[0].tokens
    return tokens


def compare(directory: Path, options: argparse.Namespace) -> Table:
    """A row for each number of answers."""
    table = Table("answers", "at once", "tokens", "ours s", "generate s", "times", "least to most", "tokens/s")
    answering, peer = Answering("cpu"), Peer(directory)
    chat = model.open_answering(str(directory), None, "cpu", "float32").chat
    turn = 0
    for uneven in (False, True):
        for rows in options.rows:
            taken: list[tuple[float, float, int]] = []
            for _ in range(options.rounds + 1):
                turn += 1
                prompts = make_prompts(directory, rows, options.tokens, uneven, turn)
                began = time.perf_counter()
                tokens = answer(answering, prompts)
                middle = time.perf_counter()
                peer.run([chat.prompt(each.turns, each.system) for each in prompts], options.tokens)
                taken.append((middle - began, time.perf_counter() - middle, tokens))
            taken = taken[1:]  # the first round makes what is made once
            ratios = [theirs / ours for ours, theirs, _ in taken]
            ours, theirs, tokens = (statistics.median(column) for column in zip(*taken, strict=True))
            cells = (str(rows), f"{tokens:.0f}", f"{ours:.2f}", f"{theirs:.2f}", f"{statistics.median(ratios):.2f}")
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            table.add_row("uneven" if uneven else "even", *cells, spread, f"{tokens / ours:.0f}")
    return table


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-model", type=Path)
    parser.add_argument("--path", choices=("native", "transformers"), default="native")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=count_cores())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.path == "transformers":
        setattr(model, "is_native", lambda _: False)  # noqa: B010 a name that is looked up at every call
    with TemporaryDirectory() as folder:
        directory = options.base_model or Path(folder)
        if options.base_model is None:
            write_random_model(directory)
        Console(width=110).print(compare(directory, options))


if __name__ == "__main__":
    main()
