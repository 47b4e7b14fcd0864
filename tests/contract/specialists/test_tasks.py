"""Vendors who hear a recording as a task: it is uploaded, begun, looked at, fetched and removed."""

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import openai
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import PATIENCE, Gateway, eventually
from tests.contract.specialists.test_pictures import fields
from tests.fakes.vendors import Vendors, plain

FIXTURES = Path(__file__).parents[1] / "fixtures"
SONIOX = json.loads((FIXTURES / "soniox" / "transcription.json").read_bytes())
ASSEMBLY = json.loads((FIXTURES / "assemblyai" / "transcript.json").read_bytes())
COST = "x-litellm-response-cost"
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")


class Ear(NamedTuple):
    """Where a vendor keeps recordings, begins tasks, is looked at and tells what it heard, and what it says there."""

    keeps: str
    begins: str
    look: str
    tells: str
    says: dict[str, Any]
    kept: Any
    heard: Any
    left: tuple[str, ...]


ID = SONIOX["queued"]["id"]
JOB, FILE = f"/v1/transcriptions/{ID}", f"/v1/files/{SONIOX['file']['id']}"
HEARD = f"/v2/transcript/{ASSEMBLY['queued']['id']}"
EARS = {
    "soniox": Ear(
        "/v1/files", "/v1/transcriptions", JOB, f"{JOB}/transcript", SONIOX, SONIOX["file"], SONIOX["transcript"],
        (JOB, FILE),
    ),
    "assembly": Ear(
        "/v2/upload", "/v2/transcript", HEARD, HEARD, ASSEMBLY, ASSEMBLY["uploaded"], ASSEMBLY["completed"], (HEARD,)
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        yield running


@pytest.fixture(scope="module")
def serving(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    at = {"api_base": vendors.url, "api_key": "sk-ear"}
    models = [
        ("soniox", {"model": "soniox/stt-async-v4", **at}),
        ("assembly", {"model": "assemblyai/universal-3-pro", "input_cost_per_second": 0.0001, **at}),
        ("best", {"model": "assemblyai/best", **at}),
        ("lenient", {"model": "assemblyai/universal-2", "drop_params": True, **at}),
        ("hasty", {"model": "soniox/stt-async-v4", "timeout": 1, **at}),
        ("assemblyai/*", {"model": "assemblyai/*", **at}),
        ("soniox/*", {"model": "soniox/*", **at}),
        ("pair", {"model": "soniox/stt-async-v4", "order": 1, **at}),
        ("pair", {"model": "assemblyai/universal-3-pro", "order": 2, **at}),
    ]
    config = {
        "model_list": [{"model_name": name, "litellm_params": params} for name, params in models],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("tasks"), edge=edge) as running:
        yield running


@pytest.fixture
def gateway(serving: Gateway, vendors: Vendors) -> Gateway:
    vendors.reset()
    for ear in EARS.values():
        ready(vendors, ear)
    return serving


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as made:
        yield made


def ready(vendors: Vendors, ear: Ear) -> None:
    """Have a vendor hear whatever comes, at the third look; what is removed is gone at once."""
    vendors.say(ear.keeps, plain(ear.kept))
    vendors.say(ear.begins, plain(ear.says["queued"]))
    processing = plain({**ear.says["queued"], "status": "processing"})
    vendors.say(ear.look, plain(ear.says["queued"]), processing, plain(ear.says["completed"]))
    if ear.tells != ear.look:
        vendors.say(ear.tells, plain(ear.heard))
    for where in ear.left:
        vendors.say(f"DELETE {where}", plain({}))


def removed(vendors: Vendors) -> list[str]:
    return [asked.path for asked in vendors.asked if asked.method == "DELETE"]


def hear(gateway: Gateway, model: str, /, **fields: str) -> Any:
    asked = {"files": {"file": ("a.mp3", b"sound", "audio/mpeg")}, "data": {"model": model, **fields}}
    return gateway.client.post("/v1/audio/transcriptions", **asked)


@contextmanager
def leaving(gateway: Gateway, model: str) -> Iterator[None]:
    """Send a recording, and leave at the end without an answer."""
    with gateway.connect() as client:
        body = (
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--b\r\n'
            b'content-disposition: form-data; name="model"\r\n\r\n%b\r\n--b--' % model.encode()
        )
        head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\n"
        head += f"content-type: multipart/form-data; boundary=b\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        yield


def gone(gateway: Gateway, model: str) -> float:
    """Return how many clients of a model have left so far."""
    lines = gateway.client.get("/metrics").text.splitlines()
    told = (line for line in lines if line.startswith("tianji_requests_total") and 'status="499"' in line)
    return sum(float(line.split()[-1]) for line in told if f'model="{model}"' in line)


@pytest.mark.parametrize("name", EARS)
class TestEars:
    @pytest.mark.parametrize("size", [0, 300, 3 * 1024 * 1024])
    def test_a_recording_becomes_text(self, client: openai.OpenAI, vendors: Vendors, name: str, size: int) -> None:
        ear = EARS[name]
        found = client.audio.transcriptions.create(
            model=name, file=("a.mp3", bytes(size), "audio/mpeg"), language="en", response_format="verbose_json"
        )
        assert found.text == ear.heard["text"]
        assert [(word.word, word.start, word.end) for word in found.words or []][:2] == [
            ("Hello", 0.01, 0.16),
            ("there.", 0.2, 0.42),
        ]
        kept = vendors.last(ear.keeps)
        assert kept.body.count(b"\0") == size
        assert kept.headers["authorization"] == ("Bearer sk-ear" if name == "soniox" else "sk-ear")
        assert int(kept.headers["content-length"]) == len(kept.body)
        looks = [asked for asked in vendors.asked if asked.method == "GET" and asked.path == ear.look]
        assert len(looks) == 3
        eventually(lambda: set(removed(vendors)) >= set(ear.left), "nothing stays behind")

    def test_all_forms(self, gateway: Gateway, vendors: Vendors, name: str) -> None:
        last = "Bonjour!" if name == "soniox" else "Goodbye."
        assert hear(gateway, name, response_format="text").text == f"Hello there. {last}\n"
        ready(vendors, EARS[name])
        answer = hear(gateway, name, response_format="srt")
        first = "1\n00:00:00,010 --> 00:00:00,420\nHello there.\n\n"
        assert answer.text == f"{first}2\n00:00:01,500 --> 00:00:02,000\n{last}\n\n"
        assert answer.headers["content-type"].startswith("application/x-subrip")
        ready(vendors, EARS[name])
        assert hear(gateway, name, response_format="vtt").text.startswith("WEBVTT\n\n00:00:00.010 --> ")
        ready(vendors, EARS[name])
        one, two = hear(gateway, name, response_format="diarized_json").json()["segments"]
        assert (one["id"], one["speaker"], two["speaker"]) == ("seg_000", *("12" if name == "soniox" else "AB"))
        asked = vendors.last(EARS[name].begins).json
        assert asked["enable_speaker_diarization" if name == "soniox" else "speaker_labels"] is True

    def test_what_it_costs_and_used(self, gateway: Gateway, name: str) -> None:
        answer = hear(gateway, name)
        seconds = 2.5 if name == "soniox" else 2
        assert answer.json()["usage"] == {"type": "duration", "seconds": seconds}
        price = Fraction("0.0000277778") if name == "soniox" else Fraction("0.0001")
        cost = Fraction(answer.headers[COST])
        assert abs(cost - price * Fraction(seconds)) < Fraction(1, 10**9)

    def test_a_recording_that_is_none(self, gateway: Gateway, vendors: Vendors, name: str) -> None:
        ear = EARS[name]
        vendors.say(ear.look, plain(ear.says["error"]))
        answer = hear(gateway, name)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"]) == (400, "invalid_request_error"), error
        assert "audio" in error["message"]
        assert ("soniox" if name == "soniox" else "assemblyai") in error["message"]
        eventually(lambda: set(removed(vendors)) >= set(ear.left), "nothing stays behind")

    def test_a_vendor_that_fails(self, gateway: Gateway, vendors: Vendors, name: str) -> None:
        ear = EARS[name]
        why = {"error": "Internal server error", "error_type": "internal_error", "error_message": "it broke"}
        vendors.say(ear.look, plain({**ear.says["error"], **why}))
        answer = hear(gateway, name)
        assert answer.status_code >= 500
        assert ("soniox" if name == "soniox" else "assemblyai") in answer.json()["error"]["message"]

    def test_errors_before_the_task_are_the_vendors(self, gateway: Gateway, vendors: Vendors, name: str) -> None:
        ear = EARS[name]
        for where in (ear.begins, ear.keeps):
            for status, said in ((401, {"message": "no such key"}), (429, {"error": "slow down"})):
                vendors.say(where, plain(said, status))
                answer = hear(gateway, name)
                assert (answer.status_code, *said.values()) == (status, *said.values())
                assert next(iter(said.values())) in answer.json()["error"]["message"]
            vendors.say(where, plain([]))
            answer = hear(gateway, name)
            assert answer.status_code == 502
            assert "cannot be read" in answer.json()["error"]["message"]
        if name == "soniox":
            eventually(lambda: removed(vendors).count(FILE) >= 3, "files without a task are removed")

    def test_a_look_that_fails_is_made_again(self, gateway: Gateway, vendors: Vendors, name: str) -> None:
        ear = EARS[name]
        flaw = plain({"error": "busy"}, 503)
        vendors.say(ear.look, flaw, flaw, plain(ear.says["completed"]))
        assert hear(gateway, name).json()["text"] == ear.heard["text"]
        assert [asked.path for asked in vendors.asked if asked.method == "POST"] == [ear.keeps, ear.begins]

    def test_who_leaves_ends_the_task(self, gateway: Gateway, vendors: Vendors, name: str) -> None:
        ear = EARS[name]
        vendors.say(ear.look, plain(ear.says["queued"]))
        with leaving(gateway, name):
            eventually(lambda: any(asked.path == ear.look for asked in vendors.asked), "it is looked at")
        eventually(lambda: set(removed(vendors)) >= set(ear.left), "it is removed")
        looks = [asked for asked in vendors.asked if asked.path == ear.look and asked.method == "GET"]
        assert vendors.asked.index(looks[-1]) < vendors.asked.index(vendors.last(ear.left[-1]))

    def test_who_leaves_while_the_task_is_begun_leaves_nothing(
        self, gateway: Gateway, vendors: Vendors, name: str
    ) -> None:
        ear, noticed = EARS[name], threading.Event()
        vendors.say(ear.begins, plain(ear.says["queued"])._replace(until=noticed))
        before = gone(gateway, name)
        with leaving(gateway, name):
            eventually(lambda: any(asked.path == ear.begins for asked in vendors.asked), "it is being begun")
        eventually(lambda: gone(gateway, name) > before, "it is given up")
        noticed.set()
        eventually(lambda: set(removed(vendors)) >= set(ear.left), "it is removed")
        assert ear.look not in [asked.path for asked in vendors.asked if asked.method == "GET"]

    def test_what_it_has_not_is_refused(self, gateway: Gateway, vendors: Vendors, name: str) -> None:
        refused = {"response_format": "morse", "audio_url": "https://x.example/a", "chunking_strategy": "auto"}
        for field, value in refused.items():
            answer = hear(gateway, name, **{field: value})
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
        assert vendors.asked == []


def test_a_limit_of_time_ends_the_task(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say(JOB, plain(SONIOX["queued"]))
    answer = hear(gateway, "hasty")
    assert answer.status_code == 408
    eventually(lambda: set(removed(vendors)) >= {JOB, FILE}, "nothing stays behind")


def test_another_vendor_hears_what_one_refuses(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/v1/transcriptions", plain({"message": "out of order"}, 503))
    answer = hear(gateway, "pair")
    assert answer.json()["text"] == ASSEMBLY["completed"]["text"]
    assert vendors.last("/v2/upload").body == b"sound"


def test_a_pattern_stands_for_every_model(gateway: Gateway, vendors: Vendors) -> None:
    assert hear(gateway, "soniox/stt-async-v5").json()["text"] == "Hello there. Bonjour!"
    assert vendors.last("/v1/transcriptions").json["model"] == "stt-async-v5"
    assert hear(gateway, "assemblyai/universal-2").json()["text"] == ASSEMBLY["completed"]["text"]
    assert vendors.last("/v2/transcript").json["speech_models"] == ["universal-2"]
    vendors.say("/chat/completions", plain({"choices": [{"message": {"role": "assistant", "content": "hi"}}]}))
    told = gateway.chat({"model": "assemblyai/claude-sonnet-4", "messages": [{"role": "user", "content": "x"}]})
    assert told.json()["choices"][0]["message"]["content"] == "hi"


def test_what_is_at_work_is_removed_later(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say(JOB, plain(SONIOX["error"]))
    vendors.say(f"DELETE {JOB}", plain(SONIOX["refused"], 409), plain({}))
    assert hear(gateway, "soniox").status_code == 400
    eventually(lambda: removed(vendors).count(JOB) == 2, "it is tried again")


def test_what_soniox_is_told(gateway: Gateway, vendors: Vendors) -> None:
    more = {
        "language": "de",
        "prompt": "a visit",
        "context[terms][]": "Celebrex",
        "enable_language_identification": "true",
        "client_reference_id": "17",
        "soniox_polling_interval": "9",
        "soniox_cleanup": "file",
    }
    vendors.say("/v1/transcriptions", plain({**SONIOX["queued"], "id": "kept/it"}))
    vendors.say("/v1/transcriptions/kept%2Fit", plain(SONIOX["completed"]))
    vendors.say("/v1/transcriptions/kept%2Fit/transcript", plain(SONIOX["transcript"]))
    assert hear(gateway, "soniox", **more).status_code == 200
    kept = vendors.last("/v1/files")
    assert (fields(kept.body), b'filename="a.mp3"\r\ncontent-type: audio/mpeg' in kept.body) == ({}, True)
    assert vendors.last("/v1/transcriptions").json == {
        "model": "stt-async-v4",
        "language_hints": ["de"],
        "context": {"text": "a visit", "terms": ["Celebrex"]},
        "enable_language_identification": True,
        "client_reference_id": "17",
        "file_id": SONIOX["file"]["id"],
    }
    eventually(lambda: FILE in removed(vendors), "the file is removed")
    assert "/v1/transcriptions/kept%2Fit" not in removed(vendors)


def test_a_translation(client: openai.OpenAI, vendors: Vendors) -> None:
    vendors.say(f"{JOB}/transcript", plain(SONIOX["translated"]))
    found = client.audio.translations.create(model="soniox", file=("a.mp3", b"sound"), response_format="verbose_json")
    assert found.text == "Hello. Goodbye."
    assert [(line.text, line.start, line.end) for line in found.segments or []] == [
        ("Hello.", 0.1, 0.6),
        ("Goodbye.", 1.0, 2.0),
    ]
    asked = vendors.last("/v1/transcriptions").json
    assert asked["translation"] == {"type": "one_way", "target_language": "en"}


def test_what_assemblyai_is_told(gateway: Gateway, vendors: Vendors) -> None:
    more = {"prompt": "a visit", "speakers_expected": "2", "keyterms_prompt": "one, two", "speaker_labels": "true"}
    assert hear(gateway, "assembly", **more).status_code == 200
    kept = vendors.last("/v2/upload")
    assert (kept.body, kept.headers["content-type"]) == (b"sound", "audio/mpeg")
    asked = {"audio_url": ASSEMBLY["uploaded"]["upload_url"], "language_detection": True}
    assert vendors.last("/v2/transcript").json == {
        **asked,
        "speech_models": ["universal-3-pro"],
        "prompt": "a visit",
        "speakers_expected": 2,
        "keyterms_prompt": ["one", "two"],
        "speaker_labels": True,
    }
    ready(vendors, EARS["assembly"])
    assert hear(gateway, "best").status_code == 200
    assert vendors.last("/v2/transcript").json == {**asked, "speech_model": "best"}
    answer = hear(gateway, "best", prompt="a visit")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt")
    ready(vendors, EARS["assembly"])
    assert hear(gateway, "lenient", prompt="a visit", temperature="0.5").status_code == 200
    assert vendors.last("/v2/transcript").json == {**asked, "speech_models": ["universal-2"]}


def test_what_a_worker_was_to_remove_that_has_ended_is_removed_by_another(
    edge: str, vendors: Vendors, tmp_path: Path, start_gateway: StartGateway
) -> None:
    """Once killed while its task is at work, once sent away while it waits to try again; at last nothing is noted."""
    vendors.reset()
    ready(vendors, EARS["soniox"])
    vendors.say(JOB, plain(SONIOX["queued"]))
    params = {"model": "soniox/stt-async-v4", "api_base": vendors.url, "api_key": "sk-ear"}
    config = {"model_list": [{"model_name": "soniox", "litellm_params": params}]}
    gateway = start_gateway(config)
    with leaving(gateway, "soniox"):
        eventually(lambda: any(asked.path == JOB for asked in vendors.asked), "it is looked at")
        kill_worker(gateway)
        eventually(lambda: set(removed(vendors)) >= {JOB, FILE}, "it is removed by another worker", PATIENCE)
    vendors.reset()
    ready(vendors, EARS["soniox"])
    vendors.say(f"DELETE {JOB}", *[plain(SONIOX["refused"], 409)] * 2, plain({}))
    assert hear(gateway, "soniox").status_code == 200
    eventually(lambda: removed(vendors).count(JOB) == 2, "it is refused twice")
    gateway.stop()
    start_gateway(config)
    eventually(lambda: removed(vendors).count(JOB) == 3, "the next gateway tries again", PATIENCE / 2)
    eventually(lambda: noted(tmp_path) == [], "nothing is noted any more")


def kill_worker(gateway: Gateway) -> None:
    (worker,) = gateway.workers()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: gateway.workers() not in ([], [worker]), "another worker", PATIENCE)


def noted(folder: Path) -> list[Any]:
    with closing(sqlite3.connect(folder / "tianji-data" / "tianji.db")) as connection:
        return connection.execute("SELECT call FROM removals").fetchall()
