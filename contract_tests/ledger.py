"""Which recorded exchanges the emulator reproduces: one line for each API and method, and the total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contract_tests.exchange import Recording
from tuning_emulator.facts.differences import DIVERGENCES


@dataclass(slots=True)
class Ledger:
    """What became of each recording on the emulator: whether every test that played it passed."""

    outcomes: dict[str, bool] = field(default_factory=dict)

    def write(self, names: Iterable[str], passed: bool) -> None:
        """A test that played these ended."""
        for name in names:
            self.outcomes[name] = passed and self.outcomes.get(name, True)

    def is_reproduced(self, recording: Recording) -> bool:
        """Whether the emulator answered it as recorded."""
        return self.outcomes.get(recording.name, False)


def print_count(ledger: Ledger, recordings: Mapping[str, Recording]) -> list[str]:
    """The table, and what is missing with its reason."""
    rows = list(recordings.values())
    recorded = Counter((one.api, one.method) for one in rows)
    reproduced = Counter((one.api, one.method) for one in rows if ledger.is_reproduced(one))
    lines = [f"{'API':<10}  {'method':<21}  {'recorded':>8}  {'reproduced':>10}"]
    lines += [
        f"{api:<10}  {method:<21}  {count:>8}  {reproduced[api, method]:>10}"
        for (api, method), count in sorted(recorded.items())
    ]
    total, done = recorded.total(), reproduced.total()
    lines.append(f"{'total':<33}  {total:>8}  {done:>10}  ({100 * done / max(total, 1):.1f} %)")
    return [*lines, *(_explain(one, ledger) for one in rows if not ledger.is_reproduced(one))]


def _explain(recording: Recording, ledger: Ledger) -> str:
    known = {one.name: one for one in DIVERGENCES}
    if recording.differs in known:
        return f"differs on purpose: {recording.name}: {known[recording.differs].here}"
    return f"{'not reproduced' if recording.name in ledger.outcomes else 'not played'}: {recording.name}"
