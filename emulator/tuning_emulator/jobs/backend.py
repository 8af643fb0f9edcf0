"""What stands behind both APIs: the parts that their handlers work with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct, field

from tuning_emulator.api.call import Caller
from tuning_emulator.core.as_of import Calendar, Day
from tuning_emulator.core.clock import SECOND_NS, Clock
from tuning_emulator.core.ids import Ids
from tuning_emulator.facts import emulator_errors
from tuning_emulator.facts.model_row import BaseModel
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.jobs.trainer import Answering
from tuning_emulator.media.parts import PromptReader
from tuning_emulator.storage.objects import ObjectStore
from tuning_emulator.store.store import Store
from tuning_trainer.spec import Example

log = logging.getLogger(__name__)


class Backend(Struct, frozen=True):
    """The parts behind an API, and the settings that change what it answers.

    Attributes:
        objects: Opens Cloud Storage as jobs see it.
        calendar: As of which day the service answers a project.
        default_dataset: Examples for a Gemini create that brings none; empty refuses it, as the service does.
        media: Reads the files of prompts.
        told: Retired models that the log has named.
    """

    store: Store
    clock: Clock
    ids: Ids
    queue: Queue
    answering: Answering
    objects: Callable[[], ObjectStore]
    media: PromptReader
    calendar: Calendar = field(default_factory=Calendar)
    default_dataset: tuple[Example, ...] = ()
    told: set[tuple[str, str]] = field(default_factory=set)

    def find_day(self, caller: Caller) -> Day:
        """The day that the caller's project sees."""
        return self.calendar.find_day(caller.project)

    def note_retired(self, model: BaseModel, day: Day, *, tuning: bool = False) -> None:
        """Says in the log, once for each model, that what it is asked for works no more on the real service."""
        until = model.tunable_until if tuning else model.until
        done = "be tuned" if tuning else "answer"
        if not (day.lenient and until) or (model.id, done) in self.told:
            return
        today = datetime.fromtimestamp(self.clock.now_ns() // SECOND_NS, UTC).date().isoformat()
        if today < until:
            return
        self.told.add((model.id, done))
        log.warning("since %s %s cannot %s any more; here it can, for no --as-of says otherwise", until, model.id, done)

    def refuse_untunable(self, base_model: str) -> None:
        """Refuses at once a job that could only fail.

        Raises:
            ApiError: what plays the base model needs packages that are not installed.
        """
        if self.answering.default == "scripted":
            return  # which needs none
        if reason := self.answering.explain_unloadable(base_model):
            raise emulator_errors.PACKAGES_MISSING(base_model=base_model, reason=reason)
