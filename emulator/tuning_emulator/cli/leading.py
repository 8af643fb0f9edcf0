"""What a program needs to be led to a running emulator: its environment, and the files that this names."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuning_emulator.proxy.certificates import write_bundle, write_trust_store
from tuning_emulator.proxy.hosts import find_service
from tuning_emulator.proxy.variables import Places, Way, apply, is_local, list_variables
from tuning_emulator.testing.client import (
    TOKEN_VARIABLE,
    Control,
    ControlError,
    NoAnswerError,
    answering,
    send_request,
)

_ANSWER_S = 10.0
_TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 a path
_PRELOAD = Path(__file__).with_name("preload.cjs")
_REAL_KEY = re.compile(r"AIza[\w-]{35}")
_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")


class UnreachedError(Exception):
    """No emulator answers at a URL."""


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


def read_emulator(url: str) -> Reached:
    """What programs have to know of a running emulator.

    Raises:
        UnreachedError: nothing answers there.
    """
    try:
        control = Control(url, timeout_s=_ANSWER_S, token=os.environ.get(TOKEN_VARIABLE) or _ask_token(url))
        health = control.health()
        known = control.call("GET", "interception")
        certificate = control.send("GET", "ca.pem")
    except (ControlError, NoAnswerError) as error:
        raise UnreachedError(f"no emulator answers at {url}: {getattr(error, 'reason', error)}") from error
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


def _ask_token(url: str) -> str:
    """What the emulator's metadata server gives to programs: a token that its credentials file knows, if it has one."""
    headers = {"Metadata-Flavor": "Google"}
    with answering(url):
        status, answer = send_request(url + _TOKEN_PATH, "GET", None, headers, _ANSWER_S)
        with answer:
            return str(json.loads(answer.read())["access_token"]) if status == 200 else ""


def count_requests(reached: Reached) -> int | None:
    """How many requests the emulator has had; None where it does not say."""
    try:
        control = Control(reached.url, timeout_s=_ANSWER_S, token=reached.token)
        return int(control.call("GET", "journal", limit=1)["last_id"])
    except (ControlError, NoAnswerError):
        return None


def create_environment(
    reached: Reached, directory: Path, environment: Mapping[str, str] = os.environ, *, base_urls: bool = False
) -> dict[str, str]:
    """The whole environment of a program; what it needs on disk is written to ``directory``.

    Raises:
        OSError: it cannot be written.
    """
    way = Way.BOTH if base_urls else Way.LEAD
    places = Places(
        url=reached.url,
        storage_url=reached.storage_url if is_local(reached.url) else "",  # else by Google's own host name
        token=reached.token,
        directory=str(directory),
        preload=str(_PRELOAD),
        hosts=reached.hosts,
        passes=reached.pass_hosts,
        direct=tuple(_keep_direct(environment)),
    )
    _write_trusted(reached, directory, environment)
    _write_configurations(directory)
    made = apply(list_variables(way, places, environment), environment)
    return made | {"PATH": _put_gcloud(reached, directory / "bin", environment)}


def warn_of_keys(environment: Mapping[str, str]) -> Iterator[str]:
    """What is to be said of keys that look like real ones."""
    for name in _KEYS:
        if _REAL_KEY.fullmatch(environment.get(name, "")):
            yield (
                f"{name} looks like a real key. The emulator takes any key and writes none down; a program that it "
                f"cannot lead would send yours to Google: unset {name} to be sure"
            )


def _keep_direct(environment: Mapping[str, str]) -> list[str]:
    """Hosts that the environment keeps from proxies, unless that would keep Google's."""
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    entries = [entry.strip() for entry in listed.split(",") if entry.strip()]
    return [entry for entry in entries if not _covers_google(entry.lower().lstrip("*."))]


def _covers_google(entry: str) -> bool:
    named = ("generativelanguage.googleapis.com", "metadata.google.internal", "169.254.169.254")
    return not entry or any(host.endswith(entry) for host in named) or find_service(entry) is not None or "/" in entry


# --- files


def _write_trusted(reached: Reached, directory: Path, environment: Mapping[str, str]) -> None:
    """The certificates to trust: as replacement of all roots, for the JVM too, and as addition to them."""
    bundle = directory / "bundle.pem"
    write_bundle(bundle, reached.certificate, environment)
    write_trust_store(directory / "trust.p12", bundle.read_bytes())
    extra = environment.get("NODE_EXTRA_CA_CERTS")  # Node adds these to its own
    known = Path(extra).read_bytes().rstrip() + b"\n" if extra and Path(extra).is_file() else b""
    (directory / "ca.pem").write_bytes(known + reached.certificate)


def _write_configurations(directory: Path) -> None:
    """Of gcloud and gsutil, in place of the user's."""
    (directory / "gcloud").mkdir(exist_ok=True)
    (directory / "boto").write_text(f"[Boto]\nca_certificates_file = {directory / 'bundle.pem'}\n")


def _put_gcloud(reached: Reached, programs: Path, environment: Mapping[str, str]) -> str:
    """A ``gcloud`` for the calls that ask who one is; answers PATH with it in front."""
    programs.mkdir(exist_ok=True)
    path = environment.get("PATH", os.defpath)
    script = programs / "gcloud"
    script.write_text(format_gcloud(reached, shutil.which("gcloud", path=path), environment.get("CLOUDSDK_CONFIG")))
    script.chmod(0o755)
    return f"{programs}{os.pathsep}{path}"


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
