"""Vertex AI's wire messages, one module per subject, declared once for v1 and v1beta1."""

from __future__ import annotations

from tuning_emulator.schema.schema import Enum, Message
from tuning_emulator.vertex.messages import (
    configuration,
    content,
    endpoints,
    evaluation,
    experiments,
    explanation,
    generation,
    grounding,
    models,
    operations,
    publishers,
    reinforcement,
    retrieval,
    specs,
    statistics,
    tools,
    tuning,
)

MESSAGES: tuple[Message, ...] = (
    *tuning.MESSAGES,
    *specs.MESSAGES,
    *reinforcement.MESSAGES,
    *statistics.MESSAGES,
    *evaluation.MESSAGES,
    *content.MESSAGES,
    *configuration.MESSAGES,
    *generation.MESSAGES,
    *grounding.MESSAGES,
    *tools.MESSAGES,
    *retrieval.MESSAGES,
    *models.MESSAGES,
    *explanation.MESSAGES,
    *endpoints.MESSAGES,
    *experiments.MESSAGES,
    *publishers.MESSAGES,
    *operations.MESSAGES,
)

ENUMS: tuple[Enum, ...] = (
    *tuning.ENUMS,
    *specs.ENUMS,
    *reinforcement.ENUMS,
    *evaluation.ENUMS,
    *content.ENUMS,
    *configuration.ENUMS,
    *generation.ENUMS,
    *grounding.ENUMS,
    *tools.ENUMS,
    *retrieval.ENUMS,
    *models.ENUMS,
    *explanation.ENUMS,
    *endpoints.ENUMS,
    *experiments.ENUMS,
    *publishers.ENUMS,
)
