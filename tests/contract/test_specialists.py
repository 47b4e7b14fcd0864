"""Pictures, sound and ranks of vendors with a form of their own, in forms as their references show them.

Each module of `tianji.protocol.media`, and `tianji.protocol.ranks`, names the document that it follows.
"""

import base64
import io
import json
import wave
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import openai
import pytest
from tests.contract.harness import Gateway
from tests.contract.passthrough.conftest import account
from tests.fakes.vendors import Answer, Vendors, plain

KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "s3cret", "aws_region_name": "eu-west-1"}
PLACE = "/v1/projects/p-1/locations/us-central1"
RANKING = "/v1/projects/p-1/locations/global/rankingConfigs/default_ranking_config:rank"
PICTURE = base64.b64encode(b"\x89PNG").decode()
MP3 = Answer(b"ID3 sound", 200, "audio/mpeg")


def models(url: str) -> dict[str, dict[str, Any]]:
    """Return the deployments by name."""
    vertex = {"api_base": url, "vertex_credentials": {**account(f"{url}/token"), "project_id": "p-1"}}
    azure = {"api_base": url, "tenant_id": "t", "client_id": "c", "client_secret": "s3cret"}
    return {
        "elevenlabs-voice": {"model": "elevenlabs/eleven_multilingual_v2", "api_base": url, "api_key": "k"},
        "elevenlabs-ear": {"model": "elevenlabs/scribe_v1", "api_base": url, "api_key": "k"},
        "deepgram-voice": {"model": "deepgram/aura-2-thalia-en", "api_base": f"{url}/v1", "api_key": "k"},
        "deepgram-ear": {"model": "deepgram/nova-3", "api_base": f"{url}/v1", "api_key": "k"},
        "polly": {"model": "aws_polly/neural", "api_base": url, **KEYS},
        "azure-voice": {"model": "azure/speech/azure-tts", "api_base": url, "api_key": "k"},
        "azure-ear": {"model": "azure/whisper", "api_version": "2024-10-21", **azure},
        "minimax": {"model": "minimax/speech-02-hd", "api_base": url, "api_key": "k"},
        "gemini-voice": {"model": "gemini/gemini-2.5-flash-preview-tts", "api_base": url, "api_key": "k"},
        "chirp": {"model": "vertex_ai/chirp", **vertex},
        "stability": {"model": "stability/sd3.5-large", "api_base": url, "api_key": "k"},
        "stability-edit": {"model": "stability/inpaint", "api_base": url, "api_key": "k"},
        "fal": {"model": "fal_ai/fal-ai/flux/dev", "api_base": url, "api_key": "k"},
        "imagen": {"model": "vertex_ai/imagen-4.0-generate-001", **vertex},
        "gemini-image": {"model": "gemini/gemini-2.5-flash-image", "api_base": url, "api_key": "k"},
        "nova-canvas": {"model": "bedrock/amazon.nova-canvas-v1:0", "api_base": url, **KEYS},
        "bedrock-stability": {"model": "bedrock/stability.sd3-5-large-v1:0", "api_base": url, **KEYS},
        "openrouter": {"model": "openrouter/google/gemini-2.5-flash-image", "api_base": url, "api_key": "k"},
        "qwen-image": {"model": "dashscope/qwen-image", "api_base": f"{url}/compatible-mode/v1", "api_key": "k"},
        "flux": {"model": "black_forest_labs/flux-pro-1.1", "api_base": url, "api_key": "k"},
        "runway": {"model": "runwayml/gen4_image", "api_base": url, "api_key": "k"},
        "tei": {"model": "huggingface/BAAI/bge-reranker-base", "api_base": url, "api_key": "k"},
        "watsonx-ranks": {"model": "watsonx/cross-encoder/ms-marco", "api_base": url, "token": "t", "project_id": "p"},
        "vertex-ranks": {"model": "vertex_ai/semantic-ranker-default@latest", **vertex},
        "bedrock-ranks": {"model": "bedrock/amazon.rerank-v1:0", "api_base": url, **KEYS},
        "deepinfra-ranks": {
            "model": "deepinfra/Qwen/Qwen3",
            "api_base": f"{url}/v1/openai",
            "api_key": "k",
        },
        "nim-ranks": {"model": "nvidia_nim/nvidia/nv-rerankqa", "api_base": f"{url}/v1", "api_key": "k"},
        "qwen-ranks": {"model": "dashscope/gte-rerank", "api_base": f"{url}/compatible-mode/v1", "api_key": "k"},
        "codestral": {"model": "text-completion-codestral/codestral-2405", "api_base": f"{url}/v1", "api_key": "k"},
        "llama": {"model": "vertex_ai/meta/llama-3.3-70b-instruct-maas", **vertex},
        "mistral-on-vertex": {"model": "vertex_ai/mistral-large@2407", **vertex},
        "snowflake": {"model": "snowflake/snowflake-arctic-embed-m", "api_base": f"{url}/cortex/v1", "api_key": "k"},
    }


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        token = plain({"access_token": "tok-1", "expires_in": 3600, "token_type": "Bearer"})
        running.say("/token", token)
        running.say("/t/oauth2/v2.0/token", token)
        yield running


@pytest.fixture(scope="module")
def gateway(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    listed = [{"model_name": name, "litellm_params": params} for name, params in models(vendors.url).items()]
    env = {"AZURE_AUTHORITY_HOST": vendors.url, "WATSONX_TOKEN": "tok-1"}
    config = {"model_list": listed, "router_settings": {"num_retries": 0}}
    with Gateway(config, tmp_path_factory.mktemp("specialists"), edge=edge, env=env) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as made:
        yield made


# ---- voices


SAMPLES = {"candidates": [{"content": {"parts": [{"inlineData": {"data": base64.b64encode(b"\0\1" * 4).decode()}}]}}]}


class Voice(NamedTuple):
    """Where a vendor is asked to speak, with what, and how it is said what comes."""

    path: str
    told: Any
    answer: Answer = MP3
    sound: bytes = b"ID3 sound"
    query: str = ""


VOICES = {
    "elevenlabs-voice": Voice(
        "/v1/text-to-speech/21m00Tcm4TlvDq8ikWAM",
        {"text": "one & two", "model_id": "eleven_multilingual_v2", "voice_settings": {"speed": 1.5}},
        query="output_format=mp3_44100_128",
    ),
    "deepgram-voice": Voice("/v1/speak", {"text": "one & two"}, query="model=aura-2-thalia-en&encoding=mp3"),
    "polly": Voice(
        "/v1/speech",
        {"Engine": "neural", "OutputFormat": "mp3", "Text": "one & two", "TextType": "text", "VoiceId": "Joanna"},
    ),
    "azure-voice": Voice(
        "/cognitiveservices/v1",
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
        '<voice name="en-US-JennyNeural"><prosody rate="+50%">one &amp; two</prosody></voice></speak>',
    ),
    "minimax": Voice(
        "/t2a_v2",
        {
            "model": "speech-02-hd",
            "text": "one & two",
            "stream": False,
            "voice_setting": {"voice_id": "alloy", "speed": 1.5},
            "audio_setting": {"format": "mp3"},
        },
        plain({"data": {"audio": b"ID3 sound".hex()}, "base_resp": {"status_code": 0}}),
    ),
    "chirp": Voice(
        "/v1/text:synthesize",
        {
            "input": {"text": "one & two"},
            "voice": {"languageCode": "en-US", "name": "en-US-Chirp3-HD-Charon"},
            "audioConfig": {"audioEncoding": "MP3", "speakingRate": 1.5},
        },
        plain({"audioContent": base64.b64encode(b"ID3 sound").decode()}),
    ),
    "gemini-voice": Voice(
        "/models/gemini-2.5-flash-preview-tts:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": "one & two"}]}],
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            },
        },
        plain(SAMPLES),
        b"\0\1" * 4,
    ),
}


@pytest.mark.parametrize("model", VOICES)
class TestVoices:
    def test_it_speaks(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        voice = VOICES[model]
        vendors.say(voice.path, voice.answer)
        body: dict[str, Any] = {"model": model, "input": "one & two", "voice": "alloy"}
        body |= {"response_format": "pcm"} if model == "gemini-voice" else {}
        body |= {"speed": 1.5} if model in ("elevenlabs-voice", "azure-voice", "minimax", "chirp") else {}
        answer = gateway.post("/v1/audio/speech", body)
        assert (answer.status_code, answer.content) == (200, voice.sound)
        assert answer.headers["content-type"].startswith("audio/")
        asked = vendors.last(voice.path)
        assert (asked.body.decode() if isinstance(voice.told, str) else asked.json) == voice.told
        assert asked.query == voice.query

    def test_a_form_that_it_has_not_is_refused(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        vendors.reset()
        body = {"model": model, "input": "one", "voice": "alloy", "response_format": "morse"}
        answer = gateway.post("/v1/audio/speech", body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "response_format")
        assert vendors.asked == []

    def test_an_error_is_told(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        vendors.say(VOICES[model].path, plain({"message": "slow down"}, 429))
        answer = gateway.post(
            "/v1/audio/speech", {"model": model, "input": "one", "voice": "alloy"} | WAV.get(model, {})
        )
        assert (answer.status_code, "slow down" in answer.text) == (429, True)


CONVERTED = ("minimax", "gemini-voice", "chirp")  # whose sound comes in JSON
WAV = {"gemini-voice": {"response_format": "wav"}}


@pytest.mark.parametrize(
    ("model", "path"), [(name, VOICES[name].path) for name in ("minimax", "gemini-voice", "chirp")]
)
@pytest.mark.parametrize("said", [b"{}", b"[]", b'{"data":{"audio":"zz"}}', b"\xff"])
def test_sound_that_is_none_is_502_with_the_name(
    gateway: Gateway, vendors: Vendors, model: str, path: str, said: bytes
) -> None:
    vendors.say(path, Answer(said))
    answer = gateway.post("/v1/audio/speech", {"model": model, "input": "one", "voice": "alloy"} | WAV.get(model, {}))
    if model == "minimax" and said == b"{}":
        assert answer.content == b""  # it said that nothing went wrong
        return
    assert answer.status_code == 502, answer.text
    assert model.partition("-")[0].replace("chirp", "vertex_ai") in answer.json()["error"]["message"]


def test_samples_come_in_a_file_unless_they_are_wanted_alone(gateway: Gateway, vendors: Vendors) -> None:
    voice = VOICES["gemini-voice"]
    vendors.say(voice.path, voice.answer)
    answer = gateway.post("/v1/audio/speech", {"model": "gemini-voice", "input": "one", "voice": "Puck"})
    assert answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as found:
        assert (found.getframerate(), found.getnchannels(), found.getsampwidth()) == (24000, 1, 2)
        assert found.readframes(9) == voice.sound


# ---- ears


HEARD = {
    "metadata": {"duration": 3.5},
    "results": {
        "channels": [{"alternatives": [{"transcript": "hi", "words": [{"word": "hi", "start": 0, "end": 1}]}]}]
    },
}
WRITTEN = {
    "language_code": "en",
    "text": "hi",
    "words": [{"text": "hi", "start": 0, "end": 3.5, "type": "word"}, {"text": " ", "type": "spacing"}],
}


@pytest.mark.parametrize(
    ("model", "path", "answer"),
    [("deepgram-ear", "/v1/listen", HEARD), ("elevenlabs-ear", "/v1/speech-to-text", WRITTEN)],
)
@pytest.mark.parametrize("size", [300, 3 * 1024 * 1024])
def test_recordings_become_text(
    client: openai.OpenAI, vendors: Vendors, model: str, path: str, answer: Any, size: int
) -> None:
    vendors.say(path, plain(answer))
    found = client.audio.transcriptions.create(
        model=model, file=("a.mp3", bytes(size), "audio/mpeg"), language="en", response_format="verbose_json"
    )
    assert (found.text, float(found.duration)) == ("hi", 3.5)
    assert found.words is not None
    assert (found.words[0].word, found.words[0].start) == ("hi", 0)
    asked = vendors.last(path)
    if model == "deepgram-ear":
        assert asked.query == "model=nova-3&language=en"
        assert (asked.headers["content-type"], len(asked.body)) == ("audio/mpeg", size)
        assert asked.headers["authorization"] == "Token k"
    else:
        assert b'name="model_id"\r\n\r\nscribe_v1\r\n' in asked.body
        assert b'name="language_code"\r\n\r\nen\r\n' in asked.body
        assert b'name="file"; filename="a.mp3"' in asked.body
        assert asked.headers["xi-api-key"] == "k"


@pytest.mark.parametrize(("model", "path"), [("deepgram-ear", "/v1/listen"), ("elevenlabs-ear", "/v1/speech-to-text")])
def test_transcripts_are_json(gateway: Gateway, vendors: Vendors, model: str, path: str) -> None:
    vendors.reset()
    form = {"files": {"file": ("a.mp3", b"x")}, "data": {"model": model, "response_format": "srt"}}
    answer = gateway.client.post("/v1/audio/transcriptions", **form)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "response_format")
    assert vendors.asked == []
    vendors.say(path, plain({"nothing": 1}))
    form["data"] = {"model": model}
    answer = gateway.client.post("/v1/audio/transcriptions", **form)
    assert answer.status_code == 502
    assert model.partition("-")[0] in answer.json()["error"]["message"]


def test_a_form_shows_the_token_of_a_login(client: openai.OpenAI, vendors: Vendors) -> None:
    path = "/openai/deployments/whisper/audio/transcriptions"
    vendors.say(path, plain({"text": "hi"}))
    assert client.audio.transcriptions.create(model="azure-ear", file=("a.mp3", b"x")).text == "hi"
    assert vendors.last(path).headers["authorization"] == "Bearer tok-1"


# ---- pictures


def parts(*pictures: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"inlineData": {"data": one}} for one in pictures]}}]}


class Painter(NamedTuple):
    """Where a vendor is asked to paint, with what, and what it answers, once with a picture and once without."""

    path: str
    told: Any
    answer: Any
    filtered: Any = None


CHAT_IMAGE = {"message": {"images": [{"image_url": {"url": f"data:image/png;base64,{PICTURE}"}}]}}
PAINTERS = {
    "stability": Painter(
        "/v2beta/stable-image/generate/sd3",
        {"prompt": "a cat", "model": "sd3.5-large", "aspect_ratio": "16:9", "output_format": "png"},
        {"image": PICTURE, "finish_reason": "SUCCESS", "seed": 1},
        {"image": PICTURE, "finish_reason": "CONTENT_FILTERED", "seed": 1},
    ),
    "fal": Painter(
        "/fal-ai/flux/dev",
        {"prompt": "a cat", "num_images": 1, "image_size": {"width": 1792, "height": 1024}},
        {"images": [{"url": "https://fal.media/a.png", "width": 1792}], "seed": 1},
    ),
    "imagen": Painter(
        f"{PLACE}/publishers/google/models/imagen-4.0-generate-001:predict",
        {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 1, "aspectRatio": "16:9"}},
        {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": PICTURE}]},
        {"predictions": [{"raiFilteredReason": "no"}]},
    ),
    "gemini-image": Painter(
        "/models/gemini-2.5-flash-image:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
            "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9"}},
        },
        parts(PICTURE)
        | {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1290, "totalTokenCount": 1293}},
        {"candidates": [{"finishReason": "IMAGE_SAFETY"}]},
    ),
    "nova-canvas": Painter(
        "/model/amazon.nova-canvas-v1%3A0/invoke",
        {
            "taskType": "TEXT_IMAGE",
            "textToImageParams": {"text": "a cat"},
            "imageGenerationConfig": {"numberOfImages": 1, "width": 1792, "height": 1024, "quality": "standard"},
        },
        {"images": [PICTURE]},
        {"images": [], "error": "blocked by our content filters"},
    ),
    "bedrock-stability": Painter(
        "/model/stability.sd3-5-large-v1%3A0/invoke",
        {"prompt": "a cat", "aspect_ratio": "16:9", "mode": "text-to-image"},
        {"seeds": [1], "finish_reasons": [None], "images": [PICTURE]},
        {"seeds": [1], "finish_reasons": ["Filter reason: prompt"]},
    ),
    "openrouter": Painter(
        "/chat/completions",
        {
            "model": "google/gemini-2.5-flash-image",
            "messages": [{"role": "user", "content": "a cat"}],
            "modalities": ["image", "text"],
            "image_config": {"aspect_ratio": "16:9"},
        },
        {"choices": [CHAT_IMAGE], "usage": {"prompt_tokens": 3, "completion_tokens": 9}},
    ),
    "qwen-image": Painter(
        "/api/v1/services/aigc/multimodal-generation/generation",
        {
            "model": "qwen-image",
            "input": {"messages": [{"role": "user", "content": [{"text": "a cat"}]}]},
            "parameters": {"size": "1792*1024", "n": 1},
        },
        {"output": {"choices": [{"message": {"content": [{"image": "https://a.aliyuncs.com/a.png"}]}}]}},
    ),
}


def fields(body: bytes) -> dict[str, str]:
    """Return the fields of a form."""
    found = {}
    for part in body.split(b"\r\n--"):
        head, _, value = part.partition(b"\r\n\r\n")
        if b'name="' in head and b"filename" not in head:
            found[head.split(b'name="')[1].split(b'"')[0].decode()] = value.decode()
    return found


@pytest.mark.parametrize("model", PAINTERS)
class TestPainters:
    def test_a_picture(self, client: openai.OpenAI, vendors: Vendors, model: str) -> None:
        painter = PAINTERS[model]
        vendors.say(painter.path, plain(painter.answer))
        found = client.images.generate(model=model, prompt="a cat", n=1, size="1792x1024")
        (made,) = found.data or []
        assert made.b64_json == PICTURE or (made.url or "").startswith("https://")
        asked = vendors.last(painter.path)
        assert (fields(asked.body) if model == "stability" else asked.json) == painter.told

    def test_none(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        painter = PAINTERS[model]
        for said in (b"{}", b"[]", b'"x"', b'{"images":7,"choices":7,"output":7,"predictions":7,"candidates":7}'):
            vendors.say(painter.path, Answer(said))
            answer = gateway.post("/v1/images/generations", {"model": model, "prompt": "a cat"})
            error = answer.json()["error"]
            if model == "imagen" and said == b"{}":  # as Google says that all were held back
                assert (answer.status_code, error["code"]) == (400, "content_filter")
                continue
            assert answer.status_code == 502, (said, answer.text)
            provider = {"fal": "fal_ai", "imagen": "vertex_ai", "nova-canvas": "bedrock", "qwen-image": "dashscope"}
            assert provider.get(model, model.split("-", maxsplit=1)[0]) in error["message"]

    def test_one_that_is_held_back(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        painter = PAINTERS[model]
        if painter.filtered is None:
            return
        vendors.say(painter.path, plain(painter.filtered))
        answer = gateway.post("/v1/images/generations", {"model": model, "prompt": "a cat"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_filter")


def test_an_edit_brings_its_picture(client: openai.OpenAI, vendors: Vendors) -> None:
    path = "/v2beta/stable-image/edit/inpaint"
    vendors.say(path, plain({"image": PICTURE, "finish_reason": "SUCCESS"}))
    png, mask = ("a.png", b"\x89PNG one", "image/png"), ("m.png", b"\x89PNG two", "image/png")
    found = client.images.edit(model="stability-edit", image=png, mask=mask, prompt="a hat", extra_body={"seed": 3})
    assert (found.data or [])[0].b64_json == PICTURE
    asked = vendors.last(path)
    assert fields(asked.body) == {"prompt": "a hat", "output_format": "png", "seed": "3"}
    assert b'name="image"; filename="a.png"' in asked.body
    assert b'name="mask"; filename="m.png"' in asked.body
    assert asked.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("model", "begins", "told", "look", "done", "held_back"),
    [
        (
            "flux",
            "/v1/flux-pro-1.1",
            {"prompt": "a cat", "width": 1792, "height": 1024},
            "/v1/get_result",
            {"id": "i", "status": "Ready", "result": {"sample": "https://delivery.bfl.ai/a.png"}},
            {"id": "i", "status": "Request Moderated"},
        ),
        (
            "runway",
            "/v1/text_to_image",
            {"model": "gen4_image", "promptText": "a cat", "ratio": "1792:1024"},
            "/v1/tasks/i",
            {"id": "i", "status": "SUCCEEDED", "output": ["https://a.runwayml.com/a.png"]},
            {"id": "i", "status": "FAILED", "failure": "no", "failureCode": "SAFETY.INPUT.TEXT"},
        ),
    ],
)
def test_a_picture_that_is_a_task(
    gateway: Gateway,
    vendors: Vendors,
    model: str,
    begins: str,
    told: dict[str, Any],
    look: str,
    done: dict[str, Any],
    held_back: dict[str, Any],
) -> None:
    vendors.say(begins, plain({"id": "i", "polling_url": f"{vendors.url}{look}?id=i"}))
    vendors.say(look, plain(done))
    ask = {"model": model, "prompt": "a cat", "size": "1792x1024"}
    answer = gateway.post("/v1/images/generations", ask)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"][0]["url"].endswith("/a.png")
    assert vendors.last(begins).json == told
    assert {"k", "Bearer k"} & set(vendors.last(look).headers.values())
    vendors.say(look, plain(held_back))
    answer = gateway.post("/v1/images/generations", ask)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_filter")
    vendors.say(look, plain({"id": "i", "status": "FAILED" if model == "runway" else "Error"}))
    assert gateway.post("/v1/images/generations", ask).status_code >= 500
    for said, status in ((Answer(b"\xff"), 502), (plain({"detail": "slow down"}, 429), 429)):
        vendors.say(begins, said)
        answer = gateway.post("/v1/images/generations", ask)
        assert answer.status_code == status, answer.text


def test_no_key_goes_where_an_answer_leads(gateway: Gateway, vendors: Vendors) -> None:
    for where in ("https://evil.example/x", "http://127.0.0.1:1/x", "//x", "http://u@127.0.0.1/", "http://[x"):
        vendors.say("/v1/flux-pro-1.1", plain({"id": "i", "polling_url": where}))
        answer = gateway.post("/v1/images/generations", {"model": "flux", "prompt": "a cat"})
        assert answer.status_code in (404, 502), (where, answer.text)


def test_a_picture_of_gemini_costs_its_tokens(gateway: Gateway, vendors: Vendors) -> None:
    painter = PAINTERS["gemini-image"]
    vendors.say(painter.path, plain(painter.answer))
    answer = gateway.post("/v1/images/generations", {"model": "gemini-image", "prompt": "a cat"})
    # 3 tokens at 0.3 dollars a million, 1290 of a picture at 30
    assert Fraction(answer.headers["x-litellm-response-cost"]) == Fraction(3 * 3, 10**7) + Fraction(1290 * 30, 10**6)


# ---- ranks


class Ranker(NamedTuple):
    """Where a vendor is asked to rank, what of the request tells it apart, and how it says ranks."""

    path: str
    member: str
    answer: Any


RANKERS = {
    "tei": Ranker("/rerank", "texts", [{"index": 0, "score": 0.1}, {"index": 1, "score": 0.9}]),
    "watsonx-ranks": Ranker(
        "/ml/v1/text/rerank", "project_id", {"results": [{"index": 1, "score": 0.9}], "input_token_count": 7}
    ),
    "vertex-ranks": Ranker(RANKING, "records", {"records": [{"id": "1", "score": 0.9}]}),
    "bedrock-ranks": Ranker("/rerank", "rerankingConfiguration", {"results": [{"index": 1, "relevanceScore": 0.9}]}),
    "deepinfra-ranks": Ranker("/v1/inference/Qwen/Qwen3", "queries", {"scores": [0.1, 0.9]}),
    "nim-ranks": Ranker("/v1/ranking", "passages", {"rankings": [{"index": 1, "logit": 0.9}]}),
    "qwen-ranks": Ranker("/compatible-api/v1/reranks", "top_n", {"results": [{"index": 1, "relevance_score": 0.9}]}),
}


@pytest.mark.parametrize("model", RANKERS)
def test_ranks(gateway: Gateway, vendors: Vendors, model: str) -> None:
    ranker = RANKERS[model]
    vendors.say(ranker.path, plain(ranker.answer))
    ask = {"model": model, "query": "red fox", "documents": ["blue dog", {"text": "red fox"}], "top_n": 1}
    answer = gateway.post("/v1/rerank", ask)
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"] == [{"index": 1, "relevance_score": 0.9}]
    asked = vendors.last(ranker.path)
    assert ranker.member in asked.json
    assert "authorization" in asked.headers
    vendors.say(ranker.path, plain({"nothing": 1}))
    assert gateway.post("/v1/rerank", ask).status_code == 502


def test_bedrock_is_told_the_whole_name_of_a_model(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/rerank", plain({"results": []}))
    gateway.post("/v1/rerank", {"model": "bedrock-ranks", "query": "x", "documents": ["y"]})
    told = vendors.last("/rerank").json["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    arn = "arn:aws:bedrock:eu-west-1::foundation-model/amazon.rerank-v1:0"
    assert told["modelConfiguration"] == {"modelArn": arn}


# ---- chat and embeddings that came with them


@pytest.mark.parametrize(
    ("model", "path", "streamed"),
    [
        ("llama", f"{PLACE}/endpoints/openapi/chat/completions", ""),
        (
            "mistral-on-vertex",
            f"{PLACE}/publishers/mistralai/models/mistral-large@2407:rawPredict",
            f"{PLACE}/publishers/mistralai/models/mistral-large@2407:streamRawPredict",
        ),
    ],
)
def test_partners_of_vertex(client: openai.OpenAI, vendors: Vendors, model: str, path: str, streamed: str) -> None:
    said = {"role": "assistant", "content": "a b"}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    vendors.say(path, plain({"id": "c", "created": 1, "model": "m", "choices": [choice], "usage": usage}))
    messages: Any = [{"role": "user", "content": "one"}]
    found = client.chat.completions.create(model=model, messages=messages)
    assert (found.choices[0].message.content, found.model) == ("a b", model)
    asked = vendors.last(path)
    assert asked.headers["authorization"] == "Bearer tok-1"
    assert asked.json["model"] in ("meta/llama-3.3-70b-instruct-maas", "mistral-large@2407")
    chunk = {"id": "c", "created": 1, "choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}
    events = [f"data: {json.dumps(chunk)}\n\n".encode(), b"data: [DONE]\n\n"]
    vendors.say(streamed or path, Answer(events, 200, "text/event-stream"))
    stream = client.chat.completions.create(model=model, messages=messages, stream=True)
    assert "".join(choice.delta.content or "" for one in stream for choice in one.choices) == "a b"


def test_what_lies_between_two_texts(client: openai.OpenAI, vendors: Vendors) -> None:
    path = "/v1/fim/completions"
    choice = {"index": 0, "message": {"role": "assistant", "content": "a b"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    vendors.say(path, plain({"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage}))
    ask: Any = {"model": "codestral", "prompt": "def f(", "suffix": "return 1", "seed": 3, "max_tokens": 9}
    found = client.completions.create(**ask)
    assert (found.choices[0].text, found.object) == ("a b", "text_completion")
    assert vendors.last(path).json == {
        "model": "codestral-2405",
        "prompt": "def f(",
        "suffix": "return 1",
        "random_seed": 3,
        "max_tokens": 9,
    }
    chunks = [
        {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": reason}]}
        for text, reason in (("a ", None), ("b", "stop"))
    ]
    events = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    vendors.say(path, Answer([*events, b"data: [DONE]\n\n"], 200, "text/event-stream"))
    assert "".join(one.choices[0].text for one in client.completions.create(**ask, stream=True)) == "a b"
    with pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="codestral", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.BadRequestError, match="suffix"):
        client.completions.create(**{**ask, "model": "mistral-on-vertex"})


def test_embeddings_of_snowflake(client: openai.OpenAI, vendors: Vendors) -> None:
    vendors.say("/cortex/inference:embed", plain({"data": [{"embedding": [[1.0, 2.0]], "index": 0}]}))
    found = client.embeddings.create(model="snowflake", input="one", encoding_format="float")
    assert found.data[0].embedding == [1.0, 2.0]
    assert vendors.last("/cortex/inference:embed").json == {"model": "snowflake-arctic-embed-m", "text": ["one"]}
