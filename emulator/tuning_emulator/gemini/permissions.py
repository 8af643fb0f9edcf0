"""Permissions of tuned models, who may do what by them, and handing a tuned model over.

Roles nest: a reader may ask a tuned model, a writer edit and share it, an owner delete it.
Source: ai.google.dev/api/tuning/permissions. Being in a Google group cannot be known here: a group's permission counts
for the group's own address alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace

from tuning_emulator.api.call import Call, Caller
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.records import Permission, TuningJob
from tuning_emulator.core.rules import Rule
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.limits import GEMINI_PERMISSIONS_PAGE_DEFAULT
from tuning_emulator.gemini.convert import (
    EVERYONE,
    format_permission,
    format_permission_name,
    identify_grantee,
    parse_last_segment,
    parse_tuned_model_name,
)
from tuning_emulator.gemini.listing import read_page
from tuning_emulator.gemini.rules import check_fields
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import Store

_ROLES = ("OWNER", "WRITER", "READER")
_GRANTEE_TYPES = ("USER", "GROUP", "EVERYONE")
"""Of an enum, JSON may hold any number; unknown ones count as unset."""


def _is_for_everyone(permission: Value) -> bool:
    return permission.get("grantee_type") == "EVERYONE"


def _has_email(permission: Value) -> bool:
    return bool(permission.get("email_address"))


ROLE_RULES: tuple[Rule[Value], ...] = (
    Rule(gemini_errors.ROLE_MISSING, lambda permission: permission.get("role") not in _ROLES),
    Rule(gemini_errors.ROLE_OWNER, lambda permission: permission.get("role") == "OWNER"),
)
"""Over a permission whose role is to be written."""

CREATE_RULES: tuple[Rule[Value], ...] = (
    Rule(gemini_errors.EMAIL_MISSING, lambda one: not _is_for_everyone(one) and not _has_email(one)),
    Rule(gemini_errors.EMAIL_FORBIDDEN, lambda one: _is_for_everyone(one) and _has_email(one)),
    *ROLE_RULES,
)


class Permissions:
    """``tunedModels/*/permissions`` and ``tunedModels/*:transferOwnership``."""

    def __init__(self, backend: Backend) -> None:
        self._store = backend.store

    def create_permission(self, call: Call) -> Value:
        """Grants a role. Writers may share."""
        job = find_tuned_model(self._store, call.request["parent"], call.caller, "WRITER")
        asked: Value = call.request.get("permission", {})
        check_fields(CREATE_RULES, asked, request="CreatePermissionRequest")
        kind: Any = asked["grantee_type"] if asked.get("grantee_type") in _GRANTEE_TYPES else ""
        email = asked.get("email_address", "")
        identifier = EVERYONE if kind == "EVERYONE" else identify_grantee(email)
        if self._store.get_permission(job.uid, identifier) is not None:
            raise gemini_errors.PERMISSION_EXISTS(name=format_permission_name(job, identifier))
        permission = Permission(job.uid, identifier, kind, email, asked["role"])
        self._store.put_permission(permission)
        return format_permission(job, permission)

    def get_permission(self, call: Call) -> Value:
        """One permission."""
        job = find_tuned_model(self._store, call.request["name"], call.caller)
        return format_permission(job, self._find(job, call.request["name"]))

    def list_permissions(self, call: Call) -> Value:
        """All permissions, the owner's first (recorded)."""
        job = find_tuned_model(self._store, call.request["parent"], call.caller)
        page = read_page(call.request, GEMINI_PERMISSIONS_PAGE_DEFAULT, list=call.request["parent"])
        permissions, end = self._store.list_permissions(job.uid), page.start + page.size
        return {
            "permissions": [format_permission(job, one) for one in permissions[page.start : end]],
            "next_page_token": page.format_token(end) if end < len(permissions) else "",
        }

    def update_permission(self, call: Call) -> Value:
        """Changes the role, the only field that can be, and answers the whole permission (recorded)."""
        asked: Value = call.request["permission"]
        mask = call.request.get("update_mask", [])
        job = find_tuned_model(self._store, asked["name"], call.caller, "WRITER")
        permission = self._find(job, asked["name"])
        if not mask:
            raise gemini_errors.PERMISSION_MASK_MISSING()
        for path in mask:
            if path not in ("role", "*"):
                raise gemini_errors.PERMISSION_MASK(path=path)
        check_fields(ROLE_RULES, asked, request="UpdatePermissionRequest")
        _keep_owner(permission)
        permission = replace(permission, role=asked["role"])
        self._store.put_permission(permission)
        return format_permission(job, permission)

    def delete_permission(self, call: Call) -> Value:
        """Takes a role away."""
        job = find_tuned_model(self._store, call.request["name"], call.caller, "WRITER")
        permission = self._find(job, call.request["name"])
        _keep_owner(permission)
        self._store.delete_permission(job.uid, permission.id)
        return {}

    def transfer_ownership(self, call: Call) -> Value:
        """Makes somebody else the owner; the one who was becomes a writer (ai.google.dev/api/tuning)."""
        job = self._find_for_transfer(call)
        email = call.request.get("email_address", "")
        if not email:
            raise gemini_errors.TRANSFER_EMAIL_MISSING()
        if email.lower() == job.owner.lower():
            return {}
        identifier = identify_grantee(email)
        known = self._store.get_permission(job.uid, identifier)
        heir = known or Permission(job.uid, identifier, "USER", email, "OWNER")
        with self._store.transaction():
            for permission in self._store.list_permissions(job.uid):
                if permission.role == "OWNER":
                    self._store.put_permission(replace(permission, role="WRITER"))
            self._store.put_permission(replace(heir, role="OWNER"))
            self._store.update_job(job.uid, owner=email)
        return {}

    def _find_for_transfer(self, call: Call) -> TuningJob:
        job = find_tuned_model(self._store, call.request["name"], call.caller)
        if not holds(job, self._store.list_permissions(job.uid), call.caller, "OWNER"):
            raise gemini_errors.TRANSFER_NOT_OWNER()
        return job

    def _find(self, job: TuningJob, name: str) -> Permission:
        permission = self._store.get_permission(job.uid, parse_last_segment(name))
        if permission is None:
            raise gemini_errors.PERMISSION_NOT_FOUND(
                name=f"tunedModels/{parse_tuned_model_name(name)}/permissions/{parse_last_segment(name)}",
            )
        return permission


def _keep_owner(permission: Permission) -> None:
    if permission.role == "OWNER":
        raise gemini_errors.OWNER_PERMISSION()


# --- who may do what with a tuned model


Role: TypeAlias = Literal["", "READER", "WRITER", "OWNER"]
_RANKS: dict[Role, int] = {"": 0, "READER": 1, "WRITER": 2, "OWNER": 3}


def find_role(job: TuningJob, permissions: Iterable[Permission], caller: Caller) -> Role:
    """The highest role that the caller has on a tuned model; "" for none."""
    own = caller.principal.lower()
    roles: list[Role] = [p.role for p in permissions if p.grantee_type == "EVERYONE" or p.email.lower() == own]
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
