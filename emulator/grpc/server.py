"""All gRPC connections of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from emulator.grpc.calls import Calls
from emulator.grpc.connection import GrpcProtocol
from emulator.protocol.backstage import Backstage
from emulator.protocol.call import Api
from emulator.protocol.credentials import Authenticator

GRACE_S = 5.0
"""How long open calls may take once the server is told to stop."""


class GrpcServer:
    """Makes the protocol of each connection, and ends them together."""

    def __init__(self, apis: Sequence[Api], authenticator: Authenticator, backstage: Backstage | None = None) -> None:
        self.calls = Calls(apis, authenticator, backstage)
        self._open: set[GrpcProtocol] = set()

    def create_protocol(self) -> GrpcProtocol:
        """The protocol of one more connection."""
        return GrpcProtocol(self.calls, self._open)

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Tells the clients, waits until what they have asked is answered, and ends what is left then."""
        for protocol in list(self._open):
            protocol.shutdown()
        waiting = [asyncio.ensure_future(protocol.gone.wait()) for protocol in self._open]
        if waiting:
            await asyncio.wait(waiting, timeout=grace_s)
        for protocol in list(self._open):
            protocol.abort()
