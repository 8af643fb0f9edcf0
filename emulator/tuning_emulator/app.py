"""The one place where the parts are joined."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tuning_emulator.api.auth import OWNER, create_authenticator
from tuning_emulator.api.dispatch import Dispatcher
from tuning_emulator.api.errors import to_envelope
from tuning_emulator.api.exchange import AsgiApp, Exchange, Receive, Scope, Send
from tuning_emulator.api.router import Router, read_headers, read_host
from tuning_emulator.control.health import Health, describe_health
from tuning_emulator.control.numbering import give_start_numbers
from tuning_emulator.control.state import ServerState, recover
from tuning_emulator.core.as_of import create_calendar
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.ids import Ids
from tuning_emulator.core.job_control import parse_pace
from tuning_emulator.gemini.api import create_gemini_api
from tuning_emulator.gemini.batches import GeminiBatches
from tuning_emulator.gemini.create import load_default_dataset
from tuning_emulator.gemini.jobs import GeminiTuning
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.queue import Queue
from tuning_emulator.jobs.steps import Pipeline
from tuning_emulator.jobs.trainer import Answering
from tuning_emulator.jobs.tuning_api import TuningApis
from tuning_emulator.media.parts import PromptReader
from tuning_emulator.media.reading import MediaReader
from tuning_emulator.middleware.chain import MiddlewareChain
from tuning_emulator.proxy.access import CONTROL_PATH, PAGE_PATHS, Access, is_page, keep_to_site
from tuning_emulator.proxy.gateway import send_answer
from tuning_emulator.proxy.hosts import HOSTS, PassHosts, find_service, format_url
from tuning_emulator.proxy.metadata_server import DEFAULT_TOKEN, TOKEN_PATH, Identity
from tuning_emulator.rest.app import RestApp, create_rest_app
from tuning_emulator.settings import SETTINGS, Settings, SettingsError, format_setting, name_option, name_variable
from tuning_emulator.storage.cloud import CloudObjectStore
from tuning_emulator.storage.hosting import asks_storage
from tuning_emulator.storage.objects import HttpObjectStore, ObjectStore
from tuning_emulator.store.database import StoreError
from tuning_emulator.store.store import Store
from tuning_emulator.trainers import create_trainers
from tuning_emulator.vertex.api import create_vertex_api
from tuning_emulator.vertex.batch_lines import VertexBatches
from tuning_emulator.vertex.jobs import VertexTuning

if TYPE_CHECKING:
    from fastapi import APIRouter

    from tuning_emulator.api.credentials_file import Token
    from tuning_emulator.control.api import Interception
    from tuning_emulator.control.events import Feed
    from tuning_emulator.control.rehearsals import Rehearsals
    from tuning_emulator.control.setup import SettingReport
    from tuning_emulator.grpc.http2 import GrpcProtocol, GrpcServer
    from tuning_emulator.proxy.google import GoogleServices
    from tuning_emulator.storage.embedded import EmbeddedStorage

log = logging.getLogger(__name__)

_JSON = "application/json"
HEALTH_PATH = "/emulator/v1/health"
"""Answered here as well as by the control API, so that waiting for the server does not load FastAPI."""


class Emulator:
    """One emulator: an ASGI application with everything behind it.

    Requests under ``/emulator`` go to the control API, all others to the front end of the two Google APIs.

    Args:
        url: Where clients reach it, for health and for links.
    """

    def __init__(self, settings: Settings, clock: SteerableClock | None = None) -> None:
        self.settings = settings
        self.url = format_url(settings.host, settings.port)
        self._temporary = None if settings.data_dir else Path(tempfile.mkdtemp(prefix="tuning-emulator-"))
        self.directory = (settings.data_dir or self._temporary or Path()).absolute()
        self.store = Store(settings.data_dir)
        recover(self.directory, self.store)
        self.ids = Ids(settings.seed or None, self.store.count_made())
        controls = self.store.controls
        self.clock = clock or SteerableClock(controls.get_clock(), keep=controls.put_clock)
        self.trainers, self.trainer = create_trainers(settings)
        self.storage_address = ""
        """Where its storage is reached, if not at ``url``."""
        self.storage = self._create_storage()
        self.media_reader = MediaReader()
        self.queue, self.answering = self._join_run()
        self.dispatcher = self._join_dispatcher()
        self._rest = RestApp(self.dispatcher)
        self._own = RestApp(self.dispatcher, self._find_storage)
        self.server = self._join_state()
        self._control: AsgiApp | None = None
        self._feed: Feed | None = None
        self._rehearsals: Rehearsals | None = None
        self.failure = ""
        """Why it could not be started, where that is no fault of ours."""
        self._grpc: GrpcServer | None = None

    def _create_storage(self) -> EmbeddedStorage | None:
        """The embedded Cloud Storage, or None when another one is used."""
        settings = self.settings
        if settings.storage != "embedded":
            return None
        from tuning_emulator.storage.embedded import EmbeddedStorage  # and with it a database of its own

        return EmbeddedStorage(
            self.directory / "buckets",
            self.clock.now_ns,
            settings.buckets,
            durable=settings.data_dir is not None,
            auto_create=settings.auto_create_buckets,
            observe=self._observe,
        )

    def _observe(self, exchange: Exchange) -> None:
        self.middleware.on_response(exchange)

    def _join_run(self) -> tuple[Queue, Answering]:
        answering = Answering(self.trainers, self.trainer, self.directory, self.settings.base_models)
        apis: TuningApis = {"gemini": GeminiTuning(self.store), "vertex": VertexTuning(self.store, self.ids)}
        pipeline = Pipeline(
            self.store,
            self.clock,
            apis,
            answering,
            self.directory,
            self.open_objects,
            self.media_reader,
            seed=self.settings.seed,
            pace=parse_pace(self.settings.pace),
        )
        return Queue(pipeline, self.settings.jobs_per_project), answering

    def _join_dispatcher(self) -> Dispatcher:
        settings = self.settings
        try:  # files that a setting names may be unusable
            self.calendar = calendar = create_calendar({name: day.isoformat() for name, day in settings.as_of.items()})
            examples = load_default_dataset(settings.default_dataset)
            authenticator = create_authenticator(settings.credentials, calendar, anonymous=settings.anonymous)
            self.access = Access(settings.allowed_hosts, _list_credentials(settings.credentials), self._list_own_hosts)
        except ValueError as error:
            raise SettingsError(str(error)) from error
        calendar.changed = self.store.revise
        parts = (self.store, self.clock, self.ids, self.queue, self.answering)
        prompt_reader = PromptReader(self.media_reader, self.open_objects)
        backend = Backend(*parts, self.open_objects, prompt_reader, calendar, examples)
        gemini, vertex = create_gemini_api(backend), create_vertex_api(backend)
        self.queue.join_batches(
            {"gemini_batch": GeminiBatches(backend, gemini), "vertex_batch": VertexBatches(backend, vertex)}
        )
        router = Router([gemini, vertex])
        self.middleware = MiddlewareChain(
            router,
            self.clock.now_ns,
            calendar,
            journal_entries=settings.journal_entries,
            logged=settings.log_requests,
        )
        return Dispatcher(router, authenticator, self.middleware)

    def _join_state(self) -> ServerState:
        return ServerState(
            self.directory,
            self.store,
            self.queue,
            self.clock,
            self.ids,
            self.storage,
            self.middleware.faults,
            self.middleware.journal,
            self.answering,
            self.dispatcher.router.apis,
            self._load_start_state if self.settings.import_file or self.settings.scenario else None,
            project_numbers=self.settings.project_numbers,
            calendar=self.calendar,
        )

    async def _load_start_state(self) -> None:
        """Fills the empty emulator with what it is to begin with."""
        from tuning_emulator.control.export import load_start_state

        await load_start_state(self.server, self.settings.import_file, self.settings.scenario)

    def open_objects(self) -> ObjectStore:
        """Cloud Storage as jobs see it: embedded, another emulator, or the real one."""
        if self.storage is not None:
            return self.storage.objects
        url = self.storage_url()
        return HttpObjectStore(url) if url else CloudObjectStore()

    # ------------------------------------------------------------ ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or starts and stops with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif (refusal := self._find_refusal(scope)) is not None:
            await _send_refusal(refusal, scope, send)
        elif scope["path"] == HEALTH_PATH:
            await send_answer(send, 200, _JSON, json.dumps(self.health()))
        elif (scope["path"].startswith(PAGE_PATHS) and is_page(scope["path"])) or _is_visitor(scope):
            await self.page(scope, receive, keep_to_site(send, framed=False))
        elif scope["path"].startswith(CONTROL_PATH):
            await self._get_control()(scope, receive, keep_to_site(send, framed=False))
        elif _asks_metadata(scope):
            await self.google_services.metadata(scope, receive, send)
        elif scope["path"] == TOKEN_PATH:
            await self.google_services.tokens(scope, receive, send)
        else:
            await self._own(scope, receive, send)

    def _find_storage(self, exchange: Exchange) -> AsgiApp | None:
        """The embedded Cloud Storage, for what no other API has on our own address."""
        storage = self.storage
        asked = storage is not None and asks_storage(exchange, storage.has_bucket)
        return self.answer_storage if asked else None

    async def answer_storage(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request that is for the embedded Cloud Storage by its path, its host or its port."""
        assert self.storage is not None
        refusal = self.access.check_host(scope) or self.access.check_storage(scope)
        if refusal is not None:
            await _send_refusal(refusal, scope, send)
        else:
            await self.storage.app(scope, receive, keep_to_site(send))

    def guard(self, app: AsgiApp) -> AsgiApp:
        """An API as it answers under its host's name, through a tunnel, a proxy or TLS: it refuses the same pages."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            refusal = self.access.check_page(scope)
            await (_send_refusal(refusal, scope, send) if refusal is not None else app(scope, receive, send))

        return answer

    def _find_refusal(self, scope: Scope) -> ApiError | None:
        """What is wrong with whoever sends a request to our own address; None: nothing, as nearly always."""
        host, closely = b"", scope["path"].startswith(CONTROL_PATH)
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name in (b"origin", b"sec-fetch-site"):
                closely = True
        return self.access.check(scope) if closely or host not in self.access.good_hosts else None

    @cached_property
    def page(self) -> AsgiApp:
        """The page's files, which are looked for on first use."""
        from tuning_emulator.page.files import PageFiles

        return PageFiles()

    def _get_control(self) -> AsgiApp:
        """The control API, made on first use: FastAPI is a third of the server's start."""
        if self._control is None:
            from tuning_emulator.control.api import create_control

            self._control = create_control(self.health, self._create_routers())
        return self._control

    def _create_routers(self) -> Iterator[APIRouter]:
        from tuning_emulator.control import (
            adapters,
            api,
            as_of,
            base_models,
            buckets,
            datasets,
            events,
            export,
            faults,
            jobs,
            journal,
            metrics,
            projects,
            rehearsal_routes,
            rehearsals,
            reset,
            rules,
            scenarios,
            setup,
            timing,
        )

        self._feed = events.Feed(self.store, self.middleware.journal, self.queue.pacing.apis)
        self._rehearsals = self.server.rehearsals = rehearsals.Rehearsals(self.directory)
        self._rehearsals.watch = self._feed.on_rehearsal
        yield events.create_router(self._feed)
        yield adapters.create_router(self.store, self.directory)
        yield timing.create_clock_router(self.clock, self.store.controls, self.queue.pacing)
        yield timing.create_pace_router(self.queue.pacing)
        yield base_models.create_router(self.answering)
        yield faults.create_job_fault_router(self.store.controls)
        yield jobs.create_router(self.store, self.queue)
        yield datasets.create_router(self.store, self.open_objects, self.calendar, self._rehearsals)
        yield rehearsal_routes.create_router(self._rehearsals, self.open_objects, self.answering, self.settings.device)
        yield buckets.create_router(self.storage, self.storage_url)
        yield as_of.create_router(self.calendar)
        yield rules.create_router()
        yield setup.create_router(self.health, self.directory, self._describe_settings)
        yield faults.create_router(self.middleware.faults)
        yield projects.create_router(self.server)
        yield reset.create_router(self.server)
        yield export.create_router(self.server)
        yield scenarios.create_router(self.server)
        reporter = journal.Reporter(self.middleware.near_misses, self._read_message)
        yield journal.create_router(self.middleware.journal, reporter)
        yield metrics.create_router(self.middleware, self.store, self.queue.retries, self._describe_runner)
        yield api.create_certificate_router(lambda: self.google_services.authority.certificate)
        yield api.create_interception_router(self._describe_interception())

    def _describe_settings(self) -> list[SettingReport]:
        return [
            {
                "name": name,
                "variable": name_variable(name),
                "option": name_option(name),
                "value": format_setting(value := getattr(self.settings, name)),
                "changed": value != row.parse(row.default),
                "help": row.help,
            }
            for name, row in SETTINGS.items()
        ]

    def _list_own_hosts(self) -> tuple[str, ...]:
        return self.settings.host.lower(), urlsplit(self.url).hostname or "", socket.gethostname().lower()

    # ------------------------------------------------------------ gRPC

    def create_grpc_protocol(self) -> GrpcProtocol:
        """The protocol of one HTTP/2 connection, plain or inside TLS, on which gRPC calls the same methods."""
        if self._grpc is None:
            from tuning_emulator.grpc.http2 import GrpcServer  # h2 is a seventh of the server's start
            from tuning_emulator.grpc.reflection import create_reflection_api

            dispatcher = self.dispatcher
            stored = self.storage.grpc_apis if self.storage is not None else ()
            apis = [*dispatcher.router.apis, self.google_services.projects, *stored]
            router = Router([*apis, create_reflection_api(apis)])
            self._grpc = GrpcServer(Dispatcher(router, dispatcher.authenticator, dispatcher.middleware))
        return self._grpc.create_protocol()

    def _read_message(self, data: bytes, message: str) -> Any:
        """An answer over gRPC as JSON: gRPC has APIs that REST serves by their host alone."""
        dispatcher = self.dispatcher if self._grpc is None else self._grpc.calls.dispatcher
        return dispatcher.read_message(data, message)

    # ------------------------------------------------------------ what surrounds the APIs

    @cached_property
    def google_services(self) -> GoogleServices:
        """TLS and Google's other services, under their own names too; an idle server never makes them."""
        from tuning_emulator.proxy.gateway import StorageGate
        from tuning_emulator.proxy.google import GoogleServices

        return GoogleServices(
            identity=create_identity(self.settings),
            directory=self.directory / "tls",
            host=self.settings.host,
            apis=self.guard(self._rest),
            own=self,
            serve=lambda api: self.guard(create_rest_app([api], self.dispatcher.authenticator)),
            storage=self.answer_storage if self.storage is not None else StorageGate(self.storage_url()),
            passes=self.create_passes(),
            now_ns=self.clock.now_ns,
        )

    def _describe_interception(self) -> Interception:
        identity = self.google_services.identity
        return {
            "hosts": list(HOSTS),
            "pass_hosts": list(self.settings.pass_hosts),
            "account": identity.email,
            "project": identity.project,
            "token": identity.token,
        }

    def create_passes(self) -> PassHosts:
        """Hosts that clients may reach through the emulator, its own among them."""
        ports = [urlsplit(url).port for url in (self.url, self.storage_url(), self.storage_address) if url]
        names = ("localhost", "127.0.0.1", "::1", self.settings.host)
        return PassHosts(self.settings.pass_hosts, [(name, port) for name in names for port in ports if port])

    # ------------------------------------------------------------ life

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            if isinstance(error, (ValueError, OSError, StoreError, sqlite3.Error)):  # of a file that a setting names
                self.failure = str(error)
            else:
                log.exception("the emulator cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Opens storage, takes up unfinished jobs, warms the trainer up."""
        if self.storage is not None:
            await asyncio.to_thread(self.storage.fill)
        give_start_numbers(self.server)
        await self.trainers[self.trainer].start()
        await self.queue.start()
        if self.server.load_start_state is not None:
            if self.store.list_projects():
                log.warning("scenario, import: not loaded, for the data directory is not empty")
            else:
                await self.server.load_start_state()

    async def end_calls(self, grace_s: float = 0.0) -> None:
        """Ends the streams of events; lets gRPC calls under way end for a while, then ends them."""
        if self._feed is not None:
            self._feed.close()
        if self._grpc is not None:
            await self._grpc.stop(grace_s)

    async def stop(self) -> None:
        """Ends what was started. Running jobs stay RUNNING in the data directory and are resumed next time."""
        await self.end_calls()
        if self._rehearsals is not None:
            await self._rehearsals.close()
        if self.settings.export_on_exit is not None:
            from tuning_emulator.control.export import export_on_exit_to

            await export_on_exit_to(self.server, self.settings.export_on_exit)
        await asyncio.gather(self.queue.stop(), *(trainer.stop() for trainer in self.trainers.values()))
        await self.server.finish()
        await asyncio.to_thread(self.media_reader.close)
        if self.storage is not None:
            self.storage.close()
        self.store.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def health(self) -> Health:
        """What runs here."""
        return describe_health(
            self.url,
            trainer=self.trainers[self.trainer].health,
            storage=lambda: {"embedded": self.storage is not None, "url": self.storage_url()},
            data_dir=str(self.settings.data_dir) if self.settings.data_dir else None,
            base_models=self.answering.list_weights(),
        )

    def _describe_runner(self) -> Mapping[str, Any]:
        """What the runner of the trainer last said of its cluster; nothing where there is none."""
        runner = self.trainers[self.trainer].health().get("runner", {})
        return runner if isinstance(runner, dict) else {}

    def storage_url(self) -> str:
        """Base URL of the storage emulator in use; "" for the real Cloud Storage."""
        if self.storage is not None:
            return self.storage_address or self.url
        return "" if self.settings.storage == "cloud" else self.settings.storage


def create_app(settings: Settings | None = None, clock: SteerableClock | None = None) -> Emulator:
    """Builds an emulator; nothing runs until the ASGI server starts it.

    Raises:
        SettingsError: a setting cannot be met here.
        StoreError: the data directory cannot be used.
    """
    return Emulator(settings or Settings(), clock)


def create_identity(settings: Settings) -> Identity:
    """The account of clients without credentials: the first in the credentials file that has a token."""
    tokens: tuple[Token, ...] = ()
    if settings.credentials is not None:
        from tuning_emulator.api.credentials_file import parse_credentials  # rarely wanted

        tokens = parse_credentials(settings.credentials).tokens
    first = tokens[0] if tokens else None
    return Identity(
        email=first.principal if first else OWNER,
        project=settings.project,
        token=first.token if first else DEFAULT_TOKEN,
        tokens={one.principal: one.token for one in reversed(tokens)},
    )


def _asks_metadata(scope: Scope) -> bool:
    """Whether this is for the metadata server, which shares our address: its paths, and how clients look for it."""
    path = scope["path"]
    if path == "/":
        return (b"metadata-flavor", b"Google") in scope["headers"]
    return bool(path.startswith("/computeMetadata"))


def _is_visitor(scope: Scope) -> bool:
    """Whether a browser opens our own address alone; API clients want the page of the services there."""
    if scope["path"] != "/" or scope["method"] not in ("GET", "HEAD"):
        return False
    headers = read_headers(scope["headers"])
    return "text/html" in headers.get("accept", "") and find_service(read_host(headers)) is None


def _list_credentials(file: Path | None) -> frozenset[str] | None:
    if file is None:
        return None
    from tuning_emulator.api.credentials_file import list_credentials  # rarely wanted

    return list_credentials(file)


async def _send_refusal(refusal: ApiError, scope: Scope, send: Send) -> None:
    """Says what is wrong with whoever asks, to them and in the log: a page of another site cannot read it."""
    log.warning("%s %s refused: %s", scope["method"], scope["path"], refusal.message)
    own = scope["path"].startswith(CONTROL_PATH)
    value = {"detail": refusal.message} if own else to_envelope(refusal)
    await send_answer(send, refusal.code.http_status, _JSON, json.dumps(value))
