"""Pictures that are tasks, step by step."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import StreamFailed, TianjiError, UpstreamProtocolError
from tianji.protocol.chat.seam import Target
from tianji.protocol.media.form import Asked
from tianji.protocol.media.tasks import TASKS, Call, begun, place_of


def asked(provider: str, **members: Any) -> Asked:
    return Asked("image_generation", Target(provider=provider, model="flux-kontext-pro"), {"prompt": "a", **members})


def test_it_is_looked_at_until_it_is_done() -> None:
    task = begun("black_forest_labs", asked("black_forest_labs", size="1792x1024", seed=3))
    assert next(task) == Call("/v1/flux-kontext-pro", {"prompt": "a", "aspect_ratio": "16:9", "seed": 3})
    look = task.send(b'{"id":"i","polling_url":"https://api.eu1.bfl.ai/v1/get_result?id=i"}')
    assert look == Call("https://api.eu1.bfl.ai/v1/get_result?id=i")
    assert task.send(b'{"status":"Pending"}') == look
    assert task.send(b'{"status":"Processing"}') == look
    with pytest.raises(StopIteration) as end:
        task.send(b'{"status":"Ready","result":{"sample":"https://x/a.png"}}')
    assert end.value.value["data"] == [{"url": "https://x/a.png"}]


def test_one_that_fails_says_why() -> None:
    task = begun("runwayml", asked("runwayml"))
    next(task)
    task.send(b'{"id":"i/../j"}')
    with pytest.raises(StreamFailed) as failure:
        task.send(b'{"status":"FAILED","failure":"too much","failureCode":"INTERNAL"}')
    assert "too much" in json.loads(failure.value.payload)["error"]["message"]


@pytest.mark.parametrize(
    ("where", "base", "goes"),
    [
        ("/v1/x", "https://api.bfl.ai", True),
        ("https://api.bfl.ai/x", "https://api.bfl.ai", True),
        ("https://api.us1.bfl.ai/x", "https://api.bfl.ai", True),
        ("http://api.us1.bfl.ai/x", "https://api.bfl.ai", False),
        ("https://api.us1.bfl.ai:8443/x", "https://api.bfl.ai", False),
        ("https://bfl.ai.evil.example/x", "https://api.bfl.ai", False),
        ("https://u@api.bfl.ai/x", "https://api.bfl.ai", False),
        ("https://api.us1.bfl.ai/x", "https://proxy.example", False),
        ("https://proxy.example/x", "https://proxy.example/bfl", True),
        ("https://[x", "https://api.bfl.ai", False),
        ("", "https://api.bfl.ai", False),
    ],
)
def test_where_it_may_be_looked_at(where: str, base: str, goes: bool) -> None:
    if goes:
        assert place_of(Call(where), base) == (base + where if where.startswith("/") else where)
    else:
        with pytest.raises(UpstreamProtocolError):
            place_of(Call(where), base)


_json = st.fixed_dictionaries(
    {"id": st.text(max_size=3)},
    optional={
        "status": st.sampled_from(["Ready", "SUCCEEDED", "Pending", "FAILED", "x"]) | st.none(),
        "polling_url": st.text(max_size=5) | st.none(),
        "result": st.none() | st.fixed_dictionaries({"sample": st.text(max_size=3) | st.none()}),
        "output": st.lists(st.text(max_size=3), max_size=2) | st.integers(),
    },
)


@pytest.mark.parametrize("provider", TASKS)
@given(st.lists(st.binary(max_size=20) | _json.map(lambda value: json.dumps(value).encode()), max_size=4))
def test_whatever_comes_is_read_or_said_to_be_unreadable(provider: str, answers: list[bytes]) -> None:
    task = begun(provider, asked(provider))
    try:
        next(task)
        for body in answers:
            task.send(body)
    except (TianjiError, StopIteration):
        return
