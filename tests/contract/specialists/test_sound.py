"""Voices, and ears."""

import base64
import io
import wave
from typing import Any, NamedTuple

import openai
import pytest
from tests.contract.harness import Gateway
from tests.fakes.vendors import Answer, Vendors, plain

MP3 = Answer(b"ID3 sound", 200, "audio/mpeg")


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
    "mistral-voice": Voice(
        "/v1/audio/speech",
        {
            "model": "voxtral-mini-tts-latest",
            "input": "one & two",
            "voice_id": "en_paul_neutral",
            "response_format": "mp3",
        },
        plain({"audio_data": base64.b64encode(b"ID3 sound").decode()}),
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


CONVERTED = ("minimax", "mistral-voice", "gemini-voice", "chirp")  # whose sound comes in JSON
WAV = {"gemini-voice": {"response_format": "wav"}}


@pytest.mark.parametrize(
    ("model", "path"), [(name, VOICES[name].path) for name in ("minimax", "mistral-voice", "gemini-voice", "chirp")]
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


GROK = {"text": "hi", "language": "en", "duration": 3.5, "words": [{"text": "hi", "start": 0, "end": 1, "speaker": 0}]}
EARS = [
    ("deepgram-ear", "/v1/listen", HEARD),
    ("elevenlabs-ear", "/v1/speech-to-text", WRITTEN),
    ("xai-ear", "/v1/stt", GROK),
]
LINE = dict.fromkeys(("deepgram-ear", "xai-ear"), "00:00:00,000 --> 00:00:01,000")
LINE["elevenlabs-ear"] = "00:00:00,000 --> 00:00:03,500"


@pytest.mark.parametrize(("model", "path", "said"), EARS)
def test_transcripts_are_written_as_they_are_wanted(
    gateway: Gateway, vendors: Vendors, model: str, path: str, said: Any
) -> None:
    line = LINE[model]
    vendors.say(path, plain(said))
    for form, kind, text in (
        ("text", "text/plain", "hi\n"),
        ("srt", "application/x-subrip", f"1\n{line}\nhi\n\n"),
        ("vtt", "text/vtt", f"WEBVTT\n\n{line.replace(',', '.')}\nhi\n"),
    ):
        asked = {"files": {"file": ("a.mp3", b"x")}, "data": {"model": model, "response_format": form}}
        answer = gateway.client.post("/v1/audio/transcriptions", **asked)
        assert (answer.status_code, answer.text) == (200, text)
        assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize(("model", "path"), [(model, path) for model, path, _ in EARS])
@pytest.mark.parametrize("form", [{}, {"response_format": "srt"}])
def test_a_transcript_that_is_none(
    gateway: Gateway, vendors: Vendors, model: str, path: str, form: dict[str, str]
) -> None:
    vendors.reset()
    asked: Any = {"files": {"file": ("a.mp3", b"x")}, "data": {"model": model, "response_format": "morse"}}
    answer = gateway.client.post("/v1/audio/transcriptions", **asked)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "response_format")
    assert vendors.asked == []
    vendors.say(path, plain({"nothing": 1}))
    asked["data"] = {"model": model, **form}
    answer = gateway.client.post("/v1/audio/transcriptions", **asked)
    assert answer.status_code == 502
    assert model.partition("-")[0] in answer.json()["error"]["message"]


def test_grok_hears_who_speaks(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/v1/stt", plain(GROK))
    asked = {"model": "xai-ear", "response_format": "diarized_json", "language": "en", "keyterm": "walls"}
    answer = gateway.client.post("/v1/audio/transcriptions", files={"file": ("a.mp3", b"x")}, data=asked)
    (line,) = answer.json()["segments"]
    assert (line["speaker"], line["text"], answer.json()["usage"]) == ("0", "hi", {"type": "duration", "seconds": 3.5})
    told = vendors.last("/v1/stt").body
    for name, value in {"model": "grok-voice-transcribe-2.0", "diarize": "true", "keyterm": "walls"}.items():
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in told
    assert told.index(b'name="language"') < told.index(b'name="file"')


def test_a_form_shows_the_token_of_a_login(client: openai.OpenAI, vendors: Vendors) -> None:
    path = "/openai/deployments/whisper/audio/transcriptions"
    vendors.say(path, plain({"text": "hi"}))
    assert client.audio.transcriptions.create(model="azure-ear", file=("a.mp3", b"x")).text == "hi"
    assert vendors.last(path).headers["authorization"] == "Bearer tok-1"
