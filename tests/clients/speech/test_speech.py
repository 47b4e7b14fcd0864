"""The clients of Deepgram, AssemblyAI and ElevenLabs, over their APIs as they are: HTTP and WebSockets.

The mock has their conversations; what it answers over HTTP is given to it here, in the forms that they document.
"""

import json
import threading
from collections.abc import Iterator
from typing import Any

import assemblyai
import pytest
from assemblyai.streaming.v3 import (
    BeginEvent,
    StreamingClient,
    StreamingClientOptions,
    StreamingEvents,
    StreamingParameters,
    TerminationEvent,
    TurnEvent,
)
from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError as DeepgramError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError as ElevenLabsError
from tests.clients.conftest import UPSTREAM_KEY
from tests.contract.harness import MASTER_KEY, Gateway, Mock

SOUND = bytes(3200)  # a tenth of a second at 16 kHz


def answers(mock: Mock, path: str, body: object, status: str = "200 OK") -> None:
    """Have the mock answer a path: with bytes as sound, with anything else as JSON."""
    kind, text = ("audio/mpeg", body) if isinstance(body, bytes) else ("application/json", json.dumps(body).encode())
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(text)}\r\n\r\n"
    mock.control({"raw": head + text.decode("latin-1")}, path=path)


def sent(mock: Mock, name: str) -> str:
    """Return a header that the mock was sent last."""
    return str(dict(mock.last()["headers"])[name])


class TestDeepgram:
    @pytest.fixture
    def client(self, gateway: Gateway, mock: Mock) -> DeepgramClient:
        http, socket = f"{gateway.url}/deepgram", f"{gateway.url.replace('http', 'ws')}/deepgram"
        there = DeepgramClientEnvironment(base=http, production=socket, agent=socket, agent_rest=http)
        return DeepgramClient(api_key=MASTER_KEY, environment=there)

    def test_what_was_recorded(self, client: DeepgramClient, mock: Mock) -> None:
        heard = {"channels": [{"alternatives": [{"transcript": "what was said", "confidence": 1.0}]}]}
        answers(mock, "/v1/listen", {"metadata": {"duration": 1.0, "channels": 1}, "results": heard})
        found: Any = client.listen.v1.media.transcribe_file(request=SOUND, model="nova-3")
        assert found.results.channels[0].alternatives[0].transcript == "what was said"
        assert sent(mock, "authorization") == f"Token {UPSTREAM_KEY}"

    def test_what_is_spoken(self, client: DeepgramClient, mock: Mock) -> None:
        heard: list[Any] = []
        with client.listen.v1.connect(model="nova-3", encoding="linear16", sample_rate=16000) as socket:
            socket.on(EventType.MESSAGE, heard.append)
            for _ in range(3):
                socket.send_media(SOUND)
            socket.send_close_stream()
            socket.start_listening()  # until the socket is closed
        assert [message.type for message in heard] == ["Results", "Results", "Results", "Metadata"]
        assert heard[0].channel.alternatives[0].transcript == "what was said"
        assert heard[-1].duration == 3.0

    def test_a_refusal_is_the_vendors(self, client: DeepgramClient, mock: Mock) -> None:
        answers(mock, "/v1/listen", {"err_code": "BAD", "err_msg": "no such model"}, "400 Bad Request")
        with pytest.raises(DeepgramError) as caught:
            client.listen.v1.media.transcribe_file(request=SOUND, model="nova-0")
        assert caught.value.status_code == 400
        assert caught.value.body == {"err_code": "BAD", "err_msg": "no such model"}


class TestAssemblyAI:
    @pytest.fixture
    def transcriber(self, gateway: Gateway, mock: Mock) -> assemblyai.Transcriber:
        settings = assemblyai.Settings(api_key=MASTER_KEY, base_url=f"{gateway.url}/assemblyai", polling_interval=0.1)
        return assemblyai.Transcriber(client=assemblyai.Client(settings=settings))

    def test_what_was_recorded(self, transcriber: assemblyai.Transcriber, mock: Mock) -> None:
        answers(mock, "/v2/upload", {"upload_url": "https://cdn.example/1"})
        job = {"id": "t-1", "audio_url": "https://cdn.example/1"}
        answers(mock, "/v2/transcript", {**job, "status": "queued"})
        answers(mock, "/v2/transcript/t-1", {**job, "status": "completed", "text": "what was said"})
        found = transcriber.transcribe(SOUND)
        assert (found.status, found.text) == (assemblyai.TranscriptStatus.completed, "what was said")
        asked = [request["path"] for request in mock.requests()]
        assert asked[:2] == ["/v2/upload", "/v2/transcript"]
        assert sent(mock, "authorization") == UPSTREAM_KEY

    def test_what_is_spoken(self, gateway: Gateway, mock: Mock) -> None:
        host = f"{gateway.url.replace('http', 'ws')}/assemblyai"
        client = StreamingClient(StreamingClientOptions(api_key=MASTER_KEY, api_host=host, connect_timeout=10))
        heard: list[Any] = []
        turned = threading.Event()

        def take(_client: StreamingClient, event: Any) -> None:
            heard.append(event)
            if isinstance(event, TurnEvent):
                turned.set()

        for kind in (StreamingEvents.Begin, StreamingEvents.Turn, StreamingEvents.Termination, StreamingEvents.Error):
            client.on(kind, take)
        client.connect(StreamingParameters(sample_rate=16000))
        client.stream(SOUND)
        assert turned.wait(10)
        client.disconnect(terminate=True)
        assert [type(event) for event in heard] == [BeginEvent, TurnEvent, TerminationEvent]
        assert heard[1].transcript == "what was said"
        assert heard[2].audio_duration_seconds == 1


class TestElevenLabs:
    @pytest.fixture
    def client(self, gateway: Gateway, mock: Mock) -> ElevenLabs:
        made = ElevenLabs(api_key=MASTER_KEY, base_url=f"{gateway.url}/elevenlabs")
        made.text_to_speech._ws_base_url = f"{gateway.url.replace('http', 'ws')}/elevenlabs"  # it says wss always
        return made

    def test_plain_and_streamed(self, client: ElevenLabs, mock: Mock) -> None:
        answers(mock, "/v1/text-to-speech/v-1", SOUND)
        answers(mock, "/v1/text-to-speech/v-1/stream", SOUND[:100])
        said: dict[str, Any] = {"voice_id": "v-1", "text": "good morning", "model_id": "eleven_v3"}
        assert b"".join(client.text_to_speech.convert(**said)) == SOUND
        assert b"".join(client.text_to_speech.stream(**said)) == SOUND[:100]
        assert sent(mock, "xi-api-key") == UPSTREAM_KEY

    def test_text_as_it_is_written(self, client: ElevenLabs, mock: Mock) -> None:
        def words() -> Iterator[str]:
            yield "good morning, "
            yield "and good night."

        pieces = list(client.text_to_speech.convert_realtime(voice_id="v-1", text=words(), model_id="eleven_v3"))
        assert pieces
        assert set(pieces) == {bytes(3)}

    def test_a_refusal_is_the_vendors(self, client: ElevenLabs, mock: Mock) -> None:
        refused = {"detail": {"status": "voice_not_found", "message": "no such voice"}}
        answers(mock, "/v1/text-to-speech/v-0", refused, "404 Not Found")
        with pytest.raises(ElevenLabsError) as caught:
            b"".join(client.text_to_speech.convert(voice_id="v-0", text="x"))
        assert (caught.value.status_code, caught.value.body) == (404, refused)
