"""Who calls, and every refusal of a credential with its text, details and challenge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.rest.library import PACKAGE, SERVICE, Library
from tuning_emulator.api.auth import OWNER, create_authenticator, find_project
from tuning_emulator.api.credentials_file import CredentialsFileError, find_permission, find_scopes, read_credentials
from tuning_emulator.core.errors import ErrorText
from tuning_emulator.facts import google_errors
from tuning_emulator.rest.app import RestApp, create_rest_app
from tuning_emulator.rest.responses import Response

PATH = "/v1/shelves/1/books/2"
METHOD = f"{PACKAGE}.v1.Library.GetBook"
GEMINI = "generativelanguage.googleapis.com"
VERTEX = "aiplatform.googleapis.com"


def create(library: Library, file: Path | None = None, **settings: Any) -> RestApp:
    """A front end with those settings of the API."""
    return create_rest_app([replace(library.create_api(), **settings)], create_authenticator(file))


def write(tmp_path: Path, content: Any) -> Path:
    """A credentials file."""
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(content))
    return file


async def get(
    front: RestApp, headers: dict[str, str] | None = None, query: str = "", path: str = PATH, address: str = ""
) -> Response:
    """One GET."""
    return await front.answer("GET", path, query, headers or {}, address=address)


def refused(answer: Response) -> dict[str, Any]:
    """The error of an answer."""
    error: dict[str, Any] = json.loads(answer.body)["error"]
    assert error["code"] == answer.status
    return error


def challenges(answer: Response) -> list[str]:
    """The ``WWW-Authenticate`` headers."""
    return [value.decode() for name, value in answer.headers if name == b"www-authenticate"]


# --- without a file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [True, False])
async def test_anonymous_requests_are_the_owners_where_asked_for(library: Library, keys: bool) -> None:
    """With the setting a request without credentials is taken by both kinds of API; without it, it is refused."""
    api = replace(library.create_api(), keys=keys)
    assert (await get(create_rest_app([api], create_authenticator()))).status == (403 if keys else 401)
    front = create_rest_app([api], create_authenticator(anonymous=True))
    assert (await get(front)).status == 200
    caller = library.calls[-1].caller
    assert (caller.principal, caller.kind) == (OWNER, "none")


def test_anonymous_and_a_file_contradict_each_other(tmp_path: Path) -> None:
    """The file says who is known; the text names both settings."""
    with pytest.raises(ValueError, match="anonymous: not together with credentials"):
        create_authenticator(write(tmp_path, {}), anonymous=True)


@pytest.mark.parametrize(
    ("headers", "query", "kind", "project"),
    [
        ({"x-goog-api-key": "any"}, "", "key", ""),
        ({}, "key=any", "key", ""),
        ({"authorization": "Bearer any"}, "", "token", ""),
        ({}, "access_token=any", "token", ""),
        ({"authorization": "Bearer any", "x-goog-user-project": "p"}, "", "token", "p"),
    ],
)
async def test_any_credential_will_do(headers: dict[str, str], query: str, kind: str, project: str) -> None:
    """By default all are one account."""
    library = Library()
    assert (await get(create(library), headers, query)).status == 200
    caller = library.calls[0].caller
    assert (caller.principal, caller.kind, caller.project) == (OWNER, kind, project)


@pytest.mark.parametrize(
    ("headers", "query", "principal", "project"),
    [
        ({"x-goog-api-key": "projects/test-1"}, "", "owner@test-1.example.com", "test-1"),
        ({}, "key=projects/test-1", "owner@test-1.example.com", "test-1"),
        ({"authorization": "Bearer projects/test-1"}, "", "owner@test-1.example.com", "test-1"),
        (
            {"authorization": "Bearer projects/test-1", "x-goog-user-project": "p"},
            "",
            "owner@test-1.example.com",
            "p",
        ),
        ({"x-goog-api-key": "projects/"}, "", OWNER, ""),
        ({"x-goog-api-key": "projects/a/b"}, "", OWNER, ""),
        ({"x-goog-api-key": "test-1"}, "", OWNER, ""),
    ],
)
async def test_a_credential_that_names_a_project(
    headers: dict[str, str], query: str, principal: str, project: str
) -> None:
    """It stands for an account of that project's own and bills it, unless another one is to be billed."""
    library = Library()
    assert (await get(create(library), headers, query)).status == 200
    caller = library.calls[0].caller
    assert (caller.principal, caller.project) == (principal, project)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic abc"}, {"authorization": "Bearer "}])
async def test_no_credential_where_keys_are_taken(headers: dict[str, str]) -> None:
    """403, no details, no challenge. Recorded on the Gemini API."""
    answer = await get(create(Library()), headers)
    assert refused(answer) == {
        "code": 403,
        "message": google_errors.NO_CALLER.format(),
        "status": "PERMISSION_DENIED",
    }
    assert challenges(answer) == []


async def test_no_credential_where_only_tokens_are_taken() -> None:
    """401 with ErrorInfo and challenge."""
    answer = await get(create(Library(), keys=False))
    error = refused(answer)
    assert (error["code"], error["status"], error["message"]) == (
        401,
        "UNAUTHENTICATED",
        google_errors.NO_TOKEN.format(),
    )
    assert error["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "CREDENTIALS_MISSING",
            "domain": "googleapis.com",
            "metadata": {"method": METHOD, "service": SERVICE},
        }
    ]
    assert challenges(answer) == ['Bearer realm="https://accounts.google.com/"']


async def test_a_key_where_only_tokens_are_taken() -> None:
    """401. Recorded on Vertex AI."""
    error = refused(await get(create(Library(), keys=False), query="key=k"))
    assert error["message"] == google_errors.KEY_NOT_SUPPORTED.format()
    assert error["details"][0]["metadata"] == {"service": SERVICE, "method": METHOD}


async def test_the_credential_is_checked_before_the_body() -> None:
    """A bad key with a bad body is answered with the key's error."""
    front = create(Library())
    headers = {"content-length": "1", "content-type": "application/json"}
    assert (await front.answer("POST", "/v1/shelves/1/books", "", headers, b"{")).status == 403


def test_the_project_is_read_from_the_path() -> None:
    """Of resources that are a project's."""
    assert find_project("/v1/projects/p/locations/l/tuningJobs") == "p"
    assert find_project("/v1beta/tunedModels/x") == ""


# --- with a file --------------------------------------------------------------------------------------

FILE = {
    "keys": [
        {"key": "good", "project": "demo", "principal": "key@example.com"},
        {"key": "old", "state": "expired"},
        {"key": "gone", "state": "not_found"},
        {"key": "leaked", "state": "leaked"},
        {"key": "other", "project": "demo", "services": ["other.googleapis.com"]},
        {"key": "page", "project": "demo", "referrers": ["https://app.example/"]},
        {"key": "home", "project": "demo", "addresses": ["10.0.0.1"]},
        {"key": "phone", "project": "demo", "packages": ["com.example"]},
        {"key": "away", "located": False},
    ],
    "tokens": [
        {"token": "alice", "principal": "alice@example.com", "projects": ["demo"]},
        {"token": "narrow", "scopes": ["https://www.googleapis.com/auth/drive"]},
        {"token": "adc", "needs_quota_project": True},
    ],
}


@pytest.mark.parametrize(
    ("key", "row", "reason"),
    [
        ("unknown", google_errors.KEY_INVALID, "API_KEY_INVALID"),
        ("old", google_errors.KEY_EXPIRED, "API_KEY_INVALID"),
        ("gone", google_errors.KEY_NOT_FOUND, "API_KEY_INVALID"),
    ],
)
async def test_bad_keys(tmp_path: Path, key: str, row: ErrorText, reason: str) -> None:
    """400 with ErrorInfo and the text again in LocalizedMessage. Recorded."""
    error = refused(await get(create(Library(), write(tmp_path, FILE)), query=f"key={key}"))
    assert (error["code"], error["status"], error["message"]) == (400, "INVALID_ARGUMENT", row.format())
    assert error["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
            "metadata": {"service": SERVICE},
        },
        {
            "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
            "locale": "en-US",
            "message": row.format(),
        },
    ]


@pytest.mark.parametrize(
    ("key", "message", "reason"),
    [
        ("leaked", google_errors.KEY_LEAKED.format(), None),
        (
            "other",
            google_errors.KEY_SERVICE_BLOCKED.format(service=SERVICE, method=METHOD),
            "API_KEY_SERVICE_BLOCKED",
        ),
        ("page", "Requests from referer <empty> are blocked.", "API_KEY_HTTP_REFERRER_BLOCKED"),
        ("home", google_errors.KEY_ADDRESS_BLOCKED.format(address="10.9.9.9"), "API_KEY_IP_ADDRESS_BLOCKED"),
        ("phone", "Requests from this Android client application <empty> are blocked.", "API_KEY_ANDROID_APP_BLOCKED"),
    ],
)
async def test_restricted_keys(tmp_path: Path, key: str, message: str, reason: str | None) -> None:
    """403 PERMISSION_DENIED, with the reason where one is known."""
    error = refused(await get(create(Library(), write(tmp_path, FILE)), query=f"key={key}", address="10.9.9.9"))
    assert (error["code"], error["message"]) == (403, message)
    assert [detail["reason"] for detail in error.get("details", [])[:1]] == ([reason] if reason else [])


async def test_good_keys(tmp_path: Path) -> None:
    """A key that fits its restrictions calls as its principal, for its project."""
    library = Library()
    front = create(library, write(tmp_path, FILE))
    assert (await get(front, query="key=good")).status == 200
    assert (await get(front, {"referer": "https://app.example/x"}, "key=page")).status == 200
    assert (await get(front, {"x-android-package": "com.example"}, "key=phone")).status == 200
    assert (await get(front, query="key=home", address="10.0.0.1")).status == 200
    assert (library.calls[0].caller.principal, library.calls[0].caller.project) == ("key@example.com", "demo")


async def test_unsupported_location(tmp_path: Path) -> None:
    """400 FAILED_PRECONDITION. Recorded."""
    error = refused(await get(create(Library(), write(tmp_path, FILE)), query="key=away"))
    assert (error["code"], error["status"]) == (400, "FAILED_PRECONDITION")
    assert error["message"] == "User location is not supported for the API use."


@pytest.mark.parametrize(("keys", "reasons"), [(True, []), (False, ["ACCESS_TOKEN_TYPE_UNSUPPORTED"])])
async def test_unknown_tokens(tmp_path: Path, keys: bool, reasons: list[str]) -> None:
    """401 with a challenge that says the token is invalid; details only where keys are not taken."""
    answer = await get(create(Library(), write(tmp_path, FILE), keys=keys), {"authorization": "Bearer nobody"})
    error = refused(answer)
    assert (error["code"], error["message"]) == (401, google_errors.TOKEN_INVALID.format())
    assert [detail["reason"] for detail in error.get("details", [])] == reasons
    assert challenges(answer) == ['Bearer realm="https://accounts.google.com/", error="invalid_token"']


async def test_tokens_of_other_scopes(tmp_path: Path) -> None:
    """403. Recorded: googleapis/js-genai#569."""
    error = refused(await get(create(Library(), write(tmp_path, FILE)), {"authorization": "Bearer narrow"}))
    assert error["message"] == "Request had insufficient authentication scopes."
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert list(error["details"][0]["metadata"]) == ["service", "method"]


async def test_projects_that_a_token_may_not_bill(tmp_path: Path) -> None:
    """USER_PROJECT_DENIED with a link to the console; a missing quota project has its own text."""
    front = create(Library(), write(tmp_path, FILE))
    error = refused(await get(front, {"authorization": "Bearer alice", "x-goog-user-project": "theirs"}))
    url = "https://console.developers.google.com/iam-admin/iam?project=theirs"
    assert error["message"] == google_errors.USER_PROJECT_DENIED.format(project="theirs", url=url)
    assert [detail["@type"].rpartition(".")[2] for detail in error["details"]] == [
        "ErrorInfo",
        "LocalizedMessage",
        "Help",
    ]
    error = refused(await get(front, {"authorization": "Bearer adc"}))
    assert error["message"] == google_errors.QUOTA_PROJECT_MISSING.format(service=SERVICE)
    assert (await get(front, {"authorization": "Bearer adc", "x-goog-user-project": "demo"})).status == 200


async def test_projects_that_are_unknown_or_lack_the_api(tmp_path: Path) -> None:
    """CONSUMER_INVALID and SERVICE_DISABLED, as recorded."""
    projects = [{"id": "demo", "number": "123", "disabled": [SERVICE]}, {"id": "on"}]
    front = create(Library(), write(tmp_path, {**FILE, "projects": projects}))
    error = refused(await get(front, {"x-goog-user-project": "nowhere"}, "key=good"))
    assert error["message"] == "Permission denied on resource project nowhere."
    assert error["details"][0]["reason"] == "CONSUMER_INVALID"
    error = refused(await get(front, query="key=good"))
    url = f"https://console.developers.google.com/apis/api/{SERVICE}/overview?project=123"
    assert error["message"].startswith(
        f"Library API has not been used in project 123 before or it is disabled. Enable it by visiting {url} then"
    )
    assert list(error["details"][0]["metadata"]) == [
        "serviceTitle",
        "consumer",
        "containerInfo",
        "service",
        "activationUrl",
    ]
    assert (await get(front, {"x-goog-user-project": "on"}, "key=good")).status == 200


async def test_denied_permissions(tmp_path: Path) -> None:
    """IAM denials name permission and resource, in the service's own domain."""
    denials = [
        {"principal": "alice@example.com", "permission": "aiplatform.books.get", "resource": "shelves/1"},
        {"principal": "alice@example.com", "permission": "aiplatform.books.list"},
    ]
    front = create(Library(), write(tmp_path, {**FILE, "denials": denials}), keys=False)
    alice = {"authorization": "Bearer alice"}
    error = refused(await get(front, alice))
    assert error["message"] == (
        f"Permission 'aiplatform.books.get' denied on resource '//{SERVICE}/shelves/1/books/2' (or it may not exist)."
    )
    assert error["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "IAM_PERMISSION_DENIED",
            "domain": SERVICE,
            "metadata": {"permission": "aiplatform.books.get", "resource": "shelves/1/books/2"},
        }
    ]
    assert (await get(front, alice, path="/v1/shelves/10/books/2")).status == 200
    error = refused(await get(front, alice, path="/v1/shelves/10/books"))
    assert error["details"][0]["metadata"]["resource"] == "shelves/10/books".rpartition("/")[0]


@pytest.mark.parametrize(
    ("method", "permission"),
    [
        ("google.cloud.aiplatform.v1.GenAiTuningService.CreateTuningJob", "aiplatform.tuningJobs.create"),
        ("google.cloud.aiplatform.v1.GenAiTuningService.ListTuningJobs", "aiplatform.tuningJobs.list"),
        ("google.cloud.aiplatform.v1.GenAiTuningService.CancelTuningJob", "aiplatform.tuningJobs.cancel"),
        ("google.cloud.aiplatform.v1.PredictionService.GenerateContent", "aiplatform.endpoints.predict"),
    ],
)
def test_permissions_of_methods(method: str, permission: str) -> None:
    """As in the role tables of Vertex AI."""
    assert find_permission(method) == permission


def test_permissions_of_policies() -> None:
    """Of the collection that the resource is in. Source: cloud.google.com/vertex-ai/docs, endpoints.getIamPolicy."""
    permission = find_permission("google.iam.v1.IAMPolicy.GetIamPolicy", "projects/p/locations/l/endpoints/1")
    assert permission == "aiplatform.endpoints.getIamPolicy"


def test_scopes_of_methods() -> None:
    """Reading needs less than writing."""
    readonly = "https://www.googleapis.com/auth/generative-language.tuning.readonly"
    assert readonly in find_scopes(GEMINI, "google.ai.generativelanguage.v1beta.ModelService.GetTunedModel")
    assert readonly not in find_scopes(GEMINI, "google.ai.generativelanguage.v1beta.ModelService.CreateTunedModel")
    assert find_scopes(VERTEX, "google.cloud.aiplatform.v1.GenAiTuningService.CreateTuningJob")
    assert find_scopes(SERVICE, METHOD) == ()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('{"keys": [{"key": "a", "state": "stale"}]}', "keys.0.state"),
        ('{"keys": [{"project": "a"}]}', "keys.0.key"),
        ('{"passwords": []}', "passwords"),
        ("[", "Invalid JSON"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: str, named: str) -> None:
    """The text names the file and the entry."""
    file = tmp_path / "credentials.json"
    file.write_text(content)
    with pytest.raises(CredentialsFileError, match=r"credentials\.json") as caught:
        read_credentials(file)
    assert named in str(caught.value)


async def test_a_file_may_be_yaml(tmp_path: Path) -> None:
    """The same entries."""
    file = tmp_path / "credentials.yaml"
    file.write_text("keys:\n  - key: good\n    principal: key@example.com\n")
    library = Library()
    assert (await get(create(library, file), query="key=good")).status == 200
    assert library.calls[0].caller.principal == "key@example.com"
    file.write_text("keys: [")
    with pytest.raises(CredentialsFileError, match="is not YAML"):
        read_credentials(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """Not taken for an empty one."""
    with pytest.raises(CredentialsFileError, match="cannot be read"):
        create_authenticator(tmp_path / "nope.json")
