"""What came of a rehearsal, on one screen."""

from __future__ import annotations

from collections.abc import Sequence

from tuning_emulator.cli.validate import format_cost
from tuning_emulator.control.dry_run import DryRun, TuningRequest
from tuning_emulator.control.rehearsal import Rehearsal
from tuning_emulator.control.twins import MOST_ROWS

SHOWN = 5


def format_rehearsal(request: TuningRequest, checked: DryRun, rehearsal: Rehearsal) -> list[str]:
    """One screen."""
    size = f"{rehearsal.parameters / 1e6:,.0f} million parameters"
    return [
        f"a small model's view: {rehearsal.base_model}, {size}, on {rehearsal.device}, {rehearsal.epochs} epochs; "
        f"{request.base_model} knows more and may need fewer rows",
        "",
        f"rows             {rehearsal.learned:,} learned from, {rehearsal.held:,} held out",
        f"score            {rehearsal.metric} on {rehearsal.asked:,} held-out rows: {rehearsal.before:.2f} before, "
        f"{rehearsal.after:.2f} after",
        f"more rows        {_format_curve(rehearsal)}",
        f"epochs           {_format_epochs(rehearsal)}",
        *_format_resisting(rehearsal),
        *_format_groups("two answers", "the same question", rehearsal.conflicts),
        *_format_groups("near-duplicates", "nearly the same", rehearsal.near_duplicates),
        *_format_groups("in both", "of dataset and validation", rehearsal.shared),
        f"too long         {_format_cut(rehearsal)}",
        f"steps            {checked.steps:,} for {request.base_model}",
        f"cost             {format_cost(checked)}",
    ]


def _format_curve(rehearsal: Rehearsal) -> str:
    figures = ", ".join(f"{one.rows:,} rows {one.value:.2f}" for one in rehearsal.curve)
    if rehearsal.more_rows_help is None:
        return f"{figures}; too few rows for a curve"
    verdict = "more rows would help" if rehearsal.more_rows_help else "more rows of this kind would hardly help"
    return f"{figures}: {verdict}"


def _format_epochs(rehearsal: Rehearsal) -> str:
    losses = ", ".join(f"{loss:.2f}" for loss in rehearsal.validation)
    verdict = {
        "single": "one alone does not say whether more would help",
        "falling": "still falling at the end",
        "turning": f"turns after epoch {rehearsal.best_epoch}",
        "flat": f"hardly falls after epoch {rehearsal.best_epoch}",
    }[rehearsal.trend]
    return f"loss on held-out rows {losses}: {verdict}"


def _format_resisting(rehearsal: Rehearsal) -> list[str]:
    lines = [f"resisting        look at these first; often a wrong answer (median loss {rehearsal.median_loss:.2f})"]
    lines += [
        f"{'':<16} example {row.example:,}, loss {row.loss:.2f}: {_shorten(row.question)} → {_shorten(row.answer)}"
        for row in rehearsal.resisting[:SHOWN]
    ]
    return lines


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 36 else flat[:35] + "…")


def _format_groups(name: str, what: str, groups: Sequence[Sequence[int]] | None) -> list[str]:
    if groups is None:
        return [f"{name:<16} not looked for among more than {MOST_ROWS:,} rows"]
    if not groups:
        return [f"{name:<16} none"]
    shown = "; ".join(" and ".join(f"{number:,}" for number in group[:4]) for group in groups[:SHOWN])
    more = f" … {len(groups):,} in all" if len(groups) > SHOWN else ""
    return [f"{name:<16} examples {shown}{more} are {what}"]


def _format_cut(rehearsal: Rehearsal) -> str:
    count = len(rehearsal.cut) + len(rehearsal.dropped)
    share = count / rehearsal.learned
    limit = f"{rehearsal.max_tokens:,} tokens"
    return f"{count:,} of {rehearsal.learned:,} ({share:.0%}) for the {limit} that are read here"
