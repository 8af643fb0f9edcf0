"""The certificate that clients have to trust for TLS."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Response

PEM_TYPE = "application/x-pem-file"


def create_router(read_certificate: Callable[[], bytes]) -> APIRouter:
    """The route of ``ca.pem``.

    Args:
        read_certificate: The authority's certificate, PEM. Raises OSError when its files cannot be used.
    """
    router = APIRouter(tags=["tls"])

    @router.get("/emulator/v1/ca.pem", summary="The certificate authority's certificate", response_class=Response)
    async def get_certificate() -> Response:
        try:
            return Response(read_certificate(), media_type=PEM_TYPE)
        except OSError as error:
            raise HTTPException(500, str(error)) from error

    return router
