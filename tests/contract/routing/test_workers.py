"""What all workers of a machine keep to together, under load: limits, rests, and deployments that fail or die."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, client_at, eventually, openai_model

from .stage import in_flight, within_a_minute

WORKERS = 4
CLIENTS = 8
REQUESTS = 1000
SLOTS = 3  # of each of two deployments
MINUTE = 7  # requests a minute, of each of two deployments
RUSH = 40  # requests for them at once


def entry(name: str, upstream: str, base: str, info: dict[str, object], **params: object) -> dict[str, object]:
    return openai_model(name, upstream, base, **params) | {"model_info": {"id": upstream, **info}}


@pytest.fixture(scope="module")
def victim(edge: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    with Mock(tmp_path_factory.mktemp("victim")) as running:
        yield running


@pytest.fixture(scope="module")
def four(edge: str, mock_process: Mock, victim: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with four workers."""
    url = mock_process.url
    config = {
        "model_list": [
            *(entry("narrow", f"narrow-{n}", url, {}, max_parallel_requests=SLOTS) for n in (1, 2)),
            *(entry("minute", f"minute-{n}", url, {}, rpm=MINUTE, max_parallel_requests=0) for n in (1, 2)),
            entry("tired", "tired-1", url, {"cooldown_time": 60}, weight=1),
            entry("tired", "tired-2", url, {}, weight=0),
            *(entry("halves", f"halves-{n}", url, {}) for n in (1, 2)),
            entry("mortal", "mortal-1", victim.url, {"cooldown_time": 1}, weight=1),
            entry("mortal", "mortal-2", url, {}, weight=1),
        ],
        "router_settings": {"num_retries": 2, "optional_pre_call_checks": ["enforce_model_rate_limits"]},
    }
    with Gateway(config, tmp_path_factory.mktemp("four"), edge=edge, workers=WORKERS) as running:
        yield running


def alone(gateway: Gateway) -> httpx.Client:
    """A client with a connection of its own, which the kernel gives to any of the workers."""
    return client_at(gateway.url, authorization=f"Bearer {gateway.key}")


def body(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


def each(count: int, work: Callable[[int], int]) -> list[int]:
    """Do it so many times at once; return what came of each."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def test_slots_are_never_exceeded(four: Gateway, mock: Mock) -> None:  # I1
    """However many come at once, and to whichever worker; and all slots come back."""
    mock.control({"stall_at": 3})
    for number in range(1, 4):
        together, over = threading.Barrier(RUSH), threading.Event()

        def hold(_: int, together: threading.Barrier = together, over: threading.Event = over) -> int:
            with alone(four) as client:
                together.wait(20)
                with client.stream("POST", "/v1/chat/completions", json=body("narrow", stream=True)) as answer:
                    if answer.status_code != 200:
                        return answer.status_code
                    assert over.wait(20), "the others do not end"
                    return 200

        with ThreadPoolExecutor(RUSH) as pool:
            holding = [pool.submit(hold, n) for n in range(RUSH)]
            eventually(lambda: sum(one.done() for one in holding) == RUSH - 2 * SLOTS, "all but the slots are refused")  # noqa: B023
            counts = mock.wait(in_progress=2 * SLOTS)
            over.set()
            statuses = Counter(one.result() for one in holding)
        assert statuses == {200: 2 * SLOTS, 429: RUSH - 2 * SLOTS}
        assert (counts["in_progress"], counts["requests"]) == (2 * SLOTS, number * 2 * SLOTS)
        eventually(lambda: in_flight(four) == 0, "all slots are given back")
    models = Counter(request["json"]["model"] for request in mock.requests())
    assert models == {"narrow-1": 3 * SLOTS, "narrow-2": 3 * SLOTS}


def test_requests_a_minute_are_never_exceeded(four: Gateway, mock: Mock) -> None:  # B18
    """However many come at once, and to whichever worker."""
    within_a_minute()
    together = threading.Barrier(RUSH)

    def ask(_: int) -> int:
        with alone(four) as client:
            together.wait(20)
            return client.post("/v1/chat/completions", json=body("minute")).status_code

    assert Counter(each(RUSH, ask)) == {200: 2 * MINUTE, 429: RUSH - 2 * MINUTE}
    models = Counter(request["json"]["model"] for request in mock.requests())
    assert models == {"minute-1": MINUTE, "minute-2": MINUTE}


def test_a_rest_is_known_to_all(four: Gateway, mock: Mock) -> None:  # D34
    mock.control({"status": 429}, model="tired-1")

    def ask(_: int) -> int:
        with alone(four) as client:
            return client.post("/v1/chat/completions", json=body("tired")).status_code

    assert ask(0) == 200
    assert each(20, ask) == [200] * 20
    assert Counter(request["json"]["model"] for request in mock.requests()) == {"tired-1": 1, "tired-2": 21}


def test_one_of_two_fails_half_of_its_calls(four: Gateway, mock: Mock) -> None:
    """At least 99.9 % succeed, with at most 1.2 calls a request."""
    turns = [
        {"faults": {"status": 500}, "model": "halves-1", "times": 1},
        {"faults": {}, "model": "halves-1", "times": 1},
    ]
    mock.client.post("/mock/control", json=turns * REQUESTS).raise_for_status()

    def ask(_: int) -> int:
        with alone(four) as client:
            answers = [client.post("/v1/chat/completions", json=body("halves")) for _ in range(REQUESTS // CLIENTS)]
        return sum(answer.status_code == 200 for answer in answers)

    assert sum(each(CLIENTS, ask)) >= 0.999 * REQUESTS
    calls = mock.connections()["requests"]
    assert REQUESTS < calls <= 1.2 * REQUESTS


def test_a_killed_deployment_is_out_after_a_few_requests_and_back_when_it_lives(
    four: Gateway, mock: Mock, victim: Mock, tmp_path: Path
) -> None:
    """Nobody gets an error. Out: five failures in a row are enough, so that many requests have a retry before it rests.

    Each end of a rest may cost one more.
    """
    with alone(four) as client:

        def ask() -> tuple[str, int]:
            answer = client.post("/v1/chat/completions", json=body("mortal"))
            assert answer.status_code == 200, answer.text
            return answer.headers["x-litellm-model-name"], int(answer.headers["x-litellm-attempted-retries"])

        eventually(lambda: ask()[0] == "openai/mortal-1", "it serves")
        victim.process.kill()
        victim.process.wait()
        affected = 0
        in_peace = 0
        while in_peace < 25:
            name, retries = ask()
            assert name == "openai/mortal-2"
            affected += retries
            in_peace = 0 if retries else in_peace + 1
            assert affected <= 8, "it is not out"
        assert affected >= 1, "nobody noticed"
        with Mock(tmp_path, "--port", str(victim.port)):
            eventually(lambda: ask()[0] == "openai/mortal-1", "it is back")
