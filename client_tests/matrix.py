"""The matrix: every client, in each of its versions and transports."""

from __future__ import annotations

from collections.abc import Mapping

from client_tests.row import Row

_EXAMPLES = {"default_dataset": "{data}/examples.jsonl"}
_ANONYMOUS = {"anonymous": True}
_TLS = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "{ca}"}
_ROOTS = "`GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=ca.pem`"
_OPEN = "`--anonymous`, or credentials"
_WORDS = {"rest": "REST", "grpc": "gRPC, TLS", "plain": "gRPC", "async": "gRPC, TLS, async"}

_PERMISSIONS = {"permissions": "not in the client"}
_NO_CANCEL = {"cancel": "not in the client"}
_CANCEL_404 = {"cancel": (404, "the service has no tunedModels:cancel")}
_DEPLOYED = {"delete": (400, "the model is deployed, and the client cannot undeploy it")}
_NO_HTTP_COUNT = {"count": "the client binds countTokens of tuned models to no HTTP path"}
_NO_HTTP_CANCEL = {"cancel": "the client binds the cancelling of these operations to no HTTP path"}

# --- Python: google-genai


def _genai(version: str, mode: str, flavour: str) -> Row:
    gemini, old = mode == "gemini", version == "1.20"
    base_url = 'http_options={"base_url": URL}'
    vertex = f'Client(vertexai=True, project=…, location=…, credentials=Credentials("x"), {base_url})'
    pointing = f"`Client(api_key=…, {base_url})`" if gemini else f"`{vertex}`"
    if gemini and not old:
        pointing += "; `--default-dataset FILE`, for the client drops the examples"
    return Row(
        name=f"genai-{version.replace('.', '-')}-{mode}-{flavour}",
        package="google-genai",
        environment=f"genai-{version}",
        api="gemini" if gemini else "vertex",
        transport="REST" if flavour == "sync" else "REST, async",
        program="google_genai.py" if flavour == "sync" else "google_genai_async.py",
        arguments=(mode,),
        pointing=pointing,
        settings=_EXAMPLES if gemini and not old else {},
        lacks={**(_PERMISSIONS if gemini else {}), **(_NO_CANCEL if old else {})},
        refused={} if gemini and old else _CANCEL_404 if gemini else _DEPLOYED,
    )


_GENAI = [
    _genai(version, mode, flavour)
    for version in ("1.20", "1.75", "3.6")
    for mode in ("gemini", "vertex")
    for flavour in ("sync", "async")
]
_LORA = Row(
    name="genai-3-6-vertex-lora",
    package="google-genai",
    environment="genai-3.6",
    api="vertex",
    transport="REST, lora trainer",
    program="google_genai.py",
    arguments=("vertex",),
    pointing="as above; the others tune with the scripted trainer",
    settings={"trainer": "lora"},
    refused=_DEPLOYED,
)

# --- Python: the other clients

_LEGACY = [
    Row(
        name=f"generativeai-{transport}",
        package="google-generativeai",
        environment="generativeai-0.8",
        api="gemini",
        transport=_WORDS[transport],
        program="generativeai_legacy.py",
        arguments=(transport,),
        pointing=pointing,
        variables=_TLS if transport == "grpc" else {},
        lacks=_NO_HTTP_COUNT if transport == "rest" else {},
    )
    for transport, pointing in (
        ("rest", '`configure(api_key=…, transport="rest", client_options={"api_endpoint": URL})`'),
        ("grpc", f'`configure(api_key=…, client_options={{"api_endpoint": "localhost:PORT"}})`; {_ROOTS}'),
    )
]
_INIT = "vertexai.init(project=…, location=…, credentials=AnonymousCredentials(), "
_SDK = [
    Row(
        name=f"aiplatform-{version.replace('.', '-')}-{transport}",
        package="google-cloud-aiplatform",
        environment=f"aiplatform-{version}",
        api="vertex",
        transport=_WORDS[transport],
        program="aiplatform_sdk.py",
        arguments=(transport,),
        pointing=f'`{_INIT}api_endpoint=URL, api_transport="rest")`; {_OPEN}'
        if transport == "rest"
        else f'`{_INIT}api_endpoint="localhost:PORT")`; {_OPEN}; {_ROOTS}',
        settings=_ANONYMOUS,
        variables={} if transport == "rest" else _TLS,
    )
    for version in ("1.95", "2.7")
    for transport in ("rest", "grpc", "async")
]
_CHANNEL = f'`…Client(transport=…Client.get_transport_class("grpc")(channel=grpc.insecure_channel(ADDRESS)))`; {_OPEN}'
_GEMINI_GAPIC = {
    "rest": '`…Client(transport="rest", client_options={"api_endpoint": URL, "api_key": …})`',
    "grpc": f'`…Client(client_options={{"api_endpoint": "localhost:PORT", "api_key": …}})`; {_ROOTS}',
    "plain": _CHANNEL,
}
_VERTEX_GAPIC = {
    "rest": '`…Client(transport="rest", client_options={"api_endpoint": URL}, credentials=Credentials("x"))`',
    "grpc": f'`…Client(client_options={{"api_endpoint": "localhost:PORT"}}, credentials=Credentials("x"))`; {_ROOTS}',
    "plain": _CHANNEL,
}
_GAPIC = [
    *(
        Row(
            name=f"generativelanguage-v1beta-{transport}",
            package="google-ai-generativelanguage",
            environment="aiplatform-2.7",
            api="gemini",
            transport=f"{_WORDS[transport]}, generated client of v1beta",
            program="gemini_gapic.py",
            arguments=(transport,),
            pointing=pointing,
            settings=_ANONYMOUS if transport == "plain" else {},
            variables=_TLS if transport == "grpc" else {},
            lacks={**_NO_HTTP_COUNT, **_NO_HTTP_CANCEL} if transport == "rest" else {},
            alone=transport == "plain",
        )
        for transport, pointing in _GEMINI_GAPIC.items()
    ),
    *(
        Row(
            name=f"aiplatform-gapic-{version}-{transport}",
            package="google-cloud-aiplatform",
            environment="aiplatform-2.7",
            api="vertex",
            transport=f"{_WORDS[transport]}, generated client of {version}",
            program="vertex_gapic.py",
            arguments=(version, transport),
            pointing=pointing,
            settings=_ANONYMOUS if transport == "plain" else {},
            variables=_TLS if transport == "grpc" else {},
        )
        for version in ("v1", "v1beta1")
        for transport, pointing in _VERTEX_GAPIC.items()
    ),
]


def _discovery(api: str, version: str, source: str) -> Row:
    gemini = api == "generativelanguage"
    pointing = f"`build_from_document` of `URL/discovery/v1/apis/{api}/{version}/rest`"
    if source == "url":
        path = "$discovery/rest?version={apiVersion}" if gemini else "discovery/v1/apis/{api}/{apiVersion}/rest"
        pointing = f'`build("{api}", "{version}", discoveryServiceUrl="URL/{path}", static_discovery=False)`'
    return Row(
        name=f"api-python-client-{api}-{version}",
        package="google-api-python-client",
        environment="aiplatform-2.7",
        api="gemini" if gemini else "vertex",
        transport=f"REST, {api} {version}",
        program="discovery_client.py",
        arguments=(api, version, source),
        pointing=pointing,
    )


_DISCOVERY = [
    _discovery("generativelanguage", "v1beta", "url"),
    _discovery("generativelanguage", "v1", "document"),
    _discovery("aiplatform", "v1", "url"),
    _discovery("aiplatform", "v1beta1", "document"),
]
_NO_BUCKETS = {"create": "the client makes no buckets"}
_NO_CONDITIONS = {"once": "the client sends no conditions"}
_ACCOUNT = '{"gcs_base_url": URL, "disable_oauth": true, …}'


def _storage(
    name: str,
    package: str,
    program: str,
    pointing: str,
    *arguments: str,
    environment: str = "storage",
    lacks: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Row:
    return Row(
        name=name,
        package=package,
        environment=environment,
        api="storage",
        transport="REST",
        program=program,
        arguments=arguments,
        pointing=f"{pointing}; or `exec`, as it is",
        variables=variables or {},
        lacks=lacks or {},
        alone=True,
    )


_HOST = {"STORAGE_EMULATOR_HOST": "{storage}"}
_STORAGE = [
    _storage("storage", "google-cloud-storage", "cloud_storage.py", "`STORAGE_EMULATOR_HOST`", variables=_HOST),
    _storage(
        "storage-files", "google-cloud-storage", "cloud_storage_files.py", "`STORAGE_EMULATOR_HOST`", variables=_HOST
    ),
    _storage(
        "gcsfs",
        "gcsfs",
        "gcsfs_pandas.py",
        f'`STORAGE_EMULATOR_HOST`, `token="anon"`; {_ROOTS}',
        lacks=_NO_CONDITIONS,
        variables={**_HOST, **_TLS},
    ),
    _storage(
        "pyarrow",
        "pyarrow",
        "arrow_storage.py",
        '`GcsFileSystem(anonymous=True, scheme="http", endpoint_override=ADDRESS)`',
        lacks=_NO_CONDITIONS,
    ),
    _storage(
        "polars",
        "polars",
        "object_stores.py",
        f'`storage_options={{"google_service_account_key": \'{_ACCOUNT}\', "allow_http": "true"}}`',
        "polars",
        lacks={**_NO_BUCKETS, **_NO_CONDITIONS, **dict.fromkeys(("list", "delete"), "the client has tables alone")},
    ),
    _storage(
        "obstore",
        "obstore",
        "object_stores.py",
        f"`GCSStore(…, service_account_key='{_ACCOUNT}', client_options={{\"allow_http\": True}})`",
        "obstore",
        lacks=_NO_BUCKETS,
    ),
    _storage(
        "opendal",
        "opendal",
        "object_stores.py",
        '`Operator("gcs", endpoint=URL, allow_anonymous="true", …)`',
        "opendal",
        lacks={**_NO_BUCKETS, **_NO_CONDITIONS},
    ),
    _storage(
        "js-storage",
        "@google-cloud/storage",
        "js_cloud_storage.cjs",
        "`STORAGE_EMULATOR_HOST`",
        environment="npm",
        variables=_HOST,
    ),
    _storage(
        "gsutil",
        "gsutil",
        "gsutil_storage.py",
        "`-o Credentials:gs_json_host=127.0.0.1 -o Credentials:gs_json_port=PORT "
        "-o Boto:https_validate_certificates=False`",
        environment="gsutil",
    ),
]
_TUNES_NOTHING = dict.fromkeys(
    ("create", "poll", "done", "list", "get", "update", "cancel", "delete"), "the client tunes nothing"
)


def _langchain(kind: str, package: str, pointing: str) -> Row:
    gemini = kind == "gemini"
    lacks = {**_TUNES_NOTHING, **({"permissions": "the client tunes nothing"} if gemini else {})}
    if kind == "gapic":
        lacks["count"] = "ChatVertexAI counts with a base model of that name"
    return Row(
        name=f"langchain-{kind}",
        package=package,
        environment="langchain",
        api="gemini" if gemini else "vertex",
        transport="REST, Gemini API" if gemini else "REST, Vertex AI",
        program="langchain_models.py",
        arguments=(kind,),
        pointing=pointing,
        settings=_EXAMPLES if gemini else {},
        lacks=lacks,
    )


_LANGCHAIN = [
    _langchain("gemini", "langchain-google-genai", '`ChatGoogleGenerativeAI(model="tunedModels/…", base_url=URL)`'),
    _langchain(
        "vertex",
        "langchain-google-genai",
        "`ChatGoogleGenerativeAI(model=ENDPOINT, vertexai=True, project=…, location=…, credentials=…, base_url=URL)`",
    ),
    _langchain(
        "gapic",
        "langchain-google-vertexai",
        '`ChatVertexAI(tuned_model_name=ENDPOINT, api_endpoint=URL, api_transport="rest", credentials=…)`',
    ),
]

# --- clients that want answers of a given form

_ADDRESS = "URL/v1/projects/P/locations/L/endpoints/ID"
_PARAMETERS = {"parameters": "OpenAI's own client alone lists them"}
_REFUSES_NOTHING = {**_PARAMETERS, "refuse": "seen with OpenAI's own client"}
_CHAT_TRAINER = {"trainer": "lora"}


def _chat(name: str, package: str, pointing: str, lacks: Mapping[str, str]) -> Row:
    content = name.endswith("-google")
    return Row(
        name=f"chat-{name}",
        package=package,
        environment="openai",
        api="chat",
        transport=f"REST, {'generateContent' if content else 'chat completions'}, lora trainer",
        program="structured_chat.py",
        arguments=(name,),
        pointing=pointing,
        settings=_CHAT_TRAINER,
        lacks=lacks,
    )


_CHAT = [
    _chat("openai", "openai", f'`OpenAI(base_url="{_ADDRESS}", api_key=…)`', {}),
    _chat(
        "pydantic-ai",
        "pydantic-ai-slim",
        f'`OpenAIChatModel(…, provider=OpenAIProvider(base_url="{_ADDRESS}", api_key=…))`',
        _REFUSES_NOTHING,
    ),
    _chat(
        "pydantic-ai-google",
        "pydantic-ai-slim",
        "`GoogleModel(ENDPOINT, provider=GoogleCloudProvider(client=genai.Client(…)))`",
        _REFUSES_NOTHING,
    ),
    _chat(
        "instructor",
        "instructor",
        f'`instructor.from_openai(OpenAI(base_url="{_ADDRESS}", api_key=…))`',
        {**_REFUSES_NOTHING, **dict.fromkeys(("generate", "stream"), "the client answers with models alone")},
    ),
    _chat("langchain", "langchain-openai", f'`ChatOpenAI(base_url="{_ADDRESS}", api_key=…)`', _REFUSES_NOTHING),
    _chat(
        "langchain-google",
        "langchain-google-genai",
        "`ChatGoogleGenerativeAI(model=ENDPOINT, vertexai=True, project=…, location=…, credentials=…, base_url=URL)`",
        _REFUSES_NOTHING,
    ),
]

# --- Node


def _node(
    name: str,
    package: str,
    api: str,
    transport: str,
    program: str,
    arguments: tuple[str, ...],
    pointing: str,
    **more: object,
) -> Row:
    assert api in ("gemini", "vertex", "chat")
    return Row(name, package, "npm", api, transport, program, arguments, pointing, **more)  # type: ignore[arg-type]


_ADC = {"GCE_METADATA_HOST": "{address}", "METADATA_SERVER_DETECTION": "assume-present"}
_METADATA = "`GCE_METADATA_HOST=ADDRESS`, `METADATA_SERVER_DETECTION=assume-present`"
_REST_OPTIONS = '`{apiEndpoint: "127.0.0.1", port: PORT, protocol: "http", fallback: true'
_GRPC_OPTIONS = '`{apiEndpoint: "127.0.0.1", port: PORT, sslCreds: grpc.credentials.createInsecure()}`; `--anonymous`'
_NODE = [
    _node(
        "js-genai-gemini",
        "@google/genai",
        "gemini",
        "REST",
        "js_genai.cjs",
        ("gemini",),
        "`new GoogleGenAI({apiKey, httpOptions: {baseUrl: URL}})`; `--default-dataset FILE`, "
        "for the client drops the examples",
        settings=_EXAMPLES,
        lacks=_PERMISSIONS,
        refused=_CANCEL_404,
    ),
    _node(
        "js-genai-vertex",
        "@google/genai",
        "vertex",
        "REST",
        "js_genai.cjs",
        ("vertex",),
        f"`new GoogleGenAI({{vertexai: true, project, location, httpOptions: {{baseUrl: URL}}}})`; {_METADATA}",
        variables=_ADC,
        refused=_DEPLOYED,
    ),
    _node(
        "js-generative-ai",
        "@google/generative-ai",
        "gemini",
        "REST",
        "js_generative_ai.cjs",
        (),
        "`getGenerativeModel({model}, {baseUrl: URL})`",
        lacks={**_TUNES_NOTHING, "permissions": "the client tunes nothing"},
    ),
    _node(
        "js-aiplatform-rest",
        "@google-cloud/aiplatform",
        "vertex",
        "REST",
        "js_aiplatform.cjs",
        ("rest",),
        f"{_REST_OPTIONS}}}`; {_METADATA}",
        variables=_ADC,
    ),
    _node(
        "js-aiplatform-grpc",
        "@google-cloud/aiplatform",
        "vertex",
        "gRPC",
        "js_aiplatform.cjs",
        ("grpc",),
        _GRPC_OPTIONS,
        settings=_ANONYMOUS,
        variables=_ADC,
    ),
    _node(
        "js-generativelanguage-rest",
        "@google-ai/generativelanguage",
        "gemini",
        "REST",
        "js_generativelanguage.cjs",
        ("rest",),
        f"{_REST_OPTIONS}, authClient}}`",
        lacks={**_NO_HTTP_COUNT, **_NO_HTTP_CANCEL},
    ),
    _node(
        "js-generativelanguage-grpc",
        "@google-ai/generativelanguage",
        "gemini",
        "gRPC",
        "js_generativelanguage.cjs",
        ("grpc",),
        _GRPC_OPTIONS,
        settings=_ANONYMOUS,
        alone=True,
    ),
    _node(
        "js-openai",
        "openai",
        "chat",
        "REST, chat completions, lora trainer",
        "js_openai.cjs",
        (),
        f'`new OpenAI({{baseURL: "{_ADDRESS}", apiKey}})`, `zodResponseFormat`',
        settings=_CHAT_TRAINER,
        variables=_ADC,
        lacks=_PARAMETERS,
    ),
]

ROWS: tuple[Row, ...] = (
    *_GENAI,
    _LORA,
    *_LEGACY,
    *_SDK,
    *_GAPIC,
    *_DISCOVERY,
    *_STORAGE,
    *_LANGCHAIN,
    *_CHAT,
    *_NODE,
)
