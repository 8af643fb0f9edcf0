"""Who may use, edit and own a tuned model.

Source: https://github.com/googleapis/googleapis google/ai/generativelanguage/v1beta
permission.proto and permission_service.proto.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import (
    IDENTIFIER,
    IMMUTABLE,
    OPTIONAL,
    OUTPUT_ONLY,
    PRESENCE,
    REQUIRED,
    Enum,
    Message,
    enum,
    f,
    message,
    repeated,
)

MESSAGES: tuple[Message, ...] = (
    message(
        "CreatePermissionRequest",
        f(1, "parent", "string", REQUIRED),
        f(2, "permission", "Permission", REQUIRED),
    ),
    message(
        "Permission",
        f(1, "name", "string", OUTPUT_ONLY | IDENTIFIER),
        f(2, "grantee_type", "Permission.GranteeType", OPTIONAL | IMMUTABLE | PRESENCE),
        f(3, "email_address", "string", OPTIONAL | IMMUTABLE | PRESENCE),
        f(4, "role", "Permission.Role", REQUIRED | PRESENCE),
    ),
    message("GetPermissionRequest", f(1, "name", "string", REQUIRED)),
    message(
        "ListPermissionsRequest",
        f(1, "parent", "string", REQUIRED),
        f(2, "page_size", "int32", OPTIONAL),
        f(3, "page_token", "string", OPTIONAL),
    ),
    message(
        "ListPermissionsResponse",
        repeated(1, "permissions", "Permission"),
        f(2, "next_page_token", "string"),
    ),
    message(
        "UpdatePermissionRequest",
        f(1, "permission", "Permission", REQUIRED),
        f(2, "update_mask", "google.protobuf.FieldMask", REQUIRED),
    ),
    message("DeletePermissionRequest", f(1, "name", "string", REQUIRED)),
    message(
        "TransferOwnershipRequest",
        f(1, "name", "string", REQUIRED),
        f(2, "email_address", "string", REQUIRED),
    ),
    message("TransferOwnershipResponse"),
)

ENUMS: tuple[Enum, ...] = (
    enum("Permission.Role", "ROLE_UNSPECIFIED", "OWNER", "WRITER", "READER"),
    enum("Permission.GranteeType", "GRANTEE_TYPE_UNSPECIFIED", "USER", "GROUP", "EVERYONE"),
)
