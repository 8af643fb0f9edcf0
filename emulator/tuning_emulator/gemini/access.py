"""Who may do what with a tuned model. Roles nest: a reader may ask it, a writer edit and share, an owner delete.

Source: ai.google.dev/api/tuning/permissions. Being in a Google group cannot be known here: a group's permission counts
for the group's own address alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from tuning_emulator.api.call import Caller
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import Permission, TuningJob
from tuning_emulator.facts import gemini_errors
from tuning_emulator.gemini.convert import parse_tuned_model_name
from tuning_emulator.store.store import Store

Role: TypeAlias = Literal["", "READER", "WRITER", "OWNER"]
_RANKS: dict[Role, int] = {"": 0, "READER": 1, "WRITER": 2, "OWNER": 3}


def grants(permission: Permission, caller: Caller) -> bool:
    """Whether the permission is the caller's own, not everyone's."""
    return permission.grantee_type != "EVERYONE" and permission.email.lower() == caller.principal.lower()


def find_role(job: TuningJob, permissions: Iterable[Permission], caller: Caller) -> Role:
    """The highest role that the caller has on a tuned model; "" for none."""
    roles: list[Role] = [p.role for p in permissions if p.grantee_type == "EVERYONE" or grants(p, caller)]
    if (
        job.reader_project_numbers
        and caller.project
        and int(project_number(caller.project)) in job.reader_project_numbers
    ):
        roles.append("READER")
    return max(roles, key=lambda role: _RANKS[role], default="")


def holds(job: TuningJob, permissions: Iterable[Permission], caller: Caller, role: Role) -> bool:
    """Whether the caller has that role or a higher one."""
    return _RANKS[find_role(job, permissions, caller)] >= _RANKS[role]


def find_tuned_model(store: Store, name: str, caller: Caller, role: Role = "READER") -> TuningJob:
    """The tuned model that a name (or a name below it) leads to, for a caller who has that role.

    Raises:
        ApiError: NOT_FOUND, or PERMISSION_DENIED for a caller with a lower role.
    """
    identifier = parse_tuned_model_name(name)
    job = store.get_tuned_model(identifier)
    if job is None:
        raise gemini_errors.TUNED_MODEL_NOT_FOUND(id=identifier)
    if not holds(job, store.list_permissions(job.uid), caller, role):
        raise gemini_errors.TUNED_MODEL_DENIED(id=identifier)
    return job
