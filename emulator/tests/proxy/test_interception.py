"""Google's hosts by way of the emulator as a proxy: each answers as itself, others are refused or let through."""

from __future__ import annotations

import base64
import json
import signal
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import httpx
import pytest
from google.ai import generativelanguage_v1beta as gapic
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tests.proxy.conftest import Led
from tests.server_process import running_server, stop_server

GEMINI = "https://generativelanguage.googleapis.com"


@pytest.fixture(scope="module")
def client(led: Led) -> Iterator[httpx.Client]:
    """A client of the session's server."""
    with led.open_client() as one:
        yield one


def test_the_apis_answer_under_their_own_hosts(client: httpx.Client) -> None:
    """Each host name leads to its own API and to nothing else of the emulator."""
    assert client.get(f"{GEMINI}/v1beta/models/gemini-1.5-flash-001-tuning").json()["name"].startswith("models/")
    path = "v1/projects/p/locations/europe-west4/tuningJobs"
    assert client.get(f"https://europe-west4-aiplatform.googleapis.com/{path}").json() == {}
    assert client.get(f"https://aiplatform.googleapis.com/{path}").json() == {}
    assert client.get(f"{GEMINI}/{path}").status_code == 404
    assert client.get(f"{GEMINI}/emulator/v1/health").status_code == 404
    assert client.get(f"{GEMINI}/computeMetadata/v1/project/project-id").status_code == 404


def test_the_host_reaches_the_api(client: httpx.Client) -> None:
    """A regional host refuses another region, and an unknown region has no such page: the Host header arrived."""
    path = "v1/projects/p/locations/europe-west4/tuningJobs"
    assert client.get(f"https://europe-west4-aiplatform.googleapis.com/{path}").json() == {}  # and is remembered so
    refused = client.get(f"https://us-central1-aiplatform.googleapis.com/{path}")
    assert "`us-central1`" in refused.json()["error"]["message"]


def test_tokens_are_exchanged(client: httpx.Client) -> None:
    """Service account keys and refresh tokens get an access token; what is no grant is refused in OAuth's words."""
    url = "https://oauth2.googleapis.com/token"
    part = base64.urlsafe_b64encode(json.dumps({"iss": "x@example.com", "scope": "s"}).encode()).decode().rstrip("=")
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": f"{part}.{part}.c2ln"}
    granted = client.post(url, data=grant).json()
    assert (granted["token_type"], granted["scope"], bool(granted["access_token"])) == ("Bearer", "s", True)
    refreshed = client.post(url, data={"grant_type": "refresh_token", "refresh_token": "1//x"}).json()
    assert refreshed["expires_in"] == 3599
    for bad, name in (
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({**grant, "assertion": "no token"}, "invalid_grant"),
    ):
        answer = client.post(url, data=bad)
        assert (answer.status_code, answer.json()["error"]) == (400, name)


def test_resource_manager_knows_any_project(client: httpx.Client) -> None:
    """Both versions, with the number that Vertex AI's answers have; without a credential they are refused."""
    host = "https://cloudresourcemanager.googleapis.com"
    old, new = client.get(f"{host}/v1/projects/demo").json(), client.get(f"{host}/v3/projects/demo").json()
    assert (old["projectId"], new["projectId"], new["state"]) == ("demo", "demo", "ACTIVE")
    assert new["name"] == f"projects/{old['projectNumber']}"
    assert client.get(f"{host}/v3/{new['name']}").json()["name"] == new["name"]
    assert client.get(f"{host}/v3/projects/demo", headers={"Authorization": ""}).status_code == 401


@pytest.mark.parametrize("where", ["http://metadata.google.internal", "http://169.254.169.254", ""])
def test_the_metadata_server(client: httpx.Client, led: Led, where: str) -> None:
    """By its name, its address, and at the emulator's own port: found, asked for project, account and token."""
    flavor = {"Metadata-Flavor": "Google"}
    root = where or led.url
    found = client.get(f"{root}/", headers=flavor)
    assert (found.status_code, found.headers["metadata-flavor"]) == (200, "Google")
    below = f"{root}/computeMetadata/v1"
    assert client.get(f"{below}/project/project-id", headers=flavor).text == "some-project"
    account = client.get(f"{below}/instance/service-accounts/default/?recursive=true", headers=flavor).json()
    assert account["aliases"] == ["default"]
    assert "https://www.googleapis.com/auth/cloud-platform" in account["scopes"]
    email = client.get(f"{below}/instance/service-accounts/default/email", headers=flavor).text
    assert email == account["email"]
    token = client.get(f"{below}/instance/service-accounts/{email}/token?scopes=a", headers=flavor).json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3599)
    assert "default/\n" in client.get(f"{below}/instance/service-accounts/", headers=flavor).text
    assert client.get(f"{below}/nothing", headers=flavor).status_code == 404
    assert client.get(f"{below}/project/project-id").status_code == 403


def test_without_its_header_the_root_is_not_the_metadata_server(led: Led) -> None:
    """Nobody else who asks for / takes the emulator for a virtual machine."""
    assert httpx.get(f"{led.url}/").status_code == 404


def test_storage_under_its_own_name(client: httpx.Client, led: Led, tmp_path: Path) -> None:
    """Uploads of every kind, listings and downloads by Google's own client, by both of Google's hosts."""
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    local = storage.Client("p", nobody, client_options={"api_endpoint": "https://storage.googleapis.com"})
    local._http.proxies = {"https": led.url}
    local._http.verify = str(led.ca)
    local._http.trust_env = False
    bucket = local.create_bucket("by-its-name")
    small, large = b"small\n", bytes(range(256)) * 40_000  # the second is uploaded resumably
    bucket.blob("a/small.txt").upload_from_string(small)
    bucket.blob("large.bin").upload_from_string(large)
    assert bucket.blob("a/small.txt").download_as_bytes() == small
    assert bucket.blob("large.bin").download_as_bytes() == large
    assert [blob.name for blob in local.list_blobs("by-its-name")] == ["a/small.txt", "large.bin"]
    bucket.blob("a/small.txt").delete()
    missing = client.get("https://storage.googleapis.com/storage/v1/b/by-its-name/o/a%2Fsmall.txt")
    assert missing.status_code == 404
    chunks = (b"one,", b"two")
    sent = client.post(
        "https://storage.googleapis.com/upload/storage/v1/b/by-its-name/o?uploadType=media&name=chunks",
        content=iter(chunks),
    )
    assert sent.json()["size"] == "7"
    assert httpx.get(f"{led.url}/storage/v1/b/by-its-name/o/chunks?alt=media").content == b"one,two"
    assert httpx.get(f"{led.url}/by-its-name/chunks").content == b"one,two"
    assert client.get("https://by-its-name.storage.googleapis.com/chunks").content == b"one,two"
    found = client.get("https://www.googleapis.com/storage/v1/b/by-its-name/o/chunks").json()
    assert found["selfLink"] == "https://www.googleapis.com/storage/v1/b/by-its-name/o/chunks"
    assert client.get("https://www.googleapis.com/oauth2/v1/certs").status_code == 404
    started = client.post(
        "https://storage.googleapis.com/upload/storage/v1/b/by-its-name/o?uploadType=resumable&name=x",
        headers={"content-length": "0"},
    )
    assert started.headers["location"].startswith("https://storage.googleapis.com/upload/storage/v1/b/by-its-name/o?")


def test_grpc_by_tunnel(led: Led) -> None:
    """A secure channel to Google's own name: only h2 is offered, and gRPC answers; also Resource Manager's service."""
    options = [("grpc.http_proxy", led.url)]
    credentials = grpc.ssl_channel_credentials(led.ca.read_bytes())
    with grpc.secure_channel("generativelanguage.googleapis.com:443", credentials, options) as channel:
        ask = channel.unary_unary(
            "/google.ai.generativelanguage.v1beta.ModelService/GetModel",
            gapic.GetModelRequest.serialize,
            gapic.Model.deserialize,
        )
        name = "models/gemini-1.5-flash-001-tuning"
        found = ask(gapic.GetModelRequest(name=name), metadata=[("x-goog-api-key", "k")], timeout=30)
        assert found.name == name
    with grpc.secure_channel("cloudresourcemanager.googleapis.com:443", credentials, options) as channel:
        raw = channel.unary_unary("/google.cloud.resourcemanager.v3.Projects/GetProject")
        answer = raw(b"\x0a\x0dprojects/demo", metadata=[("authorization", "Bearer x")], timeout=30)
        assert b"demo" in answer


def test_tls_without_a_tunnel(led: Led) -> None:
    """The same port answers https to its own names."""
    with httpx.Client(verify=ssl.create_default_context(cafile=str(led.ca))) as client:
        for host in ("localhost", "127.0.0.1"):
            assert client.get(f"https://{host}:{led.port}/emulator/v1/health").json()["status"] == "ok"


# --- other hosts


def say(led: Led, words: bytes) -> bytes:
    """Sends words to the port; everything that comes back until it closes."""
    with socket.create_connection(("127.0.0.1", led.port), timeout=20) as connection:
        connection.sendall(words)
        heard = b""
        while part := connection.recv(65536):
            heard += part
        return heard


def test_other_hosts_are_refused_by_name(client: httpx.Client) -> None:
    """Through a tunnel or with a whole URL: 403, with the host and what would let it through."""
    with pytest.raises(httpx.ProxyError, match=r"403 example.com is not served.*PASS_HOSTS=example.com"):
        client.get("https://example.com/")
    plain = client.get("http://example.com/path")
    assert plain.status_code == 403
    assert "--pass-host example.com" in plain.text


def test_words_that_are_no_tunnel(led: Led) -> None:
    """A CONNECT that cannot be understood, or never ends, is answered 400."""
    assert say(led, b"CONNECT nowhere HTTP/1.1 or so\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert say(led, b"CONNECT a:b HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert say(led, b"CONNECT a:1 HTTP/1.1\r\nX: " + b"x" * 20_000).startswith(b"HTTP/1.1 400 ")
    assert b" 400 " in say(led, b"GET http://user@/ HTTP/1.1\r\nConnection: close\r\n\r\n").split(b"\r\n")[0]


def test_a_tunnel_in_one_breath(led: Led) -> None:
    """A client that does not wait for the answer to CONNECT loses nothing of what it sent behind it."""
    words = b"CONNECT generativelanguage.googleapis.com:80 HTTP/1.1\r\n\r\n"
    request = (
        b"GET /v1beta/models?key=k HTTP/1.1\r\nHost: generativelanguage.googleapis.com\r\nConnection: close\r\n\r\n"
    )
    heard = say(led, words + request)
    assert heard.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_passed_hosts_get_every_byte(led: Led) -> None:
    """A host that the setting names is reached, both ways and to the end; one that cannot be reached says 502."""

    class Shout(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(self.rfile.read().upper())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Shout) as there:
        threading.Thread(target=there.serve_forever, args=(0.05,), daemon=True).start()
        with socket.create_connection(("127.0.0.1", led.port), timeout=20) as connection:
            connection.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % there.server_address[1])
            assert connection.recv(1000) == b"HTTP/1.1 200 Connection established\r\n\r\n"
            connection.sendall(b"quiet" * 100_000)
            connection.shutdown(socket.SHUT_WR)
            heard = b""
            while part := connection.recv(65536):
                heard += part
            assert heard == b"QUIET" * 100_000
        there.shutdown()
    unreachable = say(led, b"CONNECT nowhere.invalid:443 HTTP/1.1\r\n\r\n")
    assert unreachable.startswith(b"HTTP/1.1 502 nowhere.invalid:443 cannot be reached")
    with led.open_client() as client:
        assert client.get("http://nowhere.invalid/").status_code == 502
        own = client.get(f"{led.url}/emulator/v1/health")
        assert own.json()["status"] == "ok"


def test_mistrust_harms_nobody_else(led: Led) -> None:
    """A client that does not know the authority fails on its own side; the next one is served all the same."""
    with httpx.Client(proxy=led.url) as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(f"{GEMINI}/v1beta/models")
    with led.open_client() as client:
        assert client.get(f"{GEMINI}/v1beta/models").status_code == 200


@pytest.mark.process
def test_open_connections_do_not_hold_up_the_stop() -> None:
    """Silent, idle, inside TLS, in a tunnel, HTTP/2: the server ends although none of its clients closes anything."""
    with running_server("--trainer", "scripted", "--pass-host", "127.0.0.1") as server, ExitStack() as held:
        port = int(server.url.rpartition(":")[2])
        certificate = httpx.get(f"{server.url}/emulator/v1/ca.pem").text
        context = ssl.create_default_context(cadata=certificate)

        def open_connection(words: bytes = b"") -> socket.socket:
            connection = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            connection.sendall(words)
            return connection

        request = b"GET /v1beta/models/x?key=k HTTP/1.1\r\nHost: localhost\r\n\r\n"
        open_connection()
        assert open_connection(request).recv(100).startswith(b"HTTP/1.1 404")
        secured = held.enter_context(context.wrap_socket(open_connection(), server_hostname="localhost"))
        secured.sendall(request)
        assert secured.recv(100).startswith(b"HTTP/1.1 404")
        for host in (b"127.0.0.1:%d" % port, b"generativelanguage.googleapis.com:443"):
            assert b" 200 " in open_connection(b"CONNECT %s HTTP/1.1\r\n\r\n" % host).recv(100)
        assert open_connection(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))).recv(9)
        assert stop_server(server) == -signal.SIGTERM
