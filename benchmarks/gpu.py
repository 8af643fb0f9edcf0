"""The trainer on a GPU beside TRL, in one command of at most five minutes: `python -m benchmarks.gpu`.

It needs torch, transformers, peft and trl (and takes unsloth where it is installed); models have random weights and are
made on the spot. Tests marked ``cuda`` run first, where pytest is there. Figures are printed and written as JSON.
``--tiny`` does all of it with models that a CPU trains in seconds, to see that the program itself works.

The floor is what a step takes if nothing but its multiplications cost time, at the speed that the card reaches with
large square matrices: 4 operations for each parameter and token (the base's own gradients are not needed), 4 for each
value of the output matrix and scored token, 6 for each value of the attention's two products and pair of tokens.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 290.0
TESTS_LIMIT_S = 60.0
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A model to make: transformers' family and the fields of its config."""

    name: str
    family: str
    fields: dict[str, int]


SHAPES = (
    Shape("0.5B Qwen", "Qwen2", {
        "vocab_size": 151936, "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14,
        "num_key_value_heads": 2, "intermediate_size": 4864, "max_position_embeddings": 32768,
    }),
    Shape("1B Llama", "Llama", {
        "vocab_size": 49152, "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 8192, "max_position_embeddings": 8192,
    }),
)  # fmt: skip
TINY = tuple(
    Shape(f"tiny {shape.family}", shape.family, {
        "vocab_size": 304, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 512,
    })
    for shape in SHAPES
)  # fmt: skip


def main() -> int:
    """Measures and prints; 0 unless a case of ours failed or a test did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="models and rows for a CPU, to see that it works")
    parser.add_argument("--output", type=Path, default=Path("gpu.json"), help="where the figures go as JSON (gpu.json)")
    parser.add_argument("--seconds", type=float, default=LIMIT_S, help="after these what is left is not measured (290)")
    parser.add_argument("--without-tests", action="store_true", help="leave the tests marked cuda out")
    chosen = parser.parse_args()
    deadline_s = time.monotonic() + chosen.seconds
    figures: Figures = {"machine": describe_machine()}
    print(", ".join(f"{name} {value}" for name, value in figures["machine"].items()), flush=True)
    if figures["machine"]["device"] == "cpu" and not chosen.tiny:
        print("benchmarks.gpu: torch sees no CUDA device; --tiny runs on the CPU", file=sys.stderr)
        return 2
    if not chosen.without_tests:
        figures["tests"] = run_tests(deadline_s)
        print(f"tests marked cuda: {figures['tests']}", flush=True)
    figures["documented job"] = run_documented(deadline_s)
    print(f"documented 15 pairs, embedded model: {figures['documented job']}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for shape in TINY if chosen.tiny else SHAPES:
            figures[shape.name] = measure(shape, Path(folder), chosen.tiny, deadline_s)
            chosen.output.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(f"written to {chosen.output}")
    return 1 if any(find_failures(figures)) else 0


def find_failures(figures: Figures) -> Iterator[str]:
    """Cases of ours that failed, tests that did."""
    if "failed" in figures.get("tests", ""):
        yield "tests"
    for name, shape in figures.items():
        if isinstance(shape, dict) and "cases" in shape:
            yield from (f"{name} {case}" for case, sides in shape["cases"].items() if "error" in sides.get("ours", {}))


def describe_machine() -> dict[str, Any]:
    """Device and versions."""
    from importlib import metadata

    import torch

    cuda = torch.cuda.is_available()
    packages = ("torch", "transformers", "peft", "trl", "unsloth")
    versions = {name: metadata.version(name) if find_spec(name) else "not installed" for name in packages}
    return {"device": torch.cuda.get_device_name() if cuda else "cpu", **versions}


def run_tests(deadline_s: float) -> str:
    """The last line of pytest over the tests marked ``cuda``."""
    if find_spec("pytest") is None:
        return "not run: pytest is not installed"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider", "trainer/tests"]
    limit_s = min(TESTS_LIMIT_S, deadline_s - time.monotonic())
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return f"not finished within {limit_s:.0f} s"
    return (done.stdout.strip().splitlines() or [done.stderr.strip() or "no output"])[-1]


def run_documented(deadline_s: float) -> dict[str, Any]:
    """Seconds of a cold process that tunes the embedded model on 15 pairs, on the CPU and on a GPU that is there."""
    from tuning_trainer.spec import Device, Example, Job, Turn, format_example, format_job

    wall_s: dict[str, Any] = {}
    devices: tuple[Device, ...] = ("cpu", "cuda") if find_device() == "cuda" else ("cpu",)
    for device in devices:
        with tempfile.TemporaryDirectory() as folder:
            examples, job = Path(folder) / "examples.jsonl", Path(folder) / "job.json"
            pairs = [Example((Turn("user", str(n)), Turn("model", str(n + 1)))) for n in range(1, 16)]
            examples.write_text("".join(format_example(one) + "\n" for one in pairs), "utf-8")
            job.write_text(format_job(Job("documented", folder, str(examples), device=device)), "utf-8")
            start = time.monotonic()
            command = [sys.executable, "-m", "tuning_trainer", str(job)]
            limit_s = max(1.0, deadline_s - start)
            done = subprocess.run(command, cwd=ROOT / "trainer", capture_output=True, check=False, timeout=limit_s)
            wall_s[device] = round(time.monotonic() - start, 2) if done.returncode == 0 else "failed"
    return wall_s


def find_device() -> str:
    """What torch computes on."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


# --- models


def write_model(directory: Path, shape: Shape) -> None:
    """A model with random weights and a byte-level tokenizer with a ChatML template."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    untyped: Any = transformers
    torch.manual_seed(0)
    config = getattr(untyped, f"{shape.family}Config")(
        **shape.fields, eos_token_id=2, bos_token_id=None, pad_token_id=0, tie_word_embeddings=True
    )
    device = find_device()
    with torch.device(device):
        model = getattr(untyped, f"{shape.family}ForCausalLM")(config)
    model.to(torch.bfloat16 if device == "cuda" else torch.float32).save_pretrained(directory)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=259, special_tokens=list(SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator([""], trainer)
    tokenizer.save(str(directory / "tokenizer.json"))
    settings = {"eos_token": "<|im_end|>", "chat_template": CHATML}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")


# --- cases


def list_cases(tiny: bool) -> dict[str, dict[str, int]]:
    """What is measured, by name; a word of the rows is about four tokens."""
    lengths, batches, at_once = ((48, 64, 96), (2, 4), (1, 4)) if tiny else ((300, 1000, 4000), (4, 16), (1, 16, 64))
    steps, new = (4, 8) if tiny else (8, 64)
    training = {
        f"{tokens:,} tokens, batch {batch}": {"tokens": tokens, "batch": batch, "steps": steps}
        for tokens in lengths
        for batch in batches
    }
    return training | {f"{count} answers at once": {"at_once": count, "new": new} for count in at_once}


def measure(shape: Shape, folder: Path, tiny: bool, deadline_s: float) -> Figures:
    """All cases of one model, by every side that is installed; printed as they come."""
    directory = folder / shape.family
    write_model(directory, shape)
    cases = list_cases(tiny)
    training = {name: case for name, case in cases.items() if "tokens" in case}
    costs = next(run_side("machine", directory, {"all": {"cases": training}}, deadline_s), {})
    sides = ["ours", "trl", *(["unsloth"] if find_spec("unsloth") else [])]
    figures: Figures = {"tflops": costs.get("tflops"), "cases": {name: {} for name in cases}}
    for side in sides:
        wanted = training if side == "unsloth" else cases
        for result in run_side(side, directory, wanted, deadline_s):
            name = result.pop("case")
            figures["cases"][name][side] = result
            if side == "ours" and name in costs.get("costs", {}):
                floor_s = count_operations(shape, costs["costs"][name]) / (costs["tflops"] * 1e12)
                figures["cases"][name]["floor_ms"] = 1000 * floor_s / cases[name]["steps"]
    print("\n".join(format_shape(shape.name, figures)), flush=True)
    return figures


def run_side(side: str, model: Path, cases: dict[str, Any], deadline_s: float) -> Iterator[Figures]:
    """The results of one side's process, as many as it has until the deadline."""
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.json"
        request.write_text(json.dumps({"model": str(model), "cases": cases}), "utf-8")
        command = [sys.executable, "-m", "benchmarks.gpu_sides", side, str(request)]
        left_s = deadline_s - time.monotonic()
        if left_s <= 1:
            return
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=left_s)
            text = done.stdout
            if done.returncode:
                print(done.stderr[-1500:], file=sys.stderr)
        except subprocess.TimeoutExpired as error:
            text = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        for line in text.splitlines():
            if line.startswith('{"case"'):
                yield json.loads(line)


def count_operations(shape: Shape, cost: dict[str, int]) -> float:
    """Floating-point operations that a tuning of all rows cannot do without; see the module."""
    fields = shape.fields
    size, layers = fields["hidden_size"], fields["num_hidden_layers"]
    keys = size * fields["num_key_value_heads"] // fields["num_attention_heads"]
    layer = 2 * size * size + 2 * size * keys + 3 * size * fields["intermediate_size"]
    matrices = 4 * layers * layer * cost["tokens"]
    head = 4 * fields["vocab_size"] * size * cost["scored"]
    return matrices + head + 6 * layers * size * cost["squares"]  # each of two products, over half of the pairs


def format_shape(name: str, figures: Figures) -> list[str]:
    """A table: a line for each case."""
    tflops = figures["tflops"]
    lines = ["", f"{name}, {tflops:.1f} TFLOP/s in large matrices" if tflops else name]
    lines.append(f"{'':<28}{'ours':>22}{'TRL':>22}{'unsloth':>22}{'floor':>10}")
    for case, sides in figures["cases"].items():
        cells = [_format_cell(sides.get(side)) for side in ("ours", "trl", "unsloth")]
        floor = f"{sides['floor_ms']:.2f} ms" if "floor_ms" in sides else ""
        lines.append(f"{case:<28}{cells[0]:>22}{cells[1]:>22}{cells[2]:>22}{floor:>10}")
    return lines


def _format_cell(result: Figures | None) -> str:
    if result is None:
        return "not measured"
    if "error" in result:
        return str(result["error"])[:20]
    memory = f", {result['peak_mib']:,.0f} MiB" if result["peak_mib"] else ""
    if "step_ms" in result:
        return f"{result['step_ms']:.1f} ms{memory}"
    return f"{result['tokens_per_s']:,.0f} tokens/s{memory}"


if __name__ == "__main__":
    sys.exit(main())
