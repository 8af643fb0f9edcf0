"""Resource Manager, ``cloudresourcemanager.googleapis.com``: the one method that clients of Vertex AI call, GetProject.

Any project exists. Sources: googleapis google/cloud/resourcemanager/v3/projects.proto; for v1
cloud.google.com/resource-manager/reference/rest/v1/projects/get.
"""

from __future__ import annotations

from tuning_emulator.api.call import Api, Call
from tuning_emulator.core.ids import project_number
from tuning_emulator.facts import google_errors
from tuning_emulator.proxy.metadata_server import Identity
from tuning_emulator.schema.schema import HttpRule, Method, Schema, Value, build_schemas, enum, f, mapped, message

SERVICE = "cloudresourcemanager.googleapis.com"
_CREATED_NS = 1_704_067_200_000_000_000  # a day before all jobs: 2024-01-01

_GET = "Projects.GetProject"
_V3 = build_schemas(
    "google.cloud.resourcemanager",
    ("v3",),
    (
        message("GetProjectRequest", f(1, "name", "string")),
        message(
            "Project",
            f(1, "name", "string"),
            f(2, "parent", "string"),
            f(3, "project_id", "string"),
            f(4, "state", "Project.State"),
            f(5, "display_name", "string"),
            f(6, "create_time", "google.protobuf.Timestamp"),
            f(7, "update_time", "google.protobuf.Timestamp"),
            f(8, "delete_time", "google.protobuf.Timestamp"),
            f(9, "etag", "string"),
            mapped(10, "labels", "string", "string"),
        ),
    ),
    (enum("Project.State", "STATE_UNSPECIFIED", "ACTIVE", "DELETE_REQUESTED"),),
    (Method(_GET, "GetProjectRequest", "Project", (HttpRule("GET", "/{name=projects/*}"),)),),
)
_V1 = build_schemas(
    "google.cloudresourcemanager",
    ("v1",),
    (
        message("GetProjectRequest", f(1, "project_id", "string")),
        message(
            "Project",
            f(1, "project_number", "int64"),
            f(2, "project_id", "string"),
            f(3, "lifecycle_state", "LifecycleState"),
            f(4, "name", "string"),
            f(5, "create_time", "google.protobuf.Timestamp"),
            mapped(6, "labels", "string", "string"),
        ),
    ),
    (enum("LifecycleState", "LIFECYCLE_STATE_UNSPECIFIED", "ACTIVE", "DELETE_REQUESTED", "DELETE_IN_PROGRESS"),),
    (Method(_GET, "GetProjectRequest", "Project", (HttpRule("GET", "/projects/{project_id}"),)),),
)
_SCHEMAS: dict[str, Schema] = {**_V3, **_V1}


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
