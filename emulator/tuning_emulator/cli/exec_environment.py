"""The variables that lead a program, whatever client it uses, to the emulator instead of Google.

Base URLs are not among them unless asked for: they are not needed where Google's hosts lead here, and google-genai
forgets project and location of its environment when it finds one (recorded with 1.75 to 3.4: ``POST /``).
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tuning_emulator.proxy.certificates import BUNDLE_VARIABLES, write_bundle
from tuning_emulator.proxy.hosts import find_service

_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "grpc_proxy", "ALL_PROXY", "all_proxy")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_UNSET = (
    "GOOGLE_APPLICATION_CREDENTIALS",  # real credentials stay where they are
    "NO_GCE_CHECK",
    "GOOGLE_API_USE_CLIENT_CERTIFICATE",
    "no_grpc_proxy",
)
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
    found.setdefault("GEMINI_API_KEY", found.get("GOOGLE_API_KEY", "emulator"))
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
    """A ``gcloud`` for the calls that ask who one is, and an empty configuration in place of the real one."""
    programs, configuration = directory / "bin", directory / "gcloud"
    programs.mkdir(exist_ok=True)
    configuration.mkdir(exist_ok=True)
    path = environment.get("PATH", os.defpath)
    script = programs / "gcloud"
    script.write_text(format_gcloud(reached, shutil.which("gcloud", path=path), environment.get("CLOUDSDK_CONFIG")))
    script.chmod(0o755)
    return {"PATH": f"{programs}{os.pathsep}{path}", "CLOUDSDK_CONFIG": str(configuration)}


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
