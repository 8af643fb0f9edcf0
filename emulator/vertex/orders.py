"""What a job's request asks of its run: a distillation's teacher, a bucket for the results."""

from __future__ import annotations

from emulator.core.records import TuningJob, TuningMethod
from emulator.run.orders import Orders
from emulator.run.registry import find_checkpoint, find_named_version
from emulator.run.trainers import Target
from emulator.schema.declare import Value
from emulator.store.store import Store
from emulator.vertex.specs import find_spec, parse_sent

PREFIX = "publishers/google/models/"
FULL = "TUNING_MODE_FULL"


def read_orders(store: Store, job: TuningJob) -> Orders:
    """The orders of a job of this API; none of another's."""
    if job.api != "vertex":
        return Orders()
    sent = parse_sent(job.sent)
    output_uri = str(sent.get("output_uri", ""))
    if job.method is not TuningMethod.DISTILLATION:
        return Orders(full=job.method is TuningMethod.FULL, output_uri=output_uri)
    spec = find_spec(sent).value
    name = str(spec.get("tuned_teacher_model_source") or spec.get("base_teacher_model") or "")
    return Orders(find_teacher(store, spec), name, spec.get("tuning_mode") == FULL, output_uri)


def find_teacher(store: Store, spec: Value) -> Target | None:
    """Who answers the prompts: a base model, played by what plays it here, or a tuned one; None if it is not there."""
    if named := spec.get("base_teacher_model"):
        return Target(str(named).removeprefix(PREFIX))
    version = find_named_version(store, spec.get("tuned_teacher_model_source") or "")
    checkpoint = find_checkpoint(store, version) if version else None
    job = store.get_job_by_uid(version.job_uid) if version else None
    if version is None or checkpoint is None or job is None:
        return None
    return Target(version.base_model, checkpoint.adapter, job.trainer)
