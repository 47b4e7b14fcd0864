"""Lines of batches: whose result is whose, what each has cost, and how many go together."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.upstreams.origin import Origin as Where
from tianji.accounting.prices.tables import compile_rates
from tianji.callbacks.lines import Part
from tianji.objects.line_parts import Origin, parts
from tianji.objects.places import Place

RATES = compile_rates({"input_cost_per_token": 2e-6, "output_cost_per_token": 2e-6}, "openai")  # half for a batch
FINISHED = 1_772_366_400  # 2026-03-01T12:00:00Z


def place(model: str | None, provider: str = "openai") -> Place:
    return Place(model or "", provider, Where("h", 1), "", "", (), (), model=model, listed=lambda _: RATES)


def told(asked: bytes, *results: bytes, most: int = 1 << 20, places: tuple[Place, ...] = (place("gpt"),)) -> list[Part]:
    return list(parts(Origin("batch_1/x", FINISHED, places, {"user_api_key_hash": "k"}), asked, results, most))


def lines(*documents: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in documents)


def request(name: str | None, **body: Any) -> dict[str, Any]:
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}


def result(name: str | None, prompt: int = 10, completion: int = 5) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {
        "custom_id": name,
        "response": {"status_code": 200, "body": {"model": "gpt", "usage": usage}},
        "error": None,
    }


FAILED = {"custom_id": "b", "response": {"status_code": 400, "body": {"error": {"message": "no"}}}, "error": None}


def test_results_stand_beside_what_was_asked() -> None:
    asked = lines(request("a", model="m", messages=[]), request("b", model="m"), request("twice"), request("twice"))
    (part,) = told(asked, lines(result("a"), result("twice"), result(None), result("elsewhere")), lines(FAILED))
    assert (part.part, part.batch_id, part.finished_at) == (0, "batch_1/x", FINISHED)
    assert part.object_name == "batch_line_items/2026-03-01/batch_1_x/part-00000.jsonl"
    found = [json.loads(line) for line in part.wire.splitlines()]
    assert [(one["custom_id"], one["status"], one["request"]) for one in found] == [
        ("a", "success", request("a", model="m", messages=[])),
        ("twice", "success", None), (None, "success", None), ("elsewhere", "success", None),
        ("b", "failure", request("b", model="m")),
    ]  # fmt: skip
    assert found[0]["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert (found[0]["response_cost"], found[0]["model"], found[0]["custom_llm_provider"]) == (1.5e-5, "gpt", "openai")
    assert (found[-1]["usage"], found[-1]["response_cost"], found[-1]["response"]) == (None, 0.0, FAILED)
    assert found[0]["metadata"] == {"user_api_key_hash": "k"}
    assert [(one.request, one.response) for one in part.bare.lines] == [(None, None)] * 5
    assert part.bare.lines[0].response_cost == 1.5e-5


def test_what_was_asked_has_no_credentials_and_no_files() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100}}
    asked = lines(request("a", api_key="sk-canary", messages=[{"role": "user", "content": [picture]}]))
    (part,) = told(asked, lines(result("a")))
    assert b"sk-canary" not in part.wire
    assert b"[100 characters of base64]" in part.wire


def test_results_of_messages_cost_what_their_model_does() -> None:
    usage = {"input_tokens": 4, "output_tokens": 2}
    good = {"custom_id": "a", "result": {"type": "succeeded", "message": {"model": "claude-b-2025", "usage": usage}}}
    bad = {"custom_id": "b", "result": {"type": "errored", "error": {"type": "error"}}}
    (part,) = told(b"", lines(good, bad), places=(place("claude-a", "anthropic"), place("claude-b", "anthropic")))
    assert [(line.status, line.model, line.response_cost) for line in part.lines] == [
        ("success", "claude-b", 6e-6), ("failure", "claude-a", 0.0)
    ]  # fmt: skip


NAMES = st.none() | st.sampled_from("abc")
TEXTS = st.one_of(
    st.builds(lambda name, size: json.dumps(result(name, size)).encode(), NAMES, st.integers(0, 9)),
    st.sampled_from([b"[]", b"{", b"\xff", b"{}", b" ", b'{"result": 7}', b'{"response": {"body": {"usage": 1e999}}}']),
)


@given(st.lists(NAMES, max_size=5), st.lists(TEXTS, max_size=8), st.integers(1, 600))
def test_every_line_of_the_results_is_told_once_in_order(names: list[Any], texts: list[bytes], most: int) -> None:
    asked, answered = lines(*map(request, names)), b"\n".join(texts)
    found = told(asked, answered, most=most)
    assert [part.part for part in found] == list(range(len(found)))
    wanted = [text for text in texts if text.strip()]
    assert sum(len(part.lines) for part in found) == len(wanted)
    assert all(part.lines for part in found)
    once = {name for name in names if name is not None and names.count(name) == 1}
    for line in (line for part in found for line in part.lines):
        assert (line.request is not None) == (line.custom_id in once)
        json.loads(msgspec.json.encode(line))


@pytest.mark.parametrize(("most", "sizes"), [(1, [1, 1, 1]), (1 << 20, [3])])
def test_parts_end_when_they_are_full(most: int, sizes: list[int]) -> None:
    found = told(b"", lines(result("a"), result("b"), result("c")), most=most)
    assert [len(part.lines) for part in found] == sizes
