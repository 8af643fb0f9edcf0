"""Which trainers work here, and where the real one trains, as the settings have it."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

from tuning_emulator.jobs.lora import LoraTrainer, explain_missing, missing_packages
from tuning_emulator.jobs.runner import Runner, create_ray_runner
from tuning_emulator.jobs.scripted import ScriptedTrainer
from tuning_emulator.jobs.trainer import Trainer
from tuning_emulator.models.added import EMBEDDED, find_weights
from tuning_emulator.settings import Settings, SettingsError, format_setting
from tuning_trainer.spec import explain_unloadable

log = logging.getLogger(__name__)


def create_trainers(settings: Settings) -> tuple[dict[str, Trainer], str]:
    """The trainers that work here, and the name of the one that takes new jobs.

    Raises:
        SettingsError: the one asked for is not installed.
    """
    trainers: dict[str, Trainer] = {"scripted": ScriptedTrainer(settings.scripted_step_s)}
    missing = missing_packages()
    if settings.runner == "ray" and (missing or settings.trainer == "scripted"):
        need = f"which needs {', '.join(missing)}; install tuning-emulator[lora]" if missing else "not of 'scripted'"
        raise SettingsError(f"runner: 'ray' runs jobs of the trainer 'lora', {need}")
    runner = create_runner(settings)
    if not missing:
        given = [Path(find_weights(one)) for one in settings.base_models.values() if one != EMBEDDED]
        for directory in given:
            if settings.trainer != "scripted" and (text := explain_unloadable(directory)):
                log.warning("%s", text)
        trainers["lora"] = LoraTrainer(
            settings.device,
            processes=settings.processes_per_job,
            activation_memory_bytes=settings.activation_memory,
            base_models=given,
            runner=runner,
        )
    elif settings.trainer == "lora":
        raise SettingsError(f"trainer: 'lora' {explain_missing(missing)}")
    if settings.trainer == "auto":
        if missing:
            log.warning("the scripted trainer runs, which only pretends: %s not installed", ", ".join(missing))
        return trainers, "scripted" if missing else "lora"
    return trainers, settings.trainer


def create_runner(settings: Settings) -> Runner | None:
    """Where jobs of the lora trainer run; None: in the process that answers.

    Raises:
        SettingsError: what is asked for is not installed, or a cluster is described that nobody asks for.
    """
    if settings.runner == "local":
        for name in ("ray_address", "ray_resources"):
            if value := getattr(settings, name):
                raise SettingsError(f"{name}: {format_setting(value)!r} has no effect without --runner ray")
        return None
    if find_spec("ray") is None:
        raise SettingsError("runner: 'ray' needs ray; install tuning-emulator[ray]")
    return create_ray_runner(
        settings.ray_address or "",
        settings.ray_resources,
        warm=settings.ray_warm_workers,
        device=settings.device,
        processes=settings.processes_per_job,
        activation_memory_bytes=settings.activation_memory,
    )
