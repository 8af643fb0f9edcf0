"""Resource Manager, ``cloudresourcemanager.googleapis.com``: the one method that clients of Vertex AI call, GetProject.

Any project exists.
"""

from __future__ import annotations

from tuning_emulator.api.call import Api, Call
from tuning_emulator.core.ids import project_number
from tuning_emulator.facts import google_errors
from tuning_emulator.proxy.metadata_server import Identity
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Value

SERVICE = "cloudresourcemanager.googleapis.com"
_CREATED_NS = 1_704_067_200_000_000_000  # a day before all jobs: 2024-01-01

_GET = "Projects.GetProject"
_SCHEMAS = {**load_schemas("google.cloud.resourcemanager"), **load_schemas("google.cloudresourcemanager")}


class Projects:
    """Answers GetProject. A number that is the metadata server's project gets that project's id."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def get_project(self, call: Call) -> Value:
        """Resource Manager's ``GetProject``, in v1 and v3."""
        request = call.request
        name = str(request.get("project_id") or request.get("name", "")).removeprefix("projects/")
        if not name:
            raise google_errors.PROJECT_NAME_MISSING()
        identity = self._identity
        project, number = name, project_number(name)
        if name in (identity.project, identity.project_number):
            project, number = identity.project, identity.project_number
        if call.version == "v1":
            return {
                "project_number": int(number),
                "project_id": project,
                "lifecycle_state": "ACTIVE",
                "name": project,
                "create_time": _CREATED_NS,
            }
        return {
            "name": f"projects/{number}",
            "project_id": project,
            "state": "ACTIVE",
            "display_name": project,
            "create_time": _CREATED_NS,
            "update_time": _CREATED_NS,
        }


def create_projects_api(identity: Identity) -> Api:
    """Resource Manager behind the same front end as the other APIs."""
    return Api(
        name="resource_manager",
        service=SERVICE,
        title="Cloud Resource Manager API",
        host_suffix=SERVICE,
        schemas=_SCHEMAS,
        handlers={_GET: Projects(identity).get_project},
        keys=False,
        server="ESF",
    )
