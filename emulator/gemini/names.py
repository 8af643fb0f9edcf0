"""Resource names of the Gemini API: built and read here alone."""

from __future__ import annotations

import hashlib

from emulator.core.records import Permission, TuningJob

EVERYONE = "everyone"
"""Id of the permission that everyone has. Recorded: README of github.com/derrickobedgiu1/gemini-api, April 2024."""


def format_tuned_model_name(job: TuningJob) -> str:
    """``tunedModels/{id}``."""
    return f"tunedModels/{job.id}"


def parse_tuned_model_name(name: str) -> str:
    """The id in ``tunedModels/{id}`` or in a name below it."""
    return name.removeprefix("tunedModels/").partition("/")[0]


def format_operation_name(job: TuningJob) -> str:
    """``tunedModels/{id}/operations/{id}``."""
    return f"tunedModels/{job.id}/operations/{job.operation_id}"


def format_permission_name(job: TuningJob, permission_id: str) -> str:
    """``tunedModels/{id}/permissions/{id}``."""
    return f"tunedModels/{job.id}/permissions/{permission_id}"


def parse_last_segment(name: str) -> str:
    """What follows the last slash."""
    return name.rpartition("/")[2]


def identify_grantee(email: str) -> str:
    """A grantee's number: 21 digits starting with 1, as in every recorded permission, the same for the same address."""
    digest = int.from_bytes(hashlib.sha256(email.lower().encode()).digest()[:16], "big")
    return f"1{digest % 10**20:020}"


def own_permission(job: TuningJob) -> Permission:
    """The permission that a tuned model's creator has from the start."""
    return Permission(job.uid, identify_grantee(job.owner), "USER", job.owner, "OWNER")
