"""``tuning-emulator exec -- COMMAND``: runs a program, unchanged, with the emulator in place of Google."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from tuning_emulator.cli import serve
from tuning_emulator.proxy.certificates import BUNDLE_VARIABLES, write_bundle
from tuning_emulator.proxy.hosts import find_service
from tuning_emulator.settings import format_options, name_variable
from tuning_emulator.testing.client import (
    TOKEN_VARIABLE,
    Control,
    ControlError,
    NoAnswerError,
    answering,
    send_request,
)
from tuning_emulator.testing.process import StartError, run_server

_ANSWER_S = 10.0
_FORWARDED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
_FROM_TERMINAL = (signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT))


class ExecError(Exception):
    """The program cannot be run; the text says why, ``status`` is what a shell would answer."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of ``serve``, for the emulator that is started, and the program to run."""
    parser.usage = "tuning-emulator exec [--url URL | options of serve] [--base-urls] -- COMMAND…"
    serve.add_settings(parser)
    parser.add_argument("--url", help="use the emulator that runs here instead of starting one")
    parser.add_argument(
        "--base-urls", action="store_true", help="set GOOGLE_GEMINI_BASE_URL and GOOGLE_VERTEX_BASE_URL too"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="the program and its arguments")


def run(parsed: argparse.Namespace) -> int:
    """Runs the program; answers its exit status, or 128 + N when signal N ended it."""
    command = parsed.command[1:] if parsed.command[:1] == ["--"] else parsed.command
    url: str | None = getattr(parsed, "url", None)
    options = format_options(serve.read_given(parsed))
    if not command:
        print("tuning-emulator: exec needs a program to run: tuning-emulator exec -- COMMAND", file=sys.stderr)
        return 2
    if url and options:
        print(f"tuning-emulator: --url names a running emulator; {' '.join(options)} cannot change it", file=sys.stderr)
        return 2
    runner = Runner()
    try:
        with (
            runner.forwarding(),
            tempfile.TemporaryDirectory(prefix="tuning-emulator-exec-") as folder,
            find_emulator(url, options) as address,
        ):
            reached = read_emulator(address)
            environment = create_environment(reached, Path(folder), base_urls="base_urls" in parsed)
            return runner.run(command, environment)
    except ExecError as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return error.status


# --- the program


class Runner:
    """Runs one program and hands on the signals that come meanwhile."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = False
        self._waiting: list[int] = []

    @contextmanager
    def forwarding(self) -> Iterator[None]:
        """Signals go to the program; before there is one they end the block."""
        before = {number: signal.signal(number, self._take) for number in _FORWARDED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self, command: Sequence[str], environment: dict[str, str]) -> int:
        """The program's exit status as a shell gives it.

        Raises:
            ExecError: it cannot be started.
        """
        self._starting = True
        try:
            self._process = subprocess.Popen(command, env=environment)  # noqa: S603 it is what the user asked for
        except FileNotFoundError as error:
            raise ExecError(f"{command[0]}: no such program", 127) from error
        except OSError as error:
            raise ExecError(f"{command[0]}: {error.strerror}", 126) from error
        for number in self._waiting:
            self._process.send_signal(number)
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._process is None and not self._starting:
            raise ExecError("stopped before the program had started", 128 + number)
        if number in _FROM_TERMINAL and os.isatty(0):
            return  # the terminal has sent it to the program as well
        if self._process is None:
            self._waiting.append(number)
        else:
            self._process.send_signal(number)


# --- the emulator


@contextmanager
def find_emulator(url: str | None, options: Sequence[str]) -> Iterator[str]:
    """The URL of a running emulator, or of one of our own on free ports, gone when the block ends.

    Raises:
        ExecError: it did not start; its own words are on standard error.
    """
    if url:
        yield url.rstrip("/")
        return
    given: dict[str, object] = {"port": 0, "storage_port": 0}
    if name_variable("log_level") not in os.environ:
        given["log_level"] = "warning"
    try:
        with run_server(*format_options(given), *options, quiet=False) as running:
            yield running.url
            if running.process is not None and (status := running.process.poll()) is not None:
                print(f"tuning-emulator: the emulator ended with {status} by itself", file=sys.stderr)
    except StartError as error:
        raise ExecError("the emulator did not start", error.status) from error


def _ask_token(url: str) -> str:
    """What the emulator's metadata server gives to programs: a token that its credentials file knows, if it has one."""
    headers = {"Metadata-Flavor": "Google"}
    with answering(url):
        status, answer = send_request(url + _TOKEN_PATH, "GET", None, headers, _ANSWER_S)
        with answer:
            return str(json.loads(answer.read())["access_token"]) if status == 200 else ""


def read_emulator(url: str) -> Reached:
    """What programs have to know of a running emulator.

    Raises:
        ExecError: nothing answers there.
    """
    try:
        control = Control(url, timeout_s=_ANSWER_S, token=os.environ.get(TOKEN_VARIABLE) or _ask_token(url))
        health = control.health()
        known = control.call("GET", "interception")
        certificate = control.send("GET", "ca.pem")
    except (ControlError, NoAnswerError) as error:
        raise ExecError(f"no emulator answers at {url}: {getattr(error, 'reason', error)}") from error
    return Reached(
        url=url,
        storage_url=health["storage"]["url"],
        certificate=certificate,
        token=known["token"],
        project=known["project"],
        account=known["account"],
        hosts=tuple(known["hosts"]),
        pass_hosts=tuple(known["pass_hosts"]),
    )


# --- the variables that lead the program, whatever client it uses, to the emulator instead of Google
#
# Base URLs are not among them unless asked for: they are not needed where Google's hosts lead here, and google-genai
# forgets project and location of its environment when it finds one (recorded with 1.75 to 3.4: ``POST /``).


_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "grpc_proxy", "ALL_PROXY", "all_proxy")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_UNSET = (
    "GOOGLE_APPLICATION_CREDENTIALS",  # real credentials stay where they are
    "NO_GCE_CHECK",
    "GOOGLE_API_USE_CLIENT_CERTIFICATE",
    "no_grpc_proxy",
)
_TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 a path
_PRELOAD = Path(__file__).with_name("preload.cjs")


@dataclass(frozen=True, slots=True)
class Reached:
    """A running emulator, as far as programs have to know it.

    Attributes:
        storage_url: Of its Cloud Storage, "" where it has none of its own.
        certificate: Of its authority, PEM. token: An access token that it takes.
        hosts: Patterns of the hosts that it stands in for. pass_hosts: Of those that it lets through.
    """

    url: str
    storage_url: str
    certificate: bytes
    token: str
    project: str
    account: str
    hosts: tuple[str, ...]
    pass_hosts: tuple[str, ...]


def create_environment(
    reached: Reached, directory: Path, environment: Mapping[str, str] = os.environ, *, base_urls: bool = False
) -> dict[str, str]:
    """The whole environment of a program; what it needs on disk is written to ``directory``.

    Raises:
        OSError: it cannot be written.
    """
    found = {name: value for name, value in environment.items() if name not in _UNSET}
    found |= _lead_here(reached, environment) | _trust(reached, directory, environment)
    found |= _stand_in(reached, directory, environment)
    found.setdefault(TOKEN_VARIABLE, reached.token)
    if not found.get("GOOGLE_API_KEY"):  # which the SDKs take first, and warn where both are set
        found.setdefault("GEMINI_API_KEY", "emulator")
    if base_urls:
        found |= {"GOOGLE_GEMINI_BASE_URL": reached.url, "GOOGLE_VERTEX_BASE_URL": reached.url}
    return found


def _lead_here(reached: Reached, environment: Mapping[str, str]) -> dict[str, str]:
    """Proxies, the metadata server, storage, and what makes Node go the same way."""
    parts = urlsplit(reached.url)
    address = parts.netloc
    local = list(dict.fromkeys((*_LOCAL, parts.hostname or "", *_keep_direct(environment))))
    found = dict.fromkeys(_PROXY_VARIABLES, reached.url)
    found |= dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(local))
    found |= dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"), address)
    found["METADATA_SERVER_DETECTION"] = "assume-present"
    if reached.storage_url and parts.hostname in _LOCAL:  # else by Google's own host name
        found["STORAGE_EMULATOR_HOST"] = reached.storage_url
    node = {"host": parts.hostname, "port": parts.port or 80}
    told = {"emulator": node, "hosts": reached.hosts, "passes": reached.pass_hosts}
    found["TUNING_EMULATOR_NODE"] = json.dumps(told)
    options = environment.get("NODE_OPTIONS", "")
    found["NODE_OPTIONS"] = f"{options} --require {json.dumps(str(_PRELOAD))}".strip()
    return found


def _keep_direct(environment: Mapping[str, str]) -> list[str]:
    """Hosts that the environment keeps from proxies, unless that would keep Google's."""
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    entries = [entry.strip() for entry in listed.split(",") if entry.strip()]
    return [entry for entry in entries if not _covers_google(entry.lower().lstrip("*."))]


def _covers_google(entry: str) -> bool:
    named = ("generativelanguage.googleapis.com", "metadata.google.internal", "169.254.169.254")
    return not entry or any(host.endswith(entry) for host in named) or find_service(entry) is not None or "/" in entry


def _trust(reached: Reached, directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    authority, bundle = directory / "ca.pem", directory / "bundle.pem"
    write_bundle(bundle, reached.certificate, environment)
    extra = environment.get("NODE_EXTRA_CA_CERTS")  # Node adds these to its own
    known = Path(extra).read_bytes().rstrip() + b"\n" if extra and Path(extra).is_file() else b""
    authority.write_bytes(known + reached.certificate)
    return {**dict.fromkeys(BUNDLE_VARIABLES, str(bundle)), "NODE_EXTRA_CA_CERTS": str(authority)}


def _stand_in(reached: Reached, directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """A ``gcloud`` for the calls that ask who one is; configurations of it and of gsutil in place of the real ones."""
    programs, configuration, boto = directory / "bin", directory / "gcloud", directory / "boto"
    boto.write_text(f"[Boto]\nca_certificates_file = {directory / 'bundle.pem'}\n")
    programs.mkdir(exist_ok=True)
    configuration.mkdir(exist_ok=True)
    path = environment.get("PATH", os.defpath)
    script = programs / "gcloud"
    script.write_text(format_gcloud(reached, shutil.which("gcloud", path=path), environment.get("CLOUDSDK_CONFIG")))
    script.chmod(0o755)
    return {"PATH": f"{programs}{os.pathsep}{path}", "CLOUDSDK_CONFIG": str(configuration), "BOTO_CONFIG": str(boto)}


def format_gcloud(reached: Reached, real: str | None, configuration: str | None) -> str:
    """The stand-in's script.

    Args:
        real: The real program, for all other calls. configuration: Its ``CLOUDSDK_CONFIG``.
    """
    token, project, account = (shlex.quote(text) for text in (reached.token, reached.project, reached.account))
    if real is None:
        other = 'echo "gcloud: not installed; this stand-in knows no \\`gcloud $*\\`" >&2\nexit 1'
    else:
        restored = f"export CLOUDSDK_CONFIG={shlex.quote(configuration)}" if configuration else "unset CLOUDSDK_CONFIG"
        other = f'{restored}\nexec {shlex.quote(real)} "$@"'
    return f"""#!/bin/sh
# Put on the PATH by `tuning-emulator exec`: says who one is to the emulator.
case " $* " in
  *" auth print-access-token "* | *" auth application-default print-access-token "*)
    echo {token}; exit 0 ;;
  *" config get-value project "* | *" config get project "* | *" config get-value core/project "*)
    echo {project}; exit 0 ;;
  *" config get-value account "* | *" config get account "* | *" config get-value core/account "*)
    echo {account}; exit 0 ;;
esac
{other}
"""
