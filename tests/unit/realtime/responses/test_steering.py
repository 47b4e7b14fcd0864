"""What becomes of input that steers a response."""

from typing import Any

import pytest

from tianji.realtime.responses.steering import MOST, MOST_BYTES, Json, Steering, owed_by

ASKED: Json = {"type": "response.create", "model": "m", "input": "one", "tools": [], "stream_id": "a"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"}


class Told(list[Json]):
    """What a client was told, and on which lanes."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: list[str | None] = []
        self.steering = Steering(self._say)

    def _say(self, event: Json, lane: str | None) -> None:
        self.append(event)
        self.lanes.append(lane)

    @property
    def kinds(self) -> list[str]:
        return [event["type"].removeprefix("response.steer.") for event in self]

    def steer(self, given: object, of: object = "resp_1", size: int = 10, **more: object) -> None:
        self.steering.take({"type": "response.steer", "previous_response_id": of, "input": given, **more}, size)


@pytest.fixture
def told() -> Told:
    made = Told()
    made.steering.begun("resp_1", "a", ASKED)
    return made


def completed(*output: Json) -> Json:
    return {"id": "resp_1", "status": "completed", "output": list(output)}


def message(text: object) -> Json:
    return {"type": "message", "role": "user", "content": text}


def test_what_is_accepted_is_the_input_of_what_follows(told: Told) -> None:
    told.steer("shorter")
    parts = [{"type": "input_text", "text": "in verse"}]
    told.steer([{"role": "user", "content": parts}])
    assert told.kinds == ["accepted", "accepted"]
    assert told.lanes == ["a", "a"]
    assert [event["sequence_number"] for event in told] == [0, 1]
    assert len({event["steer"]["id"] for event in told}) == 2
    assert told.steering.ended("a", completed()) == {
        "type": "response.create",
        "model": "m",
        "tools": [],
        "stream_id": "a",
        "previous_response_id": "resp_1",
        "input": [message("shorter"), {"role": "user", "content": parts}],
    }
    told.steering.begun("resp_2", "a", ASKED)
    assert told.steering.ended("a", completed()) is None
    assert told.kinds == ["accepted", "accepted"]


def test_what_is_owed_by_the_client_is_waited_for(told: Told) -> None:
    told.steer("shorter")
    assert told.steering.ended("a", completed(CALL)) is None
    stub = {"type": "function_call_output", "call_id": "call_1", "name": "weather"}
    assert told.kinds == ["accepted", "pending"]
    assert told[1]["reason"] == "waiting_for_required_input"
    assert told[1]["required_input"] == [stub]
    items = [{**stub, "output": "wet"}]
    on = {"previous_response_id": "resp_1"}
    assert told.steering.with_what_waits({"previous_response_id": "resp_0"}, "a", items) is items
    assert told.steering.with_what_waits(on, "b", items) is items
    for _ in range(2):  # it may be asked for again, as long as nothing has begun
        assert told.steering.with_what_waits(on, "a", items) == [message("shorter"), *items]
        assert told.steering.ended("a", None) is None
    told.steering.begun("resp_2", "a", on)
    assert told.steering.with_what_waits(on, "a", items) is items


@pytest.mark.parametrize("response", [None, {"status": "incomplete", "output": []}])
def test_what_steers_a_response_that_fails_comes_back(told: Told, response: Json | None) -> None:
    told.steer("shorter")
    assert told.steering.ended("a", response) is None
    assert told.kinds == ["accepted", "failed"]
    assert told[1]["steer"] == {**told[0]["steer"], "input": "shorter"}
    assert told[1]["error"]["code"] == "response_not_active"


def test_what_should_have_followed_comes_back_when_it_does_not_begin(told: Told) -> None:
    told.steer("shorter")
    assert told.steering.ended("a", completed()) is not None
    assert told.steering.ended("a", None) is None
    assert told.kinds == ["accepted", "failed"]
    assert told[1]["error"]["code"] == "successor_creation_failed"


def test_another_response_that_waits_in_a_lane_sends_the_first_back(told: Told) -> None:
    told.steer("shorter")
    told.steering.ended("a", completed(CALL))
    told.steering.begun("resp_2", "a", ASKED)
    told.steer("longer", "resp_2")
    told.steering.ended("a", completed(CALL))
    assert told.kinds == ["accepted", "pending", "accepted", "failed", "pending"]
    assert told[3]["steer"]["input"] == "shorter"


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        [],
        ["text"],
        [{"role": "system", "content": "x"}],
        [{"role": "user", "content": "x", "id": "msg_1"}],
        [{"type": "function_call_output", "call_id": "call_1", "output": "x"}],
        [{"role": "user", "content": [{"type": "output_text", "text": "x"}]}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": [None]}],
    ],
)
def test_what_may_not_steer(told: Told, given: object) -> None:
    told.steer(given)
    assert told.kinds == ["failed"]
    assert told[0]["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_input",
        "message": told[0]["error"]["message"],
    }
    assert told[0]["steer"] == {"previous_response_id": "resp_1", "input": given}
    assert told.steering.ended("a", completed()) is None


def code(told: Told) -> Any:
    return told[-1]["error"]["code"]


def test_what_cannot_be_steered(told: Told) -> None:
    told.steer("x", stream_id="a")
    assert code(told) == "invalid_input"
    told.steer("x", "resp_0")
    assert code(told) == "response_not_found"
    told.steer("x", None)
    assert (code(told), told[-1]["steer"]["previous_response_id"]) == ("response_not_found", "")
    told.steering.begun("resp_2", None, ASKED | {"conversation": "conv_1"})
    told.steer("x", "resp_2")
    assert code(told) == "steering_not_supported"
    told.steering.ended("a", completed())
    told.steer("x")
    assert code(told) == "response_already_completed"


def test_what_waits_has_a_bound(told: Told) -> None:
    told.steer("x", size=MOST_BYTES)
    told.steer("x", size=1)
    assert told.kinds == ["accepted", "failed"]
    assert code(told) == "too_many_pending_steers"
    told.steering.begun("resp_2", "b", ASKED)
    for _ in range(MOST + 1):
        told.steer("x", "resp_2")
    assert told.kinds[2:] == ["accepted"] * MOST + ["failed"]


def test_what_clients_answer() -> None:
    output = [
        {"type": "message"},
        {"type": "custom_tool_call", "call_id": "1"},
        {"type": "shell_call", "call_id": "2"},
        {"type": "tool_search_call", "call_id": "3", "execution": "client"},
        {"type": "tool_search_call", "call_id": "4", "execution": "server"},
        {"type": "mcp_approval_request", "id": "5"},
    ]
    assert owed_by({"output": output}) == [
        {"type": "custom_tool_call_output", "call_id": "1"},
        {"type": "shell_call_output", "call_id": "2"},
        {"type": "tool_search_output", "call_id": "3", "execution": "client"},
        {"type": "mcp_approval_response", "approval_request_id": "5"},
    ]
    assert owed_by({}) == []


def test_nobody_is_told_once_the_connection_is_closed(told: Told) -> None:
    told.steer("shorter")
    told.steering.leave()
    assert told.steering.ended("a", None) is None
    told.steer("x")
    assert told.kinds == ["accepted"]
