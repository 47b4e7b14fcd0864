"""Requests that wait for a slot of their group: `queue_timeout` and `priority`."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import MASTER_KEY, Gateway, Mock, eventually, openai_model


@contextmanager
def asked(gateway: Gateway, text: str, *, key: str = MASTER_KEY, **members: object) -> Iterator[socket.socket]:
    """Send a request on a connection of its own, and do not wait for the answer."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **members}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with gateway.connect() as client:
        client.sendall(head.encode() + body)
        yield client


def answer(client: socket.socket) -> tuple[int, dict[str, str], dict[str, Any]]:
    with client.makefile("rb") as file:
        whole = file.read()
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, json.loads(body)


def in_line(gateway: Gateway, count: int) -> None:
    """Return once so many requests wait."""
    series = f'tianji_queued_requests{{model="m"}} {count}'
    eventually(lambda: series in gateway.client.get("/metrics").text, f"{count} wait")


def texts(mock: Mock) -> list[str]:
    return [request["json"]["messages"][-1]["content"] for request in mock.requests()]


@pytest.fixture(scope="module")
def one_slot(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose one deployment takes a request at a time."""
    config = {
        "model_list": [openai_model("m", "up", mock_process.url, max_parallel_requests=1)],
        "router_settings": {"queue_timeout": 20, "num_retries": 0, "default_priority": 5},
    }
    with Gateway(config, tmp_path_factory.mktemp("waiting"), edge=edge) as running:
        yield running


def test_the_more_urgent_goes_first_and_equals_in_their_order(one_slot: Gateway, mock: Mock) -> None:
    mock.control({"first_byte_ms": 600}, model="up", times=1)
    with ExitStack() as stack:
        clients = [stack.enter_context(asked(one_slot, "holds"))]
        mock.wait(requests=1)
        for number, (text, priority) in enumerate((("b", 3), ("c", 3), ("a", 0)), 1):
            clients.append(stack.enter_context(asked(one_slot, text, priority=priority)))
            in_line(one_slot, number)
        answers = [answer(client) for client in clients]
    assert [status for status, _, _ in answers] == [200] * 4
    assert texts(mock) == ["holds", "a", "b", "c"]
    assert [headers.get("x-litellm-request-prioritization-used") for _, headers, _ in answers] == [None, *["True"] * 3]
    assert all("priority" not in request["json"] for request in mock.requests())


@contextmanager
def the_slot_held(gateway: Gateway, mock: Mock) -> Iterator[None]:
    """Keep the only slot for as long as the context lasts."""
    mock.control({"stall_at": 3}, model="up", times=1)
    with asked(gateway, "holds", stream=True):
        mock.wait(requests=1)
        yield
    mock.wait(aborted=1)


def test_tenants_take_turns(one_slot: Gateway, mock: Mock) -> None:
    """Whoever has sent many requests does not keep others of the same priority waiting behind all of them."""
    keys = {name: one_slot.post("/key/generate", {}).json()["key"] for name in ("many", "few")}
    order = ["many 1", "many 2", "many 3", "many 4", "few 1", "few 2"]
    with ExitStack() as stack:
        clients = []
        with the_slot_held(one_slot, mock):
            for number, text in enumerate(order, 1):
                clients.append(stack.enter_context(asked(one_slot, text, key=keys[text.split()[0]])))
                in_line(one_slot, number)
        assert [answer(client)[0] for client in clients] == [200] * len(order)
    assert texts(mock) == ["holds", "many 1", "few 1", "many 2", "few 2", "many 3", "many 4"]


def test_the_most_urgent_goes_first_and_the_least_urgent_moves_all_the_same(one_slot: Gateway, mock: Mock) -> None:
    """Level 0 has four turns where level 1 has one, so that nobody starves."""
    with ExitStack() as stack:
        clients = []
        with the_slot_held(one_slot, mock):
            for number, (text, priority) in enumerate([("low", 1), *[(f"high {n}", 0) for n in range(1, 7)]], 1):
                clients.append(stack.enter_context(asked(one_slot, text, priority=priority)))
                in_line(one_slot, number)
        assert [answer(client)[0] for client in clients] == [200] * 7
    served = texts(mock)
    assert served[:4] == ["holds", "high 1", "high 2", "high 3"]
    assert served.index("low") < served.index("high 6")


def test_all_that_fit_are_served_in_the_end(one_slot: Gateway, mock: Mock) -> None:
    mock.control({"first_byte_ms": 20}, model="up")
    with ExitStack() as stack:
        clients = [stack.enter_context(asked(one_slot, str(number))) for number in range(12)]
        assert [answer(client)[0] for client in clients] == [200] * 12
    assert mock.connections()["requests"] == 12


def test_who_leaves_is_not_served(one_slot: Gateway, mock: Mock) -> None:
    mock.control({"first_byte_ms": 600}, model="up", times=1)
    with asked(one_slot, "holds") as first:
        mock.wait(requests=1)
        with asked(one_slot, "gone"):
            in_line(one_slot, 1)
        in_line(one_slot, 0)
        with asked(one_slot, "stays") as last:
            assert (answer(first)[0], answer(last)[0]) == (200, 200)
    assert texts(mock) == ["holds", "stays"]


def test_a_wait_ends_in_a_timeout_and_a_full_line_in_a_refusal(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(
        {
            "model_list": [openai_model("m", "up", mock.url, max_parallel_requests=1)],
            "router_settings": {"queue_timeout": 1, "queue_size": 1, "num_retries": 0},
        }
    )
    mock.control({"first_byte_ms": 6000}, model="up", times=1)
    with asked(gateway, "holds") as first:
        mock.wait(requests=1)
        with asked(gateway, "waits") as second:
            in_line(gateway, 1)
            with asked(gateway, "too many") as third:
                status, headers, body = answer(third)
                assert (status, body["error"]["type"], headers["retry-after"]) == (429, "throttling_error", "1")
            status, headers, body = answer(second)
            assert (status, body["error"]["type"], headers["retry-after"]) == (408, "timeout_error", "1")
        assert answer(first)[0] == 200
    assert texts(mock) == ["holds"]


@pytest.mark.parametrize("priority", [256, -1, "high", 1.5, True])
def test_a_priority_out_of_range_is_refused(one_slot: Gateway, mock: Mock, priority: object) -> None:
    refused = one_slot.chat({"model": "m", "messages": [], "priority": priority})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "priority")
    assert mock.requests() == []


def test_without_patience_there_is_no_line(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(
        {
            "model_list": [openai_model("m", "up", mock.url, max_parallel_requests=1)],
            "router_settings": {"num_retries": 0},
        }
    )
    mock.control({"first_byte_ms": 600}, model="up", times=1)
    with asked(gateway, "holds") as first:
        mock.wait(requests=1)
        refused = gateway.chat({"model": "m", "messages": [], "priority": 0})
        assert (refused.status_code, refused.json()["error"]["type"]) == (429, "throttling_error")
        assert answer(first)[0] == 200
