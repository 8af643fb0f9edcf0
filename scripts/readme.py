"""Writes the parts of the documents that are data elsewhere: clients, settings, facts, differences, rooms, states.

`make docs` rewrites the files; a test fails when one is not what this would write.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from client_tests.results import HEADINGS, list_cells
from scripts import reference
from scripts.reference import format_table
from tuning_emulator.core.job_control import LABEL_PREFIX, MAGIC_VALUES
from tuning_emulator.core.lifecycle import ENDED, TRANSITIONS
from tuning_emulator.facts.base_models import BaseModel, list_base_models
from tuning_emulator.facts.catalogue import count_by_grade, list_entries
from tuning_emulator.facts.chat_fields import CHAT_FIELDS
from tuning_emulator.facts.create_fields import JOB_FIELDS, MODEL_FIELDS
from tuning_emulator.facts.differences import DIVERGENCES
from tuning_emulator.facts.request_fields import REQUEST_FIELDS, RequestField
from tuning_emulator.middleware.named_faults import NAMED_FAULTS
from tuning_emulator.settings import SETTINGS, Setting, name_variable
from tuning_trainer.native.families import FAMILIES

ROOT = Path(__file__).resolve().parent.parent


def format_default(setting: Setting) -> str:
    """A setting's default as one would type it; nothing for none."""
    return "" if setting.default in (None, ()) else f"`{setting.default}`"


def format_settings() -> str:
    """Every setting: its variable, its default, what it does."""
    rows = [(f"`{name_variable(name)}`", format_default(setting), setting.help) for name, setting in SETTINGS.items()]
    return format_table(("variable", "default", "what it does"), rows)


def format_differences() -> str:
    """What is knowingly not as in the real services."""
    rows = [(one.subject, one.real, one.here, one.reason) for one in DIVERGENCES]
    return format_table(("where", "there", "here", "why"), rows)


def format_grades() -> str:
    """How many rows there are, by table and grade."""
    entries = list_entries()
    rows = []
    for where in dict.fromkeys(entry.where for entry in entries):
        counts = count_by_grade([entry for entry in entries if entry.where == where])
        rows.append((where, *(str(count) for count in counts.values())))
    total = count_by_grade(entries)
    rows.append(("**all**", *(f"**{count}**" for count in total.values())))
    return format_table(("rows about", *total), rows)


def format_magic() -> str:
    """The magic values that every client can send."""
    rows = [(f"`{one.display_name}`", f"`{LABEL_PREFIX}{one.label}`", one.meaning) for one in MAGIC_VALUES]
    return format_table(("in the display name", "or as a label (Vertex AI)", "what the job does"), rows)


def format_faults() -> str:
    """Troubles that a fault can have by name."""
    rows = [
        (
            f"`{name}`",
            " and ".join({"gemini": "Gemini API", "vertex": "Vertex AI"}[api] for api in one.rows),
            one.meaning,
        )
        for name, one in NAMED_FAULTS.items()
    ]
    return format_table(("name", "said by", "when"), rows)


def format_models() -> str:
    """Every base model that Vertex AI tunes, and what tuning it takes."""
    headings = (
        *(
            "model",
            "tuned",
            "retired",
            "where",
            "modes",
            "adapter sizes",
            "rate by",
            "CMEK",
            "tokens an example",
            "USD",
        ),
    )
    models = [one for one in list_base_models("vertex") if one.tunable]
    opened = next(one for one in models if one.open)
    assert opened.limits is not None
    return (
        format_table(headings, [_describe_model(one) for one in models])
        + f"\nOpen models are tuned in {', '.join(opened.regions)}; their examples are packed, "
        f"{opened.limits.packed_sequences} sequences of so many tokens a step; a validation file has at most "
        f"{opened.limits.max_validation_examples:,} examples and {opened.limits.validation_bytes_share:.0%} of the "
        "training file's bytes.\n"
    )


def _describe_model(model: BaseModel) -> Sequence[str]:
    assert model.limits is not None
    modes = ", ".join(mode.removesuffix("_ADAPTER") for mode in model.modes) or "its own"
    where = "as below" if model.open else ", ".join(model.regions) or "every region"
    home = " (served from us, eu)" if model.multi_region else ""
    return (
        f"`{model.id}`",
        f"{model.tunable_since or '?'} to {model.tunable_until or 'now'}",
        model.until,
        where + home,
        modes,
        ", ".join(map(str, model.adapter_sizes)),
        model.rate,
        "yes" if model.cmek else "no",
        f"{model.limits.max_tokens_per_example:,}",
        "; ".join(dict.fromkeys(f"{price.value:g} ({price.grade})" for price in model.prices)),
    )


def format_clients() -> str:
    """Every client, how to point it here, and what came of it when its tests last ran."""
    return format_table(HEADINGS, list_cells())


def format_hyperparameters() -> str:
    """What the trainer makes of a request."""
    from scripts import hyperparameters  # loads torch

    return format_table(hyperparameters.HEADINGS, hyperparameters.list_rows())


def format_families() -> str:
    """The models that the trainer runs without transformers."""
    rows = [(family.models, f"`{name}`", f"`{family.architecture}`") for name, family in FAMILIES.items()]
    return format_table(("models", "`model_type`", "`architectures`"), rows)


def format_request_fields() -> str:
    """Every field of a request for content."""
    return _format_fields("field", REQUEST_FIELDS)


def format_chat_fields() -> str:
    """Every parameter of a chat completion."""
    return _format_fields("parameter", CHAT_FIELDS)


def format_job_fields() -> str:
    """Every field of a tuning job that may be asked for."""
    return _format_fields("field of TuningJob", JOB_FIELDS)


def format_model_fields() -> str:
    """Every field of a tuned model that may be asked for."""
    return _format_fields("field of TunedModel", MODEL_FIELDS)


def _format_fields(heading: str, fields: Sequence[RequestField]) -> str:
    rows = [(f"`{row.path}`", row.effect, row.why) for row in fields]
    return format_table((heading, "here", "what it does, or why not"), rows)


def format_rooms() -> str:
    """The rooms of the server from top to bottom, as the first import contract has them, and what each one is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = [layer.split(" | ") for layer in project["tool"]["importlinter"]["contracts"][0]["layers"]]
    rows = [
        ("<br>".join(f"`{room}`" for room in layer), "<br>".join(map(_read_purpose, layer)))
        for layer in layers
        if layer != ["__main__"]
    ]
    return format_table(
        ("room", "what it is"), [*rows, ("`tuning_trainer`", "The LoRA trainer; `jobs` knows its spec alone")]
    )


def _read_purpose(room: str) -> str:
    """How the docstring of a room, or of a module that is one by itself, begins."""
    doc = import_module(f"tuning_emulator.{room}").__doc__ or ""
    return re.split(r"[.:;,](?:\s|$)", doc, maxsplit=1)[0].replace("`", "").replace('"', "")


def format_states() -> str:
    """The table of transitions: what can happen to a job in each state, and where it leads."""
    rows = []
    for (state, event), found in TRANSITIONS.items():
        before = " or ".join(f"`{phase}`" if phase else "none" for phase in sorted(found.after)) or "any"
        after = "as before" if found.phase is None else f"`{found.phase}`" if found.phase else "none"
        rows.append((f"`{state}`", before, str(event), f"`{found.state}`", after))
    ended = ", ".join(f"`{state}`" for state in sorted(ENDED))
    return format_table(("state", "in phase", "event", "state then", "phase then"), rows) + f"\n{ended} are for good.\n"


REFERENCE, EXPLANATION = ROOT / "docs" / "reference", ROOT / "docs" / "explanation"
Blocks: TypeAlias = dict[str, Callable[[], str]]
PAGES: dict[Path, Blocks] = {
    REFERENCE / "base-models.md": {"models": format_models},
    REFERENCE / "cli.md": {"commands": reference.format_commands},
    REFERENCE / "clients.md": {"clients": format_clients},
    REFERENCE / "control-api.md": {"control": reference.format_control},
    REFERENCE / "differences.md": {"differences": format_differences},
    REFERENCE / "environment.md": {"variables": reference.format_variables},
    REFERENCE / "errors.md": {"errors": reference.format_errors, "own errors": reference.format_own_errors},
    REFERENCE / "faults.md": {"faults": format_faults, "magic": format_magic},
    REFERENCE / "limits.md": {"limits": reference.format_limits},
    REFERENCE / "requests.md": {
        "fields": format_request_fields,
        "chat fields": format_chat_fields,
        "job fields": format_job_fields,
        "model fields": format_model_fields,
    },
    REFERENCE / "services.md": {"methods": reference.format_methods},
    REFERENCE / "settings.md": {"settings": format_settings},
    EXPLANATION / "architecture.md": {"rooms": format_rooms},
    EXPLANATION / "how-true.md": {"grades": format_grades},
    EXPLANATION / "life-of-a-job.md": {"states": format_states},
}
"""The pages that hold data of the code, and which: every one without a trainer."""

TRAINER_PAGE = ROOT / "trainer" / "README.md"
TRAINER_BLOCKS: Blocks = {"families": format_families, "hyperparameters": format_hyperparameters}


def write_blocks(text: str, blocks: Blocks) -> str:
    """The text with every block between its two marks written anew.

    Raises:
        ValueError: a block's marks are not there, or not once.
    """
    for name, write in blocks.items():
        marks = re.compile(f"(<!-- {name}: written by scripts/readme.py -->\n).*?(<!-- end -->)", re.DOTALL)
        content = write().replace("\\", r"\\")
        text, found = marks.subn(rf"\g<1>{content}\g<2>", text)
        if found != 1:
            raise ValueError(f"the block {name!r} is there {found} times; it must be there once")
    return text


def main() -> None:
    """Rewrites the files."""
    for page, blocks in {**PAGES, TRAINER_PAGE: TRAINER_BLOCKS}.items():
        page.write_text(write_blocks(page.read_text("utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
