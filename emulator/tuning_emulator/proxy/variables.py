"""The environment variables that lead a program to the emulator: one table, for whoever sets or shows them.

There are two ways. ``POINT`` gives clients that can be given an address the emulator's; a shell, a test or a workflow
keeps these variables and everything else goes where it always goes. ``LEAD`` leads Google's own host names here, for
programs with these written into them (``tuning-emulator exec``).

GOOGLE_CLOUD_PROJECT is not among them: with it the vertexai package asks a public host for the project's number, and
google-genai with a base URL drops it. LEAD has no base URLs for the same reason. The project comes with the
credentials.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from enum import Flag, auto
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

Environment: TypeAlias = dict[str, str | None]
"""Value by name; None: it has to be unset."""


class Way(Flag):
    """In which way of leading a program a variable is set."""

    POINT = auto()
    LEAD = auto()
    BOTH = POINT | LEAD


class Variable(NamedTuple):
    """A variable.

    Attributes:
        value: With places in braces, see ``Places``; unset where one of these is empty, and wherever it is "".
        readers: Who reads it.
        joined: What stands between a value that is there already and ours; "": ours replaces it.
        unless: It is left alone where this one is set.
    """

    name: str
    value: str
    readers: str
    way: Way
    joined: str = ""
    unless: str = ""


_PROXY = "curl, httpx, requests, aiohttp, gRPC, Go, Rust's reqwest, .NET"
ROOTS = "{directory}/bundle.pem"
"""Names a file that replaces the roots of some clients."""

_METADATA = "google-auth of Python, Node, Go and Java, for credentials and project"

TRUST_PASSWORD = "changeit"  # noqa: S105 the JVM's own; it wants one, and there is nothing to hide
"""Of the trust store that ``JAVA_TOOL_OPTIONS`` names."""

VARIABLES = (
    Variable("GOOGLE_GEMINI_BASE_URL", "{url}", "google-genai of every language, the Gemini API", Way.POINT),
    Variable("GOOGLE_VERTEX_BASE_URL", "{url}", "google-genai of every language, Vertex AI", Way.POINT),
    Variable("GEMINI_API_KEY", "{api_key}", "google-genai; any key is good", Way.BOTH, unless="GOOGLE_API_KEY"),
    Variable("STORAGE_EMULATOR_HOST", "{storage_url}", "google-cloud-storage of Python, Node and Go; gcsfs", Way.BOTH),
    Variable("GCE_METADATA_HOST", "{address}", _METADATA, Way.BOTH),
    Variable("GCE_METADATA_IP", "{address}", "google-auth of Python, which looks here for a metadata server", Way.BOTH),
    Variable("GCE_METADATA_ROOT", "{address}", "google-auth of Python, older than 2.0", Way.LEAD),
    Variable("METADATA_SERVER_DETECTION", "assume-present", "google-auth-library of Node", Way.BOTH),
    Variable("GOOGLE_APPLICATION_CREDENTIALS", "{credentials}", "google-auth, before the metadata server", Way.BOTH),
    Variable("TUNING_EMULATOR_URL", "{url}", "the npm package, which starts no second one then", Way.BOTH),
    Variable("NO_GCE_CHECK", "", "google-auth, which would not look for the metadata server", Way.BOTH),
    Variable("GOOGLE_API_USE_CLIENT_CERTIFICATE", "", "google-auth, which would want a certificate", Way.LEAD),
    *(
        Variable(name, "{url}", _PROXY, Way.LEAD)
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "grpc_proxy", "ALL_PROXY", "all_proxy")
    ),
    Variable("NO_PROXY", "{direct}", _PROXY, Way.LEAD),
    Variable("no_proxy", "{direct}", _PROXY, Way.LEAD),
    Variable("no_grpc_proxy", "", "gRPC", Way.LEAD),
    Variable("SSL_CERT_FILE", ROOTS, "OpenSSL: Python's ssl, httpx, aiohttp, Ruby, .NET; Go; rustls-native", Way.LEAD),
    Variable("REQUESTS_CA_BUNDLE", ROOTS, "requests", Way.LEAD),
    Variable("CURL_CA_BUNDLE", ROOTS, "curl, requests", Way.LEAD),
    Variable("HTTPLIB2_CA_CERTS", ROOTS, "httplib2: google-api-python-client, gsutil", Way.LEAD),
    Variable("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", ROOTS, "gRPC of C++, Python, Ruby, PHP, Node", Way.LEAD),
    Variable("NODE_EXTRA_CA_CERTS", "{directory}/ca.pem", "Node", Way.LEAD),
    Variable("DENO_CERT", "{directory}/ca.pem", "Deno", Way.LEAD),
    Variable("NODE_OPTIONS", "--require {preload}", "Node, whose fetch and https take no proxy", Way.LEAD, joined=" "),
    Variable("TUNING_EMULATOR_NODE", "{node}", "what NODE_OPTIONS loads", Way.LEAD),
    Variable(
        "JAVA_TOOL_OPTIONS",
        "-Dhttps.proxyHost={host} -Dhttps.proxyPort={port} -Dhttp.proxyHost={host} -Dhttp.proxyPort={port} "
        "-Dhttp.nonProxyHosts={java_direct} "
        "-Djavax.net.ssl.trustStore={directory}/trust.p12 -Djavax.net.ssl.trustStorePassword={trust_password}",
        "every JVM: Java, Kotlin, Scala",
        Way.LEAD,
        joined=" ",
    ),
    Variable("BOTO_CONFIG", "{directory}/boto", "gsutil", Way.LEAD),
    Variable("CLOUDSDK_CONFIG", "{directory}/gcloud", "gcloud, and google-auth for gcloud's credentials", Way.LEAD),
    Variable(
        "TUNING_EMULATOR_TOKEN", "{token}", "tuning-emulator's own commands", Way.LEAD, unless="TUNING_EMULATOR_TOKEN"
    ),
)
"""Every one of them. Sources: the documentation of those who read them; ``emulator/tests/proxy/test_exec.py``."""

_LOCAL = ("localhost", "127.0.0.1", "::1")


class Places(NamedTuple):
    """What values are filled with; "" where there is none.

    Attributes:
        url: The emulator's, as its clients reach it. storage_url: Of its Cloud Storage.
        api_key: For Gemini clients. token: An access token. credentials: A service account's file.
        directory: Of the files that values name. preload: What Node is to load.
        hosts, passes: Patterns of the hosts that it stands in for, and of those that it lets through.
        direct: Further hosts that no proxy is asked for.
    """

    url: str
    storage_url: str = ""
    api_key: str = "emulator"
    token: str = ""
    credentials: str = ""
    directory: str = ""
    preload: str = ""
    hosts: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    direct: tuple[str, ...] = ()

    def fill(self) -> dict[str, str]:
        """The text for each place of a value."""
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port or 80
        direct = list(dict.fromkeys((*_LOCAL, host, *self.direct)))
        node = {"emulator": {"host": host, "port": port}, "hosts": self.hosts, "passes": self.passes}
        return {
            **self._asdict(),
            "address": parts.netloc,
            "host": host,
            "port": str(port),
            "direct": ",".join(direct),
            "java_direct": "|".join(_to_java(one) for one in direct),
            "node": json.dumps(node),
            "trust_password": TRUST_PASSWORD,
            "preload": json.dumps(self.preload) if self.preload else "",
        }


def _to_java(host: str) -> str:
    """An entry of NO_PROXY as the JVM writes it: ``.example.com`` there is ``*.example.com``."""
    return f"[{host}]" if ":" in host else f"*{host}" if host.startswith(".") else host


def is_local(url: str) -> bool:
    """Whether a URL is of this machine."""
    return urlsplit(url).hostname in _LOCAL


def list_variables(way: Way, places: Places, environment: Mapping[str, str] = os.environ) -> Environment:
    """The variables of a way, with what they have to be in an environment that is like this one otherwise."""
    texts = places.fill()
    found: Environment = {}
    for one in VARIABLES:
        if one.way & way and not (one.unless and environment.get(one.unless)):
            found[one.name] = _join(one, _fill(one.value, texts), environment.get(one.name, ""))
    return found


def _fill(value: str, texts: Mapping[str, str]) -> str | None:
    wanted = [name for name in texts if f"{{{name}}}" in value]
    return value.format_map(texts) if value and all(texts[name] for name in wanted) else None


def _join(variable: Variable, value: str | None, there: str) -> str | None:
    return f"{there}{variable.joined}{value}" if value and there and variable.joined else value


def apply(variables: Environment, environment: Mapping[str, str]) -> dict[str, str]:
    """An environment with the variables set and unset."""
    merged = {**environment, **variables}
    return {name: value for name, value in merged.items() if value is not None}


# --- as others read them


def _format_shell(variables: Environment) -> Iterator[str]:
    for name, value in variables.items():
        yield f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"


def _format_dotenv(variables: Environment) -> Iterator[str]:
    """Also what ``$GITHUB_ENV`` and ``docker run --env-file`` take; neither can unset."""
    return (f"{name}={value or ''}" for name, value in variables.items())


def _format_powershell(variables: Environment) -> Iterator[str]:
    for name, value in variables.items():
        if value is None:
            yield f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
        else:
            quoted = value.replace("'", "''")
            yield f"$Env:{name} = '{quoted}'"


def _format_json(variables: Environment) -> Iterator[str]:
    yield json.dumps(variables, indent=2)


FORMATS: Mapping[str, Callable[[Environment], Iterator[str]]] = {
    "shell": _format_shell,
    "dotenv": _format_dotenv,
    "json": _format_json,
    "powershell": _format_powershell,
}
"""Makes the lines that set variables, by the name of the format."""
