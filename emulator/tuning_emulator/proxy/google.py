"""What Google has around the two APIs: TLS, the metadata server, tokens, projects, and all of it under its own names.

Made when a client first needs any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tuning_emulator.api.call import Api
from tuning_emulator.proxy.gateway import AsgiApp, Gateway
from tuning_emulator.proxy.hosts import PassHosts, Service
from tuning_emulator.proxy.metadata_server import Identity, MetadataServer
from tuning_emulator.proxy.oauth import TokenServer
from tuning_emulator.proxy.resource_manager import create_projects_api

if TYPE_CHECKING:
    from tuning_emulator.proxy.certificates import Authority


@dataclass
class GoogleServices:
    """All of it for one emulator.

    Attributes:
        identity: Who clients without credentials of their own are.
        directory: Where the certificate authority is kept.
        host: The address that the emulator listens on.
        apis: Answers for the Gemini API and Vertex AI. own: Answers everything on the emulator's own address.
        serve: Makes an application of one API. storage: Answers for Cloud Storage.
        passes: Hosts that are let through. now_ns: The emulator's clock.
    """

    identity: Identity
    directory: Path
    host: str
    apis: AsgiApp
    own: AsgiApp
    serve: Callable[[Api], AsgiApp]
    storage: AsgiApp
    passes: PassHosts
    now_ns: Callable[[], int]

    @cached_property
    def authority(self) -> Authority:
        """The certificate authority.

        Raises:
            AuthorityError: its files cannot be used.
        """
        from tuning_emulator.proxy.certificates import Authority  # 10 MiB that plain HTTP and gRPC do without

        return Authority(self.directory, [self.host])

    @cached_property
    def metadata(self) -> MetadataServer:
        """The metadata server, also at the emulator's own address."""
        return MetadataServer(self.identity)

    @cached_property
    def projects(self) -> Api:
        """Resource Manager."""
        return create_projects_api(self.identity)

    @cached_property
    def gateway(self) -> Gateway:
        """Every service under its own host names."""
        services: dict[Service, AsgiApp] = {
            Service.APIS: self.apis,
            Service.STORAGE: self.storage,
            Service.TOKENS: TokenServer(self.identity, self.now_ns),
            Service.PROJECTS: self.serve(self.projects),
            Service.METADATA: self.metadata,
        }
        return Gateway(services, self.own, self.passes)
