"""What a PATCH changes."""

from __future__ import annotations

from emulator.facts import vertex_resource_errors as resource_errors
from emulator.protocol.call import Call
from emulator.protocol.masks import MaskError, check_mask, split_path
from emulator.schema.declare import Value
from emulator.vertex.refusals import refuse

MAPS = ("labels", "traffic_split")
"""Fields whose zero is an empty map; that of the others is an empty text."""


def read_changes(call: Call, field: str, changeable: tuple[str, ...]) -> Value:
    """The changeable fields that a PATCH sets, with their new values (a zero where the body leaves one out).

    With a mask: those it names; ``*`` names all. Without: those that the body carries. Other fields of the message
    are ignored, as output-only ones are.

    Raises:
        ApiError: INVALID_ARGUMENT, the mask names what the message has not.
    """
    sent: Value = call.request.get(field, {})
    mask = call.request.get("update_mask")
    if not mask:
        return {name: sent[name] for name in changeable if name in sent}
    message = call.schema.message(field[:1].upper() + field[1:])
    try:
        check_mask(mask, message, call.schema.messages)
    except MaskError as error:
        raise refuse(resource_errors.MASK_UNKNOWN_FIELD, path=error) from error
    heads = {split_path(path)[0] for path in mask}
    names = changeable if "*" in heads else tuple(name for name in changeable if name in heads)
    return {name: sent.get(name, {} if name in MAPS else "") for name in names}
