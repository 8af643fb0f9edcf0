"""The Gemini API's wire messages, one module per subject.

Every version (v1, v1beta, v1alpha) is declared alike, as the union of what the versions have: clients
use all three for tuning, although the real v1 never had ``tunedModels``.
"""

from __future__ import annotations

from tuning_emulator.gemini.messages import content, generation, grounding, models, permissions, text, tools, tuning
from tuning_emulator.schema.schema import Enum, Message

MESSAGES: tuple[Message, ...] = (
    *models.MESSAGES,
    *tuning.MESSAGES,
    *permissions.MESSAGES,
    *content.MESSAGES,
    *tools.MESSAGES,
    *generation.MESSAGES,
    *grounding.MESSAGES,
    *text.MESSAGES,
)

ENUMS: tuple[Enum, ...] = (
    *tuning.ENUMS,
    *permissions.ENUMS,
    *content.ENUMS,
    *tools.ENUMS,
    *generation.ENUMS,
    *grounding.ENUMS,
    *text.ENUMS,
)
