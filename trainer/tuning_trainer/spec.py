"""What a trainer is asked for and what it reports. Standard library only.

This is the one module of `trainer` that `emulator` may import: the server never loads torch.
A job is one JSON object; its events are JSON lines, one object each, tagged by ``event``.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

UNFINISHED = ".*"
"""Names, as a pattern, of what a trainer, or a library under it, writes until it is whole; a process that is killed
leaves it behind."""

Method: TypeAlias = Literal["supervised", "full", "preference", "distillation"]
METHODS: tuple[Method, ...] = ("supervised", "full", "preference", "distillation")

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""``auto``: CUDA where there is a GPU and the model is large enough to be faster on it."""
DEVICES: tuple[Device, ...] = ("auto", "cpu", "cuda")

Outtype: TypeAlias = Literal["f32", "f16", "bf16", "q8_0"]
OUTTYPES: tuple[Outtype, ...] = ("f32", "f16", "bf16", "q8_0")
"""Precisions in which a tuned model is written as GGUF; the names are those of llama.cpp's converter."""

_encode = json.JSONEncoder(ensure_ascii=False).encode
"""``json.dumps`` with an option makes an encoder for every call."""

EMBEDDED = "embedded"
"""Stands for the base model that ships with the trainer, wherever it is installed."""


class InvalidJobError(ValueError):
    """A job names a field that is missing, unknown or out of range; the text says which and what would be right."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training job, everything the trainer needs and nothing else.

    Attributes:
        id: Name of the job; only used in events and logs.
        directory: Where ``events.jsonl`` (every event, with ``time_ns``), checkpoints and the adapter are written.
            Exists and is writable.
        examples: JSON lines file, one example a line (see ``Example``).
        base_model: Directory in Hugging Face layout, or ``embedded``.
        validation: JSON lines file like ``examples``, or None.
        method: What kind of tuning.
        epochs: Passes over the data, at least 1.
        batch_size: Examples per optimiser step, at least 1.
        learning_rate: Of AdamW, constant.
        adapter_size: LoRA rank.
        seed: Of the data order and the adapter's first values. Same seed, same bytes.
        checkpoint_steps: Steps after which a checkpoint is written; the last step always writes one.
        adapter: Directory of a PEFT adapter to continue from, or None.
        beta: Weight of the KL term, preference tuning only.
        max_tokens: Longest example in tokens; longer ones are cut and counted. 0: the base model's limit.
        threads: CPU threads of each process. 0: one for a small model, else as many as there are cores free. Part of
            what makes a run repeatable.
        processes: That train it together, each on a share of every batch (data parallel), with a GPU for each where it
            goes to GPUs; never more than the batch has examples. 0: as the worker was told; 1 without one.
        activation_memory_bytes: That the activations of a step may take: a batch goes through in parts, checkpointed
            where it must. 0: a share of what is free at the start.
        device: ``auto`` takes CUDA where there is a GPU and the model is large enough to be faster on it.
        base_model_directory: Where ``base_model`` lies on this machine, if not where it says. Its name stays the one
            that adapters carry.
    """

    id: str
    directory: str
    examples: str
    base_model: str = EMBEDDED
    validation: str | None = None
    method: Method = "supervised"
    epochs: int = 5
    batch_size: int = 4
    learning_rate: float = 1e-3
    adapter_size: int = 4
    seed: int = 0
    checkpoint_steps: tuple[int, ...] = ()
    adapter: str | None = None
    beta: float = 0.1
    max_tokens: int = 0
    threads: int = 0
    processes: int = 0
    activation_memory_bytes: int = 0
    device: Device = "auto"
    base_model_directory: str | None = None

    @property
    def weights(self) -> str:
        """Where the base model is read: a directory, or ``embedded``."""
        return self.base_model_directory or self.base_model

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "adapter_size"):
            if getattr(self, name) < 1:
                raise InvalidJobError(f"{name}: {getattr(self, name)!r} is not at least 1")
        for name in ("threads", "processes", "activation_memory_bytes"):
            if getattr(self, name) < 0:
                raise InvalidJobError(f"{name}: {getattr(self, name)!r} is not at least 0")
        if not self.learning_rate > 0:
            raise InvalidJobError(f"learning_rate: {self.learning_rate!r} is not above 0")
        if self.method not in METHODS:
            raise InvalidJobError(f"method: {self.method!r} is not one of {', '.join(METHODS)}")


def format_job(job: Job) -> str:
    """The job as one line of JSON."""
    return _encode(dataclasses.asdict(job))


def parse_job(text: str) -> Job:
    """Reads what ``format_job`` wrote, or a file written by hand.

    Raises:
        InvalidJobError: not an object, a field is unknown or missing, or a value is out of range.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidJobError(f"job: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise InvalidJobError(f"job: expected an object, got {type(values).__name__}")
    for name in ("id", "directory", "examples"):
        if name not in values:
            raise InvalidJobError(f"{name}: missing")
    for name, value in values.items():
        _check_type(name, value)
    values["checkpoint_steps"] = tuple(values.get("checkpoint_steps", ()))
    return Job(**values)


_TEXTS, _OPTIONAL_TEXTS = (
    {"id", "directory", "examples", "base_model", "method", "device"},
    {"validation", "adapter", "base_model_directory"},
)
_NUMBERS = {"learning_rate", "beta"}


def _check_type(name: str, value: object) -> None:
    """Raises InvalidJobError unless a job's field exists and the value is of its type."""
    known = {f.name for f in dataclasses.fields(Job)}
    if name not in known:
        raise InvalidJobError(f"{name}: unknown field; known are {', '.join(sorted(known))}")
    if name in _TEXTS or name in _OPTIONAL_TEXTS:
        right, wanted = isinstance(value, str) or (value is None and name in _OPTIONAL_TEXTS), "a string"
    elif name in _NUMBERS:
        right, wanted = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    elif name == "checkpoint_steps":
        right, wanted = (
            isinstance(value, list | tuple) and all(type(each) is int for each in value),
            "a list of integers",
        )
    else:
        right, wanted = type(value) is int, "an integer"
    if not right:
        raise InvalidJobError(f"{name}: {value!r} is not {wanted}")


Role: TypeAlias = Literal["user", "model", "call", "result"]
ROLES: tuple[Role, ...] = ("user", "model", "call", "result")


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation.

    ``call`` is a turn of the model's too, ``name {json}``: it asks for a function. ``result`` is what the function gave
    back, in JSON.

    Attributes:
        images: For models that see: the files of images in Base64, each in the place of an ``IMAGE_MARK`` of the text.
    """

    role: Role
    text: str
    images: tuple[str, ...] = ()

    @property
    def learned(self) -> bool:
        """Whether it is the model's."""
        return self.role in ("model", "call")


@dataclass(frozen=True, slots=True)
class Example:
    """One training example: a conversation whose model turns are learned.

    On disk: ``{"turns": [{"role": "user", "text": "1"}, {"role": "model", "text": "2"}], "system": "…"}``.
    Preference tuning adds ``"rejected"``: the text that the last model turn should not be.
    """

    turns: tuple[Turn, ...]
    system: str = ""
    rejected: str | None = None


def _format_turn(turn: Turn) -> dict[str, Any]:
    plain: dict[str, Any] = {"role": turn.role, "text": turn.text}
    return {**plain, "images": turn.images} if turn.images else plain


def _parse_turn(values: dict[str, Any]) -> Turn:
    return Turn(values["role"], values["text"], tuple(values.get("images", ())))


def format_example(example: Example) -> str:
    """The example as one line of JSON."""
    line: dict[str, Any] = {"turns": [_format_turn(turn) for turn in example.turns]}
    if example.system:
        line["system"] = example.system
    if example.rejected is not None:
        line["rejected"] = example.rejected
    return _encode(line)


def parse_example(text: str) -> Example:
    """Reads what ``format_example`` wrote."""
    line = json.loads(text)
    turns = tuple(_parse_turn(turn) for turn in line["turns"])
    return Example(turns, line.get("system", ""), line.get("rejected"))


def total_steps(examples: int, epochs: int, batch_size: int) -> int:
    """Optimiser steps of a job: batches run on across the ends of epochs, as the real service counts them.

    15 examples, 5 epochs, batches of 4 are 19 steps, not 20.
    """
    return -(-examples * epochs // batch_size)


# --- events of a training job


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins.

    Attributes:
        dropped: 0-based indices of examples that do not fit into ``max_tokens`` however they are cut.
        cut: 0-based indices of examples that were cut to fit.
        max_tokens: What the model reads.
        processes: That train together.
    """

    examples: int
    total_steps: int
    device: str
    precision: str
    threads: int
    resumed_from: int = 0
    dropped: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()
    max_tokens: int = 0
    processes: int = 1
    event: str = "started"


@dataclass(frozen=True, slots=True)
class Step:
    """One optimiser step. ``loss``: mean nats per scored token of the batch. ``epoch``: floor(step·batch/examples).

    In preference tuning the loss is DPO's, predictions are pairs, and ``margin`` is the batch's mean reward margin.
    """

    step: int
    epoch: int
    loss: float
    predictions: int = 0
    correct: int = 0
    margin: float = 0.0
    event: str = "step"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Loss and next-token hits over the validation set, after ``step``."""

    step: int
    epoch: int
    loss: float
    predictions: int
    correct: int
    event: str = "evaluation"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A PEFT adapter was saved in ``directory`` after ``step``."""

    step: int
    epoch: int
    directory: str
    event: str = "checkpoint"


@dataclass(frozen=True, slots=True)
class Done:
    """Training ended. ``adapter`` is the directory of the final PEFT adapter."""

    adapter: str
    event: str = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    """Training ended without a result. ``code`` is a google.rpc code (3 bad data, 8 no memory, 13 our fault)."""

    code: int
    message: str
    event: str = "failed"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Training was stopped on request after ``step``; the job can be resumed from its directory."""

    step: int
    event: str = "cancelled"


Event: TypeAlias = Started | Step | Evaluation | Checkpoint | Done | Failed | Cancelled
_EVENTS: dict[str, type[Any]] = {
    "started": Started,
    "step": Step,
    "evaluation": Evaluation,
    "checkpoint": Checkpoint,
    "done": Done,
    "failed": Failed,
    "cancelled": Cancelled,
}


def format_event(event: Event) -> str:
    """The event as one line of JSON."""
    return _encode(dataclasses.asdict(event))


def parse_event(values: dict[str, Any]) -> Event:
    """Builds the event that a JSON line holds; unknown fields (``job``, ``time``…) are ignored."""
    kind = _EVENTS[values["event"]]
    known = {f.name for f in dataclasses.fields(kind)}
    kept = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if name in known}
    event: Event = kind(**kept)
    return event


# --- answering


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the model may call. ``parameters``: JSON Schema of the object that it takes, in JSON."""

    name: str
    parameters: str = '{"type": "object", "properties": {}, "additionalProperties": false}'


Calling: TypeAlias = Literal["auto", "any", "none"]


@dataclass(frozen=True, slots=True)
class Form:
    """What an answer has to be; nothing of it: any text.

    Attributes:
        schema: JSON Schema in JSON; the answer is an instance of it.
        choices: The answer is one of these texts.
        functions: What may be called. A call has the form of ``Turn``, and arguments that fit.
        calling: Whether a function is called: as the model likes, always (``any``), never.
    """

    schema: str = ""
    choices: tuple[str, ...] = ()
    functions: tuple[Function, ...] = ()
    calling: Calling = "auto"


ANY_TEXT = Form()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to answer: a conversation that ends with a user turn, and how to sample.

    Attributes:
        base_model: As in ``Job``.
        adapter: Directory of a PEFT adapter, or None for the bare base model.
        temperature: 0 is greedy.
        top_k: 0 is no limit.
        stop: Texts that end the answer; not part of it.
        presence_penalty, frequency_penalty: Taken from the score of a token that the answer has: once, and for each
            time.
        form: What the answer has to be.
        alternatives: How many of the likeliest tokens are told of each place; None: nothing is told of tokens.
        shorten: Whether a prompt that is too long loses the middle of its longest text, instead of being refused.
        spare: So many turns from the first on, and the system turn, lose their beginning where the model reads less
            than all of the prompt; None: such a prompt is refused.
    """

    turns: tuple[Turn, ...]
    system: str = ""
    base_model: str = EMBEDDED
    adapter: str | None = None
    max_output_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: tuple[str, ...] = ()
    candidates: int = 1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    form: Form = ANY_TEXT
    alternatives: int | None = None
    shorten: bool = False
    spare: int | None = None


def parse_prompt(values: dict[str, Any]) -> Prompt:
    """Reads what ``dataclasses.asdict`` made of a prompt."""
    turns = tuple(_parse_turn(turn) for turn in values["turns"])
    form = _parse_form(values["form"]) if "form" in values else ANY_TEXT
    return Prompt(**values | {"turns": turns, "stop": tuple(values.get("stop", ())), "form": form})


def _parse_form(values: dict[str, Any]) -> Form:
    functions = tuple(Function(**one) for one in values.get("functions", ()))
    return Form(**values | {"choices": tuple(values.get("choices", ())), "functions": functions})


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was written, or could have been. ``logprob``: nats, of the distribution that it was chosen from."""

    id: int
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One candidate. ``finish`` is ``STOP`` or ``MAX_TOKENS``; ``logprob`` the mean per token.

    Attributes:
        call: The text is a call of a function, ``name {json}``, see ``Turn``.
        chosen: The tokens written, where the prompt wants to be told; their mean is ``logprob``.
        likeliest: For each of them the likeliest that could have been written, the best first.
    """

    text: str
    tokens: int
    finish: Literal["STOP", "MAX_TOKENS"] = "STOP"
    logprob: float = 0.0
    call: bool = False
    chosen: tuple[Token, ...] = ()
    likeliest: tuple[tuple[Token, ...], ...] = ()


def _parse_answer(values: dict[str, Any]) -> Answer:
    chosen = tuple(Token(**one) for one in values.get("chosen", ()))
    likeliest = tuple(tuple(Token(**one) for one in place) for place in values.get("likeliest", ()))
    return Answer(**values | {"chosen": chosen, "likeliest": likeliest})


@dataclass(frozen=True, slots=True)
class Reply:
    """All candidates to one prompt and the prompt's length in tokens. ``left_out``: tokens that it was shortened by."""

    prompt_tokens: int
    answers: tuple[Answer, ...] = field(default=())
    left_out: int = 0


def parse_reply(values: dict[str, Any]) -> Reply:
    """Reads what ``dataclasses.asdict`` made of a reply."""
    answers = tuple(_parse_answer(answer) for answer in values["answers"])
    return Reply(values["prompt_tokens"], answers, values.get("left_out", 0))


IMAGE_MARK = "\ufffc"
"""Where in a text an image is: the character that stands for an object."""


def reads_images(directory: Path) -> bool:
    """Whether a model directory is of a model that sees, and says how its images are prepared."""
    try:
        config = json.loads((directory / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    prepared = any((directory / name).exists() for name in ("preprocessor_config.json", "processor_config.json"))
    return isinstance(config, dict) and "vision_config" in config and prepared


def embedded_base_model() -> Path:
    """Directory of the base model that ships with the trainer."""
    return Path(__file__).parent / "base_model"


def embedded_max_tokens() -> int:
    """What the embedded base model reads."""
    config = json.loads((embedded_base_model() / "config.json").read_text("utf-8"))
    return int(config["max_position_embeddings"])
