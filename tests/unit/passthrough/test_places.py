"""Where the paths of providers lead, and with which credentials."""

import base64
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tianji._core.journal.meter import Measures, cost
from tianji._core.requests.lane import Lane
from tianji.config.schema.sections import VertexDefaults
from tianji.errors import ConfigurationError, InvalidRequest, Overloaded
from tianji.gateway.compiled.plans import Origins
from tianji.passthrough.places import Around, finder
from tianji.passthrough.rows import ROWS, Row
from tianji.providers.deployment import Deployment, read

ACCOUNT = {
    "type": "authorized_user",
    "client_id": "c",
    "client_secret": "s",
    "refresh_token": "r",
    "quota_project_id": "p-own",
}
DEFAULTS = VertexDefaults(vertex_project="p-default", vertex_location="europe-west1", vertex_credentials=ACCOUNT)


def row_of(prefix: str) -> Row:
    return next(row for row in ROWS if prefix in row.prefixes)


def params(environ: Mapping[str, str], provider: str = "any", model: str = "", **written: object) -> Deployment:
    return read(written, environ, (provider, model), drop_params=False)


def found(
    path: str,
    environ: Mapping[str, str] | None = None,
    *,
    lent: Mapping[str, object] | None = None,
    groups: Mapping[str, Deployment] | None = None,
    vertex: VertexDefaults | None = None,
    agents: bool = True,
) -> Lane:
    """Return where a path leads. The longest prefix counts, as in the route table."""
    environ = environ or {}
    prefixes = (prefix for row in ROWS for prefix in row.prefixes if path.startswith(f"{prefix}/"))
    around = Around(
        environ=environ,
        origins=Origins(),
        lent=params(environ, **(lent or {})),
        groups=groups or {},
        vertex=vertex,
        agents=agents,
    )
    return finder(row_of(max(prefixes, key=len)), around)(path.encode())


def where(lane: Lane) -> str:
    return f"{lane.origin}{lane.target.decode()}"


def headers(lane: Lane) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lane.fields.decode().splitlines())


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/openai/v1/files", "api.openai.com:443/v1/files"),
        ("/openai/files", "api.openai.com:443/v1/files"),
        ("/openai_passthrough/v1/responses", "api.openai.com:443/v1/responses"),
        ("/anthropic/v1/messages", "api.anthropic.com:443/v1/messages"),
        ("/gemini/v1beta/files", "generativelanguage.googleapis.com:443/v1beta/files"),
        ("/cohere/v2/chat", "api.cohere.com:443/v2/chat"),
        ("/mistral/v1/ocr", "api.mistral.ai:443/v1/ocr"),
        ("/openrouter/v1/models", "openrouter.ai:443/api/v1/models"),
        ("/openrouter/models", "openrouter.ai:443/api/v1/models"),
        ("/assemblyai/v2/upload", "api.assemblyai.com:443/v2/upload"),
        ("/eu.assemblyai/v2/upload", "api.eu.assemblyai.com:443/v2/upload"),
        ("/fal_ai/fal-ai/flux", "queue.fal.run:443/fal-ai/flux"),
        ("/langfuse/api/public/ingestion", "cloud.langfuse.com:443/api/public/ingestion"),
        ("/cursor/v0/agents", "api.cursor.com:443/v0/agents"),
        ("/gigachat/models", "gigachat.devices.sberbank.ru:443/api/v1/models"),
        ("/watsonx/ml/v1/text/chat", "us-south.ml.cloud.ibm.com:443/ml/v1/text/chat"),
        ("/typesafe/v1/systemone", "api.typesafe.ai:443/v1/systemone"),
        ("/tinyfish/v1/runs/r-1", "agent.tinyfish.ai:443/v1/runs/r-1"),
    ],
)  # fmt: skip
def test_providers_are_where_their_documents_say(path: str, place: str) -> None:
    assert where(found(path)) == place


def test_keys_go_where_each_provider_wants_them() -> None:
    environ = {
        name: f"key-{name}"
        for row in ROWS
        for name in row.keys
    }  # fmt: skip
    wanted = {
        "/openai/v1/x": ("authorization", "Bearer key-OPENAI_API_KEY"),
        "/anthropic/v1/x": ("x-api-key", "key-ANTHROPIC_API_KEY"),
        "/gemini/v1/x": ("x-goog-api-key", "key-GEMINI_API_KEY"),
        "/assemblyai/v2/x": ("authorization", "key-ASSEMBLYAI_API_KEY"),
        "/fal_ai/x": ("authorization", "Key key-FAL_AI_API_KEY"),
        "/typesafe/x": ("authorization", "Bearer key-TYPESAFE_API_KEY"),
        "/tinyfish/x": ("x-api-key", "key-TINYFISH_API_KEY"),
        "/cursor/x": ("authorization", "Basic " + base64.b64encode(b"key-CURSOR_API_KEY:").decode()),
    }
    for path, (name, value) in wanted.items():
        lane = found(path, environ)
        assert headers(lane)[name] == value
        assert lane.lacks is None
    azure = found("/azure/openai/x", {**environ, "AZURE_API_BASE": "https://east.openai.azure.com"})
    assert headers(azure)["api-key"] == "key-AZURE_API_KEY"
    assert "authorization" not in headers(azure)


@pytest.mark.parametrize(
    ("path", "key", "token"),
    [
        ("/gigachat/models", "GIGACHAT_CREDENTIALS", "GIGACHAT_ACCESS_TOKEN"),
        ("/watsonx/ml/v1/x", "WATSONX_APIKEY", "WATSONX_TOKEN"),
    ],
)
def test_a_key_that_is_exchanged_for_tokens(path: str, key: str, token: str) -> None:
    exchanged = found(path, {key: "k"})
    assert exchanged.sign is not None
    assert exchanged.awaits is not None
    assert "authorization" not in headers(exchanged)
    given = found(path, {token: "t"})
    assert (headers(given)["authorization"], given.sign) == ("Bearer t", None)
    assert key in str(found(path).lacks)


def test_without_credentials_the_client_has_to_bring_his() -> None:
    for path, wanted in (("/openai/v1/x", "OPENAI_API_KEY"), ("/langfuse/x", "LANGFUSE_SECRET_KEY")):
        assert wanted in str(found(path).lacks)
    assert "default_vertex_config" in str(found("/vertex_ai/v1/projects/p/locations/global/x").lacks)
    assert found("/vllm/v1/x", {"VLLM_API_BASE": "http://vllm"}).lacks is None
    for name in ("laya", "bespoke"):
        base = {f"{name.upper()}_API_BASE": "http://decides"}
        assert found(f"/{name}/v1/systemone", base).lacks is None
        lent = found(f"/{name}/v1/systemone", {**base, f"{name.upper()}_API_KEY": "k"})
        assert (where(lent), headers(lent)["authorization"]) == ("decides:80/v1/systemone", "Bearer k")


@pytest.mark.parametrize(
    "path", ["/azure/x", "/vllm/x", "/milvus/x", "/laya/x", "/azure_speech/speech/x", "/vertex_ai/models/x"]
)
def test_without_an_address_it_says_what_to_set(path: str) -> None:
    with pytest.raises(Overloaded, match=r"set|name"):
        found(path)


def test_a_deployment_lends_its_address_and_its_key() -> None:
    environ = {"MISTRAL_API_KEY": "of-environment", "OWN": "of-deployment"}
    lent = {"api_base": "http://10.0.0.1:8080/v1", "api_key": "os.environ/OWN"}
    lane = found("/mistral/v1/models", environ, lent=lent)
    assert where(lane) == "10.0.0.1:8080/v1/models"
    assert headers(lane)["authorization"] == "Bearer of-deployment"


def test_a_group_of_the_provider_takes_the_place_of_the_model() -> None:
    east = params({}, "azure", "gpt-4o-east", api_base="https://east.openai.azure.com", api_key="k")
    lane = found("/azure/openai/deployments/gpt/chat/completions", groups={"gpt": east})
    assert where(lane) == "east.openai.azure.com:443/openai/deployments/gpt-4o-east/chat/completions"
    assert (lane.model, headers(lane)["api-key"]) == ("gpt-4o-east", "k")


def test_a_group_may_stand_first() -> None:
    own = params({}, "nvidia_nim", "meta/llama3", api_base="http://10.0.0.1:8000/v1", api_key="k")
    lane = found("/nvidia_nim/mine/v1/ranking", groups={"mine": own})
    assert where(lane) == "10.0.0.1:8000/v1/ranking"
    assert (lane.model, headers(lane)["authorization"]) == ("meta/llama3", "Bearer k")
    assert where(found("/nvidia_nim/v1/models", groups={"mine": own})) == "integrate.api.nvidia.com:443/v1/models"


class TestOpenAI:
    def test_assistants_are_asked_for_with_their_flag(self) -> None:
        environ = {"OPENAI_API_KEY": "k"}
        assert headers(found("/openai/v1/threads/t", environ))["openai-beta"] == "assistants=v2"
        assert "openai-beta" not in headers(found("/openai/v1/files", environ))

    def test_a_base_with_its_version_says_it_once(self) -> None:
        environ = {"OPENAI_API_BASE": "http://proxy:9/openai/v1"}
        assert where(found("/openai/v1/files", environ)) == "proxy:9/openai/v1/files"
        assert where(found("/openai/files", environ)) == "proxy:9/openai/v1/files"


class TestVertex:
    @pytest.mark.parametrize(
        ("path", "place"),
        [
            ("/v1/projects/other/locations/us-east4/publishers/google/models/g:generateContent",
             "europe-west1-aiplatform.googleapis.com:443/v1/projects/p-default/locations/europe-west1/publishers/google/models/g:generateContent"),
            ("/v1beta1/projects/p/locations/l-1/cachedContents",
             "europe-west1-aiplatform.googleapis.com:443/v1beta1/projects/p-default/locations/europe-west1/cachedContents"),
            ("/publishers/google/models/g:predict",
             "europe-west1-aiplatform.googleapis.com:443/v1/projects/p-default/locations/europe-west1/publishers/google/models/g:predict"),
            ("/v1/publishers/google/models/g:predict",
             "europe-west1-aiplatform.googleapis.com:443/v1/projects/p-default/locations/europe-west1/publishers/google/models/g:predict"),
        ],
    )  # fmt: skip
    def test_the_credentials_say_the_project(self, path: str, place: str) -> None:
        for prefix in ("/vertex_ai", "/vertex-ai"):
            lane = found(prefix + path, vertex=DEFAULTS)
            assert where(lane) == place
            assert lane.awaits is not None
            assert lane.lacks is None

    def test_variables_say_it_too(self) -> None:
        environ = {"DEFAULT_VERTEXAI_PROJECT": "p-env", "DEFAULT_VERTEXAI_LOCATION": "global"}
        environ["DEFAULT_GOOGLE_APPLICATION_CREDENTIALS"] = '{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"}'  # fmt: skip # noqa: E501
        lane = found("/vertex_ai/publishers/google/models/g:generateContent", environ)
        assert where(lane).startswith("aiplatform.googleapis.com:443/v1/projects/p-env/locations/global/")

    def test_without_credentials_the_path_counts(self) -> None:
        lane = found("/vertex_ai/v1/projects/mine/locations/us-east4/publishers/x/models/g:rawPredict")
        assert where(lane).startswith("us-east4-aiplatform.googleapis.com:443/v1/projects/mine/locations/us-east4/")
        assert lane.awaits is None

    def test_a_location_cannot_be_another_host(self) -> None:
        with pytest.raises(Overloaded, match="location"):
            found("/vertex_ai/v1/projects/p/locations/evil.example%2F/publishers/x/models/g:predict")

    def test_a_group_takes_the_place_of_the_model(self) -> None:
        group = params({}, "vertex_ai", "gemini-2.5-pro", vertex_credentials=ACCOUNT, vertex_project="p-2")
        lane = found("/vertex_ai/v1/projects/x/locations/us-east4/publishers/google/models/mine:generateContent",
                     groups={"mine": group})  # fmt: skip
        assert lane.target.startswith(b"/v1/projects/p-2/locations/us-east4/publishers/google/models/gemini-2.5-pro:")
        assert lane.model == "gemini-2.5-pro"

    def test_search_has_a_host_of_its_own(self) -> None:
        lane = found("/vertex_ai/discovery/v1/projects/p/locations/global/dataStores/d", vertex=DEFAULTS)
        assert where(lane) == "discoveryengine.googleapis.com:443/v1/projects/p/locations/global/dataStores/d"


AWS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION_NAME": "eu-west-1"}


class TestBedrock:
    def test_agents_have_a_host_of_their_own(self) -> None:
        runtime = found("/bedrock/model/a/converse", AWS)
        assert where(runtime) == "bedrock-runtime.eu-west-1.amazonaws.com:443/model/a/converse"
        agents = found("/bedrock/knowledgebases/k/retrieve", AWS)
        assert where(agents) == "bedrock-agent-runtime.eu-west-1.amazonaws.com:443/knowledgebases/k/retrieve"
        off = found("/bedrock/knowledgebases/k/retrieve", AWS, agents=False)
        assert where(off).startswith("bedrock-runtime.")

    def test_a_request_is_signed_for_what_it_is(self) -> None:
        lane = found("/bedrock/model/a/converse", AWS)
        assert lane.sign is not None

        def signature(*asked: object) -> str:
            assert lane.sign is not None
            return dict(lane.sign(*asked))[b"authorization"].decode().rpartition("Signature=")[2]  # type: ignore[arg-type]

        first = ("POST", b"/model/a/converse", b"{}", {b"content-type": b"application/json"}.get)
        others = (
            ("GET", *first[1:]),
            ("POST", b"/model/b/converse", *first[2:]),
            (*first[:2], b"{ }", first[3]),
            (*first[:3], {b"content-type": b"text/plain"}.get),
            (*first[:3], {}.get),
            ("POST", b"/model/a/converse?x=1", *first[2:]),
        )
        assert len({signature(*asked) for asked in (first, *others)}) == 7

    def test_a_key_of_its_own_needs_no_signature(self) -> None:
        lane = found("/bedrock/model/a/converse", {"AWS_BEARER_TOKEN_BEDROCK": "b"})
        assert (headers(lane)["authorization"], lane.sign) == ("Bearer b", None)

    def test_a_region_that_is_none_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="region"):
            found("/bedrock/model/a/converse", {**AWS, "AWS_REGION_NAME": "evil.example/"})


def asking(target: bytes | None, body: bytes) -> Any:
    """Return a request of a client's, as far as anybody asks here."""
    return SimpleNamespace(
        header={b"x-amz-target": target}.get, size=len(body), read=lambda at, size: body[at : at + size]
    )


class TestServices:
    """Of AWS, that are asked by an operation's name."""

    @pytest.mark.parametrize(
        ("path", "header", "target"),
        [
            ("/comprehendmedical/DetectPHI", None, b"ComprehendMedical_20181030.DetectPHI"),
            ("/comprehendmedical/", b"ComprehendMedical_20181030.DetectPHI", b"ComprehendMedical_20181030.DetectPHI"),
            ("/transcribe/ListTranscriptionJobs", b"Transcribe.Other", b"Transcribe.ListTranscriptionJobs"),
            ("/transcribe/", b"Transcribe.StartTranscriptionJob", b"Transcribe.StartTranscriptionJob"),
        ],
    )
    def test_the_operation_goes_into_a_signed_header(self, path: str, header: bytes | None, target: bytes) -> None:
        lane = found(path, AWS)
        service = path.split("/")[1]
        assert where(lane) == f"{service}.eu-west-1.amazonaws.com:443/"
        assert lane.sign is not None
        sent = dict(lane.sign("POST", b"/", b"{}", {b"x-amz-target": header, b"content-type": b"text/plain"}.get))
        assert sent[b"x-amz-target"] == target
        assert sent[b"content-type"] == b"application/x-amz-json-1.1"
        seal = sent[b"authorization"].decode()
        assert f"/eu-west-1/{service}/aws4_request" in seal
        assert "SignedHeaders=content-type;host;x-amz-date;x-amz-target" in seal

    @pytest.mark.parametrize(
        ("path", "header"),
        [
            ("/transcribe/", None),
            ("/transcribe/", b"Other.StartTranscriptionJob"),
            ("/transcribe/", b"Transcribe."),
            ("/transcribe/a/b", None),
            ("/transcribe/a%0d%0ab", None),
            ("/comprehendmedical/StartPHIDetectionJob", None),
        ],
    )
    def test_what_is_no_operation_goes_nowhere(self, path: str, header: bytes | None) -> None:
        def signed() -> object:
            lane = found(path, AWS)
            return lane.sign and lane.sign("POST", b"/", b"{}", {b"x-amz-target": header}.get)

        with pytest.raises(InvalidRequest):
            signed()

    @pytest.mark.parametrize(("text", "dollars"), [("", 0.01), ("x" * 100, 0.01), ("é" * 101, 0.02), (None, 0.01)])
    def test_a_hundred_characters_are_a_unit(self, text: str | None, dollars: float) -> None:
        lane = found("/comprehendmedical/DetectEntitiesV2", AWS)
        assert lane.asked is not None
        body = b"no json" if text is None else msgspec.json.encode({"Text": text})
        operation, measures, rates = lane.asked(asking(None, body))
        assert operation == "DetectEntitiesV2"
        assert cost(rates, None, 0, measures) == round(dollars * 1e9)

    def test_what_nobody_can_tell_has_no_price(self) -> None:
        lane = found("/transcribe/", AWS)
        assert lane.asked is not None
        asked = asking(b"Transcribe.StartTranscriptionJob", b"{}")
        assert lane.asked(asked) == ("StartTranscriptionJob", None, None)


def test_only_runs_that_are_waited_for_have_the_price_of_steps() -> None:
    run = found("/tinyfish/v1/automation/run", {"TINYFISH_COST_PER_STEP": "0.5"})
    assert run.asked is not None
    model, measures, rates = run.asked(asking(None, b""))
    assert (model, measures, cost(rates, None, 0, Measures(queries=3))) == ("automation-run", None, 1_500_000_000)
    assert found("/tinyfish/v1/automation/run-async").asked is None
    with pytest.raises(ConfigurationError, match="TINYFISH_COST_PER_STEP"):
        found("/tinyfish/v1/automation/run", {"TINYFISH_COST_PER_STEP": "much"})


def test_speech_has_two_hosts() -> None:
    environ = {"AZURE_SPEECH_REGION": "westeurope", "AZURE_SPEECH_API_KEY": "k"}
    short = found("/azure_speech/speech/recognition/conversation/cognitiveservices/v1", environ)
    assert where(short).startswith("westeurope.stt.speech.microsoft.com:443/speech/recognition/")
    batch = found("/azure_speech/speechtotext/v3.2/transcriptions", environ)
    assert where(batch) == "westeurope.api.cognitive.microsoft.com:443/speechtotext/v3.2/transcriptions"
    assert headers(batch)["ocp-apim-subscription-key"] == "k"
