"""Services that every client of a Google API carries, as far as Vertex AI answers them: locations and IAM policies.

No policy decides anything here: everybody may do what is asked about, and there is none to set (``setIamPolicy`` has no
handler).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.limits import NO_POLICY_ETAG, REGIONS, WIDER_LOCATIONS
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.convert import refuse_name
from tuning_emulator.vertex.listing import list_all

LOCATIONS = tuple(sorted((*REGIONS.value, *WIDER_LOCATIONS.value)))
_LOCATION = re.compile(r"projects/[^/]+/locations/([^/]+)")


class Locations:
    """``google.cloud.location.Locations``. Names are as asked: with the project's id or its number (assumed)."""

    def list_locations(self, call: Call) -> Value:
        """Every location, or those that a filter keeps."""
        parent = call.request["name"]
        if re.fullmatch(r"projects/[^/]+", parent) is None:
            raise refuse_name(parent, "projects/{project}")
        values = [format_location(f"{parent}/locations/{location}", location) for location in LOCATIONS]
        return list_all(call, values, "locations", "google.cloud.location.Location")

    def get_location(self, call: Call) -> Value:
        """One location."""
        name = call.request["name"]
        match = _LOCATION.fullmatch(name)
        if match is None:
            raise refuse_name(name, "projects/{project}/locations/{location}")
        if match[1] not in LOCATIONS:
            raise vertex_errors.LOCATION_UNKNOWN(location=match[1])
        return format_location(name, match[1])


def format_location(name: str, location: str) -> Value:
    """A location; the multi-regions and ``global`` are no region's."""
    labels = {"cloud.googleapis.com/region": location} if location in REGIONS.value else {}
    return {"name": name, "location_id": location, "labels": labels}


class Policies:
    """``google.iam.v1.IAMPolicy`` for models and endpoints.

    Args:
        getters: How a resource of a collection is read; what cannot be read has no policy.
    """

    def __init__(self, getters: Mapping[str, Callable[[Call], Value]]) -> None:
        self._getters = getters

    def get_iam_policy(self, call: Call) -> Value:
        """The policy of a resource that has none."""
        self._require(call)
        version = call.request.get("options", {}).get("requested_policy_version", 0)
        if version not in (0, 1, 3):
            raise vertex_errors.POLICY_VERSION_INVALID(version=version)
        return {"etag": base64.b64decode(NO_POLICY_ETAG.value)}

    def test_iam_permissions(self, call: Call) -> Value:
        """All permissions that are asked about; none of a resource that does not exist."""
        permissions: list[str] = call.request.get("permissions", [])
        for permission in permissions:
            if "*" in permission:
                raise vertex_errors.PERMISSION_INVALID(permission=permission)
        try:
            self._require(call)
        except ApiError as error:
            if error.code is not Code.NOT_FOUND:
                raise
            return {}
        return {"permissions": permissions}

    def _require(self, call: Call) -> None:
        """Raises ApiError, NOT_FOUND, where the resource is not there."""
        name = str(call.request["resource"])
        collection = name.rpartition("/")[0].rpartition("/")[2]
        if collection not in self._getters:
            raise refuse_name(name, "projects/{project}/locations/{location}/models/{id}")
        self._getters[collection](replace(call, request={"name": name}))
