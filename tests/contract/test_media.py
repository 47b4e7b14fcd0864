"""Pictures, sound and ranks through the gateway: OpenAI's client, what it costs, and what is hostile."""

import io
import json
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import openai
import pytest
from tests.contract.accounting.books import row_of
from tests.contract.harness import BOOKS, UPSTREAM_KEY, Gateway, Mock, openai_model

COST = "x-litellm-response-cost"
SECOND = 3.5  # that the mock says of every recording

# the client calls variations and translations deprecated
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def served(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url

    def at(name: str, model: str, **params: object) -> dict[str, Any]:
        return {
            "model_name": name,
            "litellm_params": {"model": model, "api_base": base, "api_key": UPSTREAM_KEY, **params},
        }

    config = {
        "model_list": [
            openai_model("painter", "gpt-image-1", base),
            openai_model("per-picture", "dall-e-9", base, output_cost_per_image=0.04),
            openai_model("by-pixel", "dall-e-9", base, input_cost_per_pixel=1e-8),
            openai_model("reader", "tts-1", base),
            openai_model("listener", "whisper-1", base),
            openai_model("whisper", "shaped-whisper", base, language="de", extra_body={"user": "gateway"}),
            openai_model("pair", "mock-status-500", base, order=1),
            openai_model("pair", "whisper-1", base, order=2),
            at("east", "azure/east", api_version="2025-01-01"),
            at("ranks", "cohere/rerank-v3.5"),
            at("jina", "jina_ai/jina-reranker-v2-base-multilingual"),
            at("voyage", "voyage/rerank-2"),
            at("soniox", "soniox/stt-async-v4"),
            at("assemblyai", "assemblyai/universal-2", input_cost_per_second=0.0001),
            at("mistral", "mistral/mistral-ocr-latest"),
            at("reducto", "reducto/parse-v3"),
        ],
        "router_settings": {"num_retries": 1},
    }
    with Gateway(config, tmp_path_factory.mktemp("media"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.fixture
def gateway(served: Gateway, mock: Mock) -> Gateway:
    return served


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as made:
        yield made


def form_of(mock: Mock) -> bytes:
    """Return the body of the last request that the mock got."""
    return str(mock.last()["body"]).encode()


def silence(seconds: float) -> bytes:
    """Return a recording in WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setparams((1, 2, 8000, 0, "NONE", ""))
        made.writeframes(bytes(int(seconds * 8000) * 2))
    return file.getvalue()


def nano(cost: str) -> int:
    return int(Fraction(cost) * 10**9)


# ---- pictures


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("painter", "0.02177"),  # 2 words at 5, 544 tokens of pictures at 40 dollars a million
        ("per-picture", "0.08"),
        ("by-pixel", "0.0052429"),  # 2 times 512 x 512 at 10 nano-dollars, to the nearest
    ],
)
def test_pictures_cost_tokens_or_as_many_as_there_are(
    served: Gateway, client: openai.OpenAI, model: str, cost: str
) -> None:
    raw = client.images.with_raw_response.generate(model=model, prompt="a cat", n=2, size="512x512")  # type: ignore[call-overload]
    assert len(raw.parse().data) == 2
    assert round(Fraction(raw.headers[COST]), 7) == round(Fraction(cost), 7)
    row = row_of(served, "call_id", raw.headers["x-tianji-call-id"])
    assert (row["cost"], row["call_type"]) == (nano(raw.headers[COST]), "aimage_generation")


def test_streamed_pictures_cost_what_whole_ones_do(served: Gateway, client: openai.OpenAI) -> None:
    whole = client.images.with_raw_response.generate(model="painter", prompt="a small cat")
    with client.images.with_raw_response.generate(
        model="painter", prompt="a small cat", stream=True, partial_images=2
    ).parse() as stream:
        kinds = [event.type for event in stream]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    calls = [answer.headers["x-tianji-call-id"] for answer in (whole, stream.response)]
    rows = [row_of(served, "call_id", call) for call in calls]
    assert rows[0]["cost"] == rows[1]["cost"] == nano(whole.headers[COST]) > 0


def test_edits_bring_their_pictures(mock: Mock, client: openai.OpenAI) -> None:
    pictures = [("a.png", b"\x89PNG one", "image/png"), ("b.png", b"\x89PNG two", "image/png")]
    raw = client.images.with_raw_response.edit(model="painter", image=pictures, prompt="both", n=1)
    usage = raw.parse().usage
    assert usage is not None
    assert (usage.input_tokens_details.image_tokens, usage.output_tokens) == (544, 272)
    body = form_of(mock)
    assert body.count(b'name="image[]"; filename=') == 2
    assert b'name="model"\r\n\r\ngpt-image-1\r\n' in body
    assert Fraction(raw.headers[COST]) == Fraction("0.000005") + Fraction("0.00544") + Fraction("0.01088")


def test_edits_may_name_their_pictures_in_json(gateway: Gateway, mock: Mock) -> None:
    body = {"model": "painter", "prompt": "x", "images": [{"image_url": "https://a.example/b.png"}]}
    assert gateway.post("/v1/images/edits", body).status_code == 200
    assert mock.last()["json"]["images"] == body["images"]


def test_variations_are_made(client: openai.OpenAI) -> None:
    made = client.images.create_variation(model="per-picture", image=b"\x89PNG one", n=2)
    assert len(made.data or []) == 2


# ---- sound


def test_speech_is_streamed_through_and_costs_by_the_character(served: Gateway, client: openai.OpenAI) -> None:
    text = "one two three"
    with client.audio.speech.with_streaming_response.create(
        model="reader", input=text, voice="alloy", response_format="opus"
    ) as answer:
        assert answer.read() == b"one two three "
        assert answer.headers["content-type"] == "audio/opus"
        assert Fraction(answer.headers[COST]) == len(text) * Fraction("0.000015")
    assert row_of(served, "call_id", answer.headers["x-tianji-call-id"])["cost"] == len(text) * 15000


def test_speech_as_events_costs_the_same(served: Gateway, gateway: Gateway) -> None:
    body = {"model": "reader", "input": "one two three", "voice": "alloy", "stream_format": "sse"}
    answer = gateway.post("/v1/audio/speech", body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("speech.audio.delta") == 6
    assert row_of(served, "call_id", answer.headers["x-tianji-call-id"])["cost"] == 13 * 15000


def test_a_recording_that_breaks_off_is_cut_so_that_the_client_notices(gateway: Gateway, mock: Mock) -> None:
    mock.control({"cut_at": 5})
    with pytest.raises(openai.APIConnectionError):
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0).audio.speech.create(
            model="reader", input="one two three", voice="alloy"
        )


@pytest.mark.parametrize("kind", ["json", "verbose_json", "text", "srt", "vtt"])
@pytest.mark.parametrize("task", ["transcriptions", "translations"])
def test_recordings_become_text_in_every_form(
    served: Gateway, client: openai.OpenAI, mock: Mock, task: str, kind: str
) -> None:
    recording = silence(SECOND)
    api: Any = getattr(client.audio, task).with_raw_response
    raw = api.create(model="listener", file=("hello.wav", recording), response_format=kind, prompt="as said")
    said = raw.http_response.text
    assert f"hello.wav {len(recording)} as said" in said
    assert (raw.headers["content-type"] == "application/json") == ("json" in kind)
    # what the answer says, and else how long the recording is
    assert Fraction(raw.headers[COST]) == Fraction("0.00035")
    assert row_of(served, "call_id", raw.headers["x-tianji-call-id"])["cost"] == 350_000
    assert mock.last()["path"] == f"/v1/audio/{task}"


def test_a_transcript_is_streamed(served: Gateway, client: openai.OpenAI) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model="listener", file=("a.wav", silence(1)), stream=True
    )
    events = list(raw.parse())
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert row_of(served, "call_id", raw.headers["x-tianji-call-id"])["cost"] == 350_000


def test_the_plan_of_a_deployment_shapes_a_form(client: openai.OpenAI, mock: Mock) -> None:
    client.audio.transcriptions.create(
        model="whisper", file=("a.wav", silence(1)), temperature=0.5, timestamp_granularities=["word", "segment"]
    )
    body = form_of(mock)
    for field in (b'"model"\r\n\r\nshaped-whisper', b'"language"\r\n\r\nde', b'"user"\r\n\r\ngateway'):
        assert b"name=" + field + b"\r\n" in body
    assert b'name="temperature"\r\n\r\n0.5\r\n' in body
    assert body.count(b'name="timestamp_granularities[]"') == 2


@pytest.mark.parametrize("size", [1000, 2 * 1024 * 1024])
def test_a_file_is_sent_again_when_an_attempt_failed(client: openai.OpenAI, mock: Mock, size: int) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(model="pair", file=("a.mp3", bytes(size)))
    assert raw.parse().text == f"a.mp3 {size}"
    assert [len(str(request["body"])) > size for request in mock.requests()] == [True, True]


def test_azure_has_places_of_its_own(client: openai.OpenAI, mock: Mock) -> None:
    client.images.generate(model="east", prompt="a cat")
    assert mock.last()["target"] == "/openai/deployments/east/images/generations?api-version=2025-01-01"
    client.audio.transcriptions.create(model="east", file=("a.wav", silence(1)))
    assert mock.last()["target"] == "/openai/deployments/east/audio/transcriptions?api-version=2025-01-01"


@pytest.mark.parametrize(
    ("model", "text", "cost"),
    [("soniox", "a.wav 5", Fraction(SECOND) * Fraction("0.0000277778")), ("assemblyai", "one two three 5", "0.00035")],
)
def test_a_recording_is_heard_as_a_task(
    served: Gateway, client: openai.OpenAI, model: str, text: str, cost: str
) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model=model, file=("a.wav", b"sound", "audio/wav"), response_format="verbose_json"
    )
    found = raw.parse()
    assert (found.text, [word.word for word in found.words or []]) == (text, text.split())
    assert abs(Fraction(raw.headers[COST]) - Fraction(cost)) <= Fraction(1, 10**9)
    row = row_of(served, "call_id", raw.headers["x-tianji-call-id"])
    assert (row["cost"], row["call_type"]) == (nano(raw.headers[COST]), "atranscription")


@pytest.mark.parametrize(
    ("model", "text", "cost"),
    [
        ("mistral", "document_url one two three", "0.004"),
        ("reducto", "https://a.example/b.pdf", "0.0225"),  # one and a half credits
    ],
)
def test_documents_are_read(gateway: Gateway, model: str, text: str, cost: str) -> None:
    document = {"type": "document_url", "document_url": "https://a.example/b.pdf"}
    answer = gateway.post("/v1/ocr", {"model": model, "document": document})
    assert (answer.status_code, answer.json()["pages"][0]["markdown"]) == (200, text)
    assert (answer.json()["model"], Fraction(answer.headers[COST])) == (model, Fraction(cost))
    row = row_of(gateway, "call_id", answer.headers["x-tianji-call-id"])
    assert (row["cost"], row["call_type"]) == (nano(answer.headers[COST]), "aocr")


def test_the_path_may_name_the_model(gateway: Gateway) -> None:
    answer = gateway.client.post("/openai/deployments/listener/audio/transcriptions", files={"file": ("a.wav", b"x")})
    assert answer.json()["text"] == "a.wav 1"


# ---- ranks


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
@pytest.mark.parametrize(
    ("model", "sent", "cost"),
    [("ranks", "/v2/rerank", "0.002"), ("jina", "/rerank", "0.0000003"), ("voyage", "/rerank", "0.0000003")],
)
def test_ranks_are_in_coheres_form(gateway: Gateway, mock: Mock, path: str, model: str, sent: str, cost: str) -> None:
    body = {"model": model, "query": "red fox", "documents": ["blue dog", {"text": "red fox"}], "top_n": 1}
    answer = gateway.post(path, body)
    assert answer.json()["results"] == [{"index": 1, "relevance_score": 1.0}]
    assert mock.last()["path"] == sent
    assert ("top_k" in mock.last()["json"]) == (model == "voyage")
    assert Fraction(answer.headers[COST]) == Fraction(cost)


def test_no_budget_is_passed_by_pictures_that_are_made_at_once(gateway: Gateway, mock: Mock) -> None:
    secret = gateway.client.post("/key/generate", json={"max_budget": 0.1}).json()["key"]
    mock.control({"first_byte_ms": 300})
    body = {"model": "per-picture", "prompt": "x"}  # 0.04 dollars each

    def ask(_: int) -> int:
        return gateway.post("/v1/images/generations", body, authorization=f"Bearer {secret}").status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(ask, range(6)))
    # two fit, and a third takes what is left, as everywhere
    assert statuses == [200, 200, 200, 422, 422, 422]


# ---- what is hostile


FILE = b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n'
MODEL = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nlistener\r\n'


@pytest.mark.parametrize(
    ("body", "kind", "problem"),
    [
        (FILE + MODEL, "multipart/form-data; boundary=b", "closing boundary"),
        (FILE + MODEL + b"--b--", "multipart/form-data", "boundary"),
        (MODEL + b"--b--", "multipart/form-data; boundary=b", "'file'"),
        (FILE + b"--b--", "multipart/form-data; boundary=b", "model"),
        (FILE.replace(b'; filename="f"', b"") + MODEL + b"--b--", "multipart/form-data; boundary=b", "a file"),
        (FILE * 300 + MODEL + b"--b--", "multipart/form-data; boundary=b", "parts"),
        (b"{}", "application/json", "model"),
        (b"model=listener", "application/x-www-form-urlencoded", "neither"),
    ],
)
def test_a_form_at_fault_is_400_and_reaches_nobody(
    gateway: Gateway, mock: Mock, body: bytes, kind: str, problem: str
) -> None:
    answer = gateway.client.post("/v1/audio/transcriptions", content=body, headers={"content-type": kind})
    assert answer.status_code == 400, answer.text
    assert problem in answer.json()["error"]["message"]
    assert mock.requests() == []


def test_another_caller_needs_a_key(gateway: Gateway) -> None:
    answer = gateway.client.post("/v1/audio/speech", json={}, headers={"authorization": "Bearer sk-nobody-knows-it"})
    assert answer.status_code == 401
    assert json.loads(answer.text)["error"]
