"""Requests at random to every route, transport and framing: nothing breaks, nothing refused leaves a trace.

What is checked with every request: no answer is a 500 or names anything inside; none takes 5 seconds; what was refused
has written nothing, into no table and no file. With every round: no traceback in the log, the server lives, and its
memory is bounded.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from campaigns import CampaignError
from campaigns.fuzzing.client import LIMIT_S, Client, HangError, Reply, Request, send_raw
from campaigns.fuzzing.control import Control
from campaigns.fuzzing.frames import Wrong, make_http1, make_http2
from campaigns.fuzzing.grpc_calls import GrpcCaller, make_call
from campaigns.fuzzing.population import PopulationError, Populator
from campaigns.fuzzing.rest import make_bomb, make_rest
from campaigns.fuzzing.stored import make_stored
from campaigns.fuzzing.watch import Faults, Log, Store, check_reply, check_words, find_difference, read_memory_mib
from tuning_emulator.core.errors import ErrorText
from tuning_emulator.facts import google_errors
from tuning_emulator.testing.process import RunningEmulator, start_emulator

ROUND = 400
"""Requests between two imports of the same state."""

KINDS = {"rest": 40, "storage": 18, "control": 14, "grpc": 18, "http1": 6, "http2": 4}
"""What is sent, and how many of a hundred."""

CANCELLED = 499
"""What Cloud Storage answers when it has done as it was told: an upload is cancelled."""

S = TypeVar("S")
A = TypeVar("A")

QUIET_S = 0.02
"""How long bytes that may be the beginning of something are left without an answer."""

PATIENCE_S = 60.0
"""With what is no part of the measure: the machine may be busy."""

SLOW_S = 2.0
"""What takes longer is shown."""

MOST_MIB = 400.0
"""Of the server, at any time."""

GROWTH_MIB = 96.0
"""How much the second half of a run may grow over the first: what is kept (journal, caches) is full by then."""

UNSETTLED = 10
"""Requests after one that lets jobs run: they write when they like, so that nobody is held to have changed anything."""

FRAMING = re.compile(
    "|".join(
        re.sub(r"\\{\w+\\}", ".*", re.escape(row.text))
        for name, row in vars(google_errors).items()
        if name.startswith("GRPC_") and isinstance(row, ErrorText)
    ),
    re.DOTALL,
)
"""What INTERNAL means over gRPC beside a fault: the client's framing is wrong."""

_HEALTH = Request("own", "GET", "/emulator/v1/health")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""
    parser.add_argument("--requests", type=int, default=200_000, help="how many are sent (200,000)")


def run(options: argparse.Namespace) -> str:
    """See ``campaigns``."""
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        start_emulator(trainer="scripted", data_dir=folder, seed=1, log_requests="none") as running,
    ):
        fuzzer = Fuzzer(running, Path(folder), options.seed)
        try:
            while fuzzer.sent.total() < options.requests and not options.deadline.passed:
                fuzzer.run_round(min(ROUND, options.requests - fuzzer.sent.total()))
            return fuzzer.finish()
        finally:
            fuzzer.close()


class Fuzzer:
    """One server, and all that is sent to it."""

    def __init__(self, running: RunningEmulator, directory: Path, seed: int) -> None:
        assert running.log is not None
        port = urlsplit(running.url).port
        assert port is not None
        self._running, self._port, self._chosen = running, port, random.Random(seed)
        self._client, self._grpc, self._log = Client(port), GrpcCaller(port), Log(running.log)
        self._own = (str(directory).encode(), str(Path(__file__).parents[1]).encode())
        self._populator = Populator(Client(port, PATIENCE_S))
        self._population = self._populator.populate()
        self._control = Control(self._populator.send("GET", "/emulator/openapi.json"))
        self._store = Store(directory)
        self._dump: dict[str, bytes] = {}
        self._faults = Faults()
        self._memory_mib: list[float] = []
        self._slowest_s = 0.0
        self._unsettled = 0
        self.sent: Counter[str] = Counter()
        self.refused = 0
        self.repeated = 0
        self._kinds: dict[str, Callable[[], object]] = {
            "rest": self._send_rest,
            "storage": lambda: self._send(make_stored(self._chosen, self._population)),
            "control": self._send_control,
            "grpc": self._send_grpc,
            "http1": lambda: self._send_wrong(make_http1(self._chosen)),
            "http2": lambda: self._send_wrong(make_http2(self._chosen)),
        }

    def close(self) -> None:
        """Closes every connection."""
        self._client.close()
        self._populator.close()
        self._grpc.close()
        self._store.close()

    def run_round(self, requests: int) -> None:
        """The same state again, then that many requests.

        Raises:
            CampaignError: the server is gone.
        """
        try:
            self._restore()
            for _ in range(requests):
                (kind,) = self._chosen.choices(list(KINDS), list(KINDS.values()))
                self._kinds[kind]()
                self.sent[kind] += 1
        except (OSError, PopulationError) as error:
            last = self._log.read_wrong().decode("utf-8", "replace")
            raise CampaignError(f"the server is gone or does not come back to its state: {error}\n{last}") from error
        if wrong := self._log.read_wrong():
            text = wrong.decode("utf-8", "replace")
            self._faults.add("traceback", text.strip().splitlines()[-1][:120], text)
        self._memory_mib.append(read_memory_mib(self._running.pid))

    def finish(self) -> str:
        """The figures.

        Raises:
            CampaignError: something was found.
        """
        half = len(self._memory_mib) // 2
        early, late = max(self._memory_mib[: half or 1]), max(self._memory_mib[half:])
        if late > MOST_MIB or late - early > GROWTH_MIB:
            self._faults.add("memory", "server", f"{early:.0f} MiB at most in the first half, {late:.0f} in the second")
        alive = self._client.ask(_HEALTH).status == 200
        if self._faults.found or not alive:
            raise CampaignError(f"alive: {alive}; {self._faults.format()}")
        kinds = ", ".join(f"{name} {number:,}" for name, number in sorted(self.sent.items()))
        memory = self._memory_mib
        return (
            f"{self.sent.total():,} requests ({kinds}), {self.refused:,} refused and looked after: 0 answers of 500, "
            f"0 tracebacks, 0 over {LIMIT_S:.0f} s (slowest {self._slowest_s:.2f} s, {self.repeated} asked twice), "
            f"0 changes by what was refused, 0 inner texts; server alive, "
            f"{memory[0]:.0f} MiB at first, {max(memory):.0f} at most, {memory[-1]:.0f} at the end"
        )

    # ------------------------------------------------------------ one request

    def _restore(self) -> None:
        """Everything as it was populated, and no fault in force."""
        self._populator.send("DELETE", "/emulator/v1/faults")
        self._populator.restore(self._population)
        self._population.told.clear()
        self._unsettled = 0
        self._store.reopen()
        self._dump = self._store.dump()

    def _send_rest(self) -> None:
        bomb = self._chosen.random() < 0.0005
        self._send(make_bomb() if bomb else make_rest(self._chosen, self._population))

    def _send_control(self) -> None:
        request = self._control.make(self._chosen, self._population)
        reply = self._send(request)
        if reply.status >= 400 or request.verb == "GET":
            return
        self._populator.send("DELETE", "/emulator/v1/faults")  # else the others fail as they are told
        self._unsettled = UNSETTLED

    def _send(self, request: Request) -> Reply:
        place = f"{request.verb} {_shorten(request.target)}"
        reply = self._insist(self._client.ask, request, place) or Reply(0, took_s=LIMIT_S)
        self._note_time(reply.took_s, request)
        check_reply(self._faults, reply, request, place, self._own)
        if reply.status == 0:
            self._faults.add("no answer", place, str(request))
        self._look(reply.status >= 400 and reply.status != CANCELLED, place, request)
        if reply.status < 300:
            self._population.learn(reply.body)
        if session := reply.headers.get("location", "").partition("upload_id=")[2]:
            self._population.told.append(unquote(session.partition("&")[0]))
        return reply

    def _send_grpc(self) -> None:
        call = make_call(self._chosen, self._population)
        answered = self._insist(self._grpc.ask, call, call.path)
        if answered is None:
            return
        if answered.status in ("2", "13") and not FRAMING.fullmatch(unquote(answered.text)):
            self._faults.add(f"grpc-status {answered.status}", call.path, f"{call} -> {answered.text}")
        words = (answered.text + answered.trailers.get("grpc-status-details-bin", "")).encode("utf-8", "replace")
        check_words(self._faults, words, call, call.path, self._own)
        self._look(answered.status != "0", call.path, call)

    def _send_wrong(self, wrong: Wrong) -> None:
        heard, closed = send_raw(self._port, wrong.pieces, first_s=LIMIT_S if wrong.whole else QUIET_S, quiet_s=QUIET_S)
        place = f"{wrong.group} {wrong.label}"
        sent = b"".join(wrong.pieces)[:1500]
        if wrong.whole and not heard and not closed:
            self._faults.add("hang", place, repr(sent))
        check_words(self._faults, heard, sent, place, ())  # health may say where the data lies
        if b" 500 " in heard.partition(b"\r\n")[0]:
            self._faults.add("status 500", place, f"{sent!r} -> {heard[:400]!r}")
        reply = self._insist(self._client.ask, _HEALTH, place)
        self._note_time(reply.took_s if reply else LIMIT_S, sent)
        self._look(False, place, sent)

    def _insist(self, ask: Callable[[S], A], sent: S, place: str) -> A | None:
        """Asks a second time what took too long: the machine may have been busy with others. None: it did again."""
        try:
            return ask(sent)
        except HangError:
            self.repeated += 1
        try:
            return ask(sent)
        except HangError as error:
            self._faults.add("hang", place, str(error))
        return None

    def _note_time(self, took_s: float, sent: object) -> None:
        if took_s > SLOW_S:
            print(f"slow: {took_s:.1f} s {str(sent)[:300]}", file=sys.stderr, flush=True)
        self._slowest_s = max(self._slowest_s, took_s)

    def _look(self, refused: bool, place: str, sent: object) -> None:
        """What is stored may have changed if the request was not refused."""
        if self._unsettled:
            self._unsettled -= 1
            if not self._unsettled:
                self._restore()
            return
        self.refused += refused
        if not self._store.is_written():
            return
        dump = self._store.dump()
        if refused and (difference := find_difference(self._dump, dump)):
            self._faults.add("changed by what was refused", place, f"{sent}\n    {difference}")
        self._dump = dump


def _shorten(target: str) -> str:
    """A route, nearly: what stands for names is left out."""
    path = target.partition("?")[0]
    words = [one if one.isalpha() or one in ("v1", "v1beta", "v1beta1") else "*" for one in path.split("/")[1:8]]
    action: Any = path.rpartition(":")[2] if ":" in path else ""
    return "/" + "/".join(words) + (f":{action}" if action else "")
