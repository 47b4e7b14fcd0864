"""Whatever a place that keeps objects sends, and whatever a client asks of it: it is read, or said to be unreadable."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.sharing.shm import SharedCounters
from tianji._core.upstreams.origin import Origin
from tianji.auth.identity import Identity
from tianji.errors import TianjiError
from tianji.objects.evaluating import run_bill
from tianji.objects.ids import Seal
from tianji.objects.keeping import KEEPING
from tianji.objects.kinds import BATCH, BY_OBJECT, FILE
from tianji.objects.messages.lots import read
from tianji.objects.messages.results import Tally as Results
from tianji.objects.naming import Asking, Events, shown
from tianji.objects.places import Place
from tianji.objects.tally import Tally
from tianji.objects.tuning import tuning_bill
from tianji.objects.videos import veo
from tianji.objects.videos.ways import FILMINGS, VENDORS

NAMES = {
    "videos": """id name uri done response error code message generatedSamples videos video raiMediaFilteredReasons
    generateVideoResponse seconds size parameters durationSeconds sampleCount prompt input_reference image_url
    task output task_id task_status video_url content url status request_id duration resolution progress""",
    "files": """id file filename size_bytes created_at expirationTime createTime sizeBytes uri displayName state""",
    "names": """id object data first_id last_id file_id file_ids type run_id eval_id batch_id""",
    "bills": """per_model_usage model_name prompt_tokens completion_tokens cached_tokens status trained_tokens model
    hyperparameters n_epochs usage message result""",
    "lots": "requests custom_id params model",
}
OBJECTS = st.sampled_from([*BY_OBJECT, "list", "file_id", "RUNNING", "succeeded", "COMPLETED"])
LEAVES = st.none() | st.booleans() | st.sampled_from([10**400, -(10**400), 1e308, "9" * 5000, "2026-01-01"]) | OBJECTS


def members(of: str) -> Any:
    """Objects with the members that mean something there."""
    names = NAMES[of].split()
    values = st.recursive(
        LEAVES | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=5),
        max_leaves=10,
    )
    return st.dictionaries(st.sampled_from(names), values, max_size=8)


def lines(of: str, before: bytes = b"", behind: bytes = b"") -> Any:
    """What is no JSON, and what is."""
    return st.binary(max_size=20) | members(of).map(lambda said: before + json.dumps(said).encode() + behind)


PLACE = Place("p", "openai", Origin("x.example", 443), "/v1", "", (), ())
SEAL, CALLER = Seal("salt"), Identity(role=None, user_id=None, key="one")


@pytest.mark.parametrize("films", FILMINGS)
@given(answer=members("videos"), asked=members("videos"))
def test_videos(films: Any, answer: dict[str, Any], asked: dict[str, Any]) -> None:
    filming = FILMINGS[films]
    for call in (
        lambda: filming.made("m/n", answer, asked),
        lambda: filming.resolution(asked),
        lambda: filming.making(PLACE, "m", "/videos", asked, None).length,
        lambda: veo.state(answer),
        lambda: veo.samples(answer),
    ):
        try:
            msgspec.json.encode(call())
        except TianjiError:
            continue
    try:
        assert math.isfinite(min(86400.0, filming.length(asked)))
    except TianjiError:
        return


@pytest.mark.parametrize("vendor", VENDORS)
@given(answer=members("videos"))
def test_tasks(vendor: str, answer: dict[str, Any]) -> None:
    said = VENDORS[vendor]
    for call in (lambda: said.state(answer), lambda: said.url(answer), lambda: said.look(said.name("m/n", answer))):
        try:
            msgspec.json.encode(call())
        except TianjiError:
            continue


@given(
    st.lists(st.binary(max_size=12) | st.sampled_from([b'"bytesBase64Encoded":"', b"AAAA", b'"', b'"}']), max_size=6)
)
def test_videos_within_answers(pieces: list[bytes]) -> None:
    for reader in (veo.Without(), veo.Decoded()):
        try:
            for piece in (*pieces, None):
                assert isinstance(reader(piece), bytes)
        except TianjiError:
            continue


@pytest.mark.parametrize("keeps", KEEPING)
@given(answer=members("files"))
def test_files(keeps: str, answer: dict[str, Any]) -> None:
    try:
        msgspec.json.encode(KEEPING[keeps].told(answer))
    except TianjiError:
        return


@given(members("names"))
def test_names(value: Any) -> None:
    msgspec.json.encode(shown(SEAL, b"12345678", b"owner", value))
    try:
        Asking(SEAL, CALLER).look_into(value)
    except TianjiError:
        return


@given(st.lists(lines("names", b"data: ", b"\n\n"), max_size=4))
def test_events(pieces: list[bytes]) -> None:
    events = Events(lambda said: shown(SEAL, b"12345678", b"owner", said))
    for piece in (*pieces, None):
        assert isinstance(events(piece), bytes)


@given(members("bills"))
def test_bills(said: dict[str, Any]) -> None:
    for bill in (run_bill(PLACE, said), tuning_bill(PLACE, said, 10)):
        assert min(bill.prompt, bill.completion, bill.nano) >= 0
        assert max(bill.prompt, bill.completion) < 1 << 63


@given(st.lists(lines("bills", b'{"result": ', b"}\n")))
def test_results(pieces: list[bytes]) -> None:
    tally = Results([PLACE], 0)
    for piece in (*pieces, None):
        assert tally(piece) == b""
    assert len(tally.bills()) == 1


@given(lines("lots"))
def test_batches_of_messages(body: bytes) -> None:
    try:
        read(body)
    except TianjiError:
        return


TIMES = ("created_at", "completed_at", "bytes")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(TIMES, LEAVES)))
def test_counts(now: dict[str, Any]) -> None:
    tally = Tally(SharedCounters())
    for kind in (FILE, BATCH):
        tally.created(kind, now, PLACE, CALLER)
    tally.ended({}, now, PLACE)


@given(st.sampled_from(["000360" + "9" * 9, "9" * 5000, "0" * 5000, "3600", "1", "-1", "\u0661"]))
def test_lengths(text: str) -> None:
    try:
        assert 0 < veo.length({"seconds": text}) <= 3600
    except TianjiError:
        return
