"""Where tuned models live: most in the region of their job, the newest in a multi-region."""

from __future__ import annotations

from emulator.facts.fact import Fact

_PAGE = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning (2026-09-25)"

MULTI_REGION_FAMILIES = Fact("multi_region_families", ("gemini-3.", "gemini-3-"), _PAGE, "documented")
"""Base models whose tuned models are served from a multi-region only."""

MULTI_REGIONS = Fact("multi_regions", ("us-:us", "europe-:eu"), _PAGE, "documented")
"""Prefix of a job's region, and the multi-region that its tuned model is in."""


def home_location(base_model: str, location: str) -> str:
    """Location of the model and the endpoints that a job in ``location`` makes."""
    families = MULTI_REGION_FAMILIES.value
    if isinstance(families, tuple) and base_model.startswith(families):
        for pair in MULTI_REGIONS.value if isinstance(MULTI_REGIONS.value, tuple) else ():
            prefix, _, home = pair.partition(":")
            if location.startswith(prefix):
                return home
    return location
