"""Memory of the process that answers, while many tuned models are asked in rounds: `python -m benchmarks.answering`.

A worker as the server starts it; its models are adapters with random weights on the embedded base model, or on the one
that `--base-model` names. What is printed after each round is the resident memory of the answering process, and its
share of what it has in common with the worker (PSS), in MiB. The bound is the trainer's own: `KEPT_BYTES` and
`WRITING_BYTES` in `answering.generate`, beside what torch and the base model take.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from benchmarks.processes import PROC, read_tree

WORKER = (sys.executable, "-P", "-m", "tuning_trainer", "worker")
KIB_A_MIB = 1024


def write_adapters(directory: Path, count: int, base_model: str) -> list[str]:
    """So many adapters, each with other weights."""
    from tuning_trainer.model import model_directory
    from tuning_trainer.native import lora
    from tuning_trainer.native.families import load_config

    config = load_config(model_directory(base_model))
    for number in range(count):
        adapter = lora.init_adapter(config, 8, number)
        for _, b in adapter.pairs.values():
            b.data.normal_(0, 0.01)
        lora.save_adapter(adapter, config, directory / str(number), base_model)
    return [str(directory / str(number)) for number in range(count)]


class Worker:
    """A trainer's process, asked over its pipes."""

    def __init__(self, base_model: str) -> None:
        self._base_model = base_model
        self.process = subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._read()

    def ask(self, adapters: list[str], words: int, tokens: int) -> None:
        """Asks these models at once, and reads every answer."""
        from tuning_trainer.spec import Prompt, Turn

        for number, adapter in enumerate(adapters):
            turns = (Turn("user", "hello " * (1 + number % words)),)
            prompt = Prompt(turns, base_model=self._base_model, adapter=adapter, max_output_tokens=tokens)
            line = {"do": "generate", "id": str(number), "stream": False, "prompt": dataclasses.asdict(prompt)}
            self._pipe(self.process.stdin).write(json.dumps(line).encode() + b"\n")
        self._pipe(self.process.stdin).flush()
        for _ in adapters:
            answer = self._read()
            if "reply" not in answer:
                raise RuntimeError(f"no reply: {answer}")

    def measure(self) -> tuple[float, float]:
        """Resident memory and PSS of the process that answers, MiB."""
        (child,) = read_tree(self.process.pid).keys() - {self.process.pid}
        text = (PROC / str(child) / "smaps_rollup").read_text()
        found = {line.split(":")[0]: line.split() for line in text.splitlines()[1:]}
        return int(found["Rss"][1]) / KIB_A_MIB, int(found["Pss"][1]) / KIB_A_MIB

    def close(self) -> None:
        """Ends it."""
        self._pipe(self.process.stdin).close()
        self.process.wait()

    def _read(self) -> dict[str, object]:
        answer: dict[str, object] = json.loads(self._pipe(self.process.stdout).readline())
        return answer

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


def main() -> None:
    """Prints one line for each way to ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--base-model", default="embedded")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        adapters = write_adapters(Path(folder), asked.models, asked.base_model)
        print(f"| {asked.models} models, asked | resident MiB (PSS) after each of {asked.rounds} rounds | s |")
        print("| --- | --- | --- |")
        for name, at_once, words, tokens in (
            ("one after another", 1, 5, 8),
            ("16 at once", 16, 5, 8),
            ("all at once", asked.models, 5, 8),
            ("all at once, long", asked.models, 200, 64),
        ):
            worker, began = Worker(asked.base_model), time.perf_counter()
            cells = []
            for _ in range(asked.rounds):
                for place in range(0, len(adapters), at_once):
                    worker.ask(adapters[place : place + at_once], words, tokens)
                cells.append("{:.0f} ({:.0f})".format(*worker.measure()))
            worker.close()
            print(f"| {name} | {', '.join(cells)} | {time.perf_counter() - began:.0f} |", flush=True)


if __name__ == "__main__":
    main()
