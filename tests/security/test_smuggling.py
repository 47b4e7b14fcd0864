"""Hostile and borderline bytes to a running gateway: one sound reading or none, and never a request too many."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, client_at, eventually
from tests.contract.raw_http import Answer, Wire
from tests.security.conversations import CONVERSATIONS
from tests.security.hostile import DECLINED, LAST, REFUSED, SERVED, SILENT, SMUGGLED, Outcome, Row, table
from tests.security.malformed_heads import HEADS
from tests.security.smuggling import FRAMING

CORPUS = table(FRAMING, HEADS, CONVERSATIONS)
NAME = "x-tianji-call-id"
EPILOGUE = f"GET /epilogue HTTP/1.1\r\nhost: t\r\n{NAME}: epilogue\r\nconnection: close\r\n\r\n".encode()
UNNAMED = ""  # what an answer that is no chat answer is called
FENCE = "mock-fence"


class Heard(NamedTuple):
    """What a connection gave."""

    outcome: Outcome
    served: list[str]  # names, in order
    refusal: Answer | None


def converse(port: int, row: Row) -> list[Answer]:
    """Send the row, hear what comes, and ask once more on the same connection where that might still be open."""
    with Wire(port) as wire:
        wire.send(row.wire.encode("latin-1"))
        if row.ends:
            wire.no_more()
        elif not any(answer.closes for answer in wire.answers(len(row.requests))):
            wire.send(EPILOGUE)
        return wire.rest()


def judge(row: Row, answers: list[Answer]) -> Heard:
    """Say how the connection went; fails when it went in no way that a sound server could go."""
    names = [answer.headers.get(NAME, UNNAMED) for answer in answers]
    assert SMUGGLED not in names
    in_step = bool(names) and names[-1] == "epilogue"
    if in_step:
        del answers[-1], names[-1]
    served = [name for name, answer in zip(names, answers, strict=True) if answer.status == 200]
    refused = answers[len(served) :]
    assert all(name in (want, UNNAMED) for name, want in zip(served, row.requests, strict=False)), names
    assert all(answer.status >= 400 for answer in refused)
    assert len(answers) <= len(row.requests), f"too many answers: {[answer.status for answer in answers]}"
    assert len(served) >= len(row.requests) - 1, "a sound request was not served"
    if refused:
        (outcome,) = DECLINED if in_step else REFUSED
        return Heard(outcome, served, refused[0])
    if len(served) == len(row.requests):
        (outcome,) = SERVED if in_step else LAST
    else:
        assert not in_step, "a request was swallowed"
        (outcome,) = SILENT
    return Heard(outcome, served, None)


@pytest.mark.parametrize("row", CORPUS, ids=[row.name for row in CORPUS])
def test_the_corpus(gateway: Gateway, mock: Mock, edge: str, row: Row) -> None:
    allowed = row.native if edge == "native" else row.granian
    heard = judge(row, converse(gateway.port, row))
    assert gateway.chat({"model": FENCE, "messages": []}).status_code == 200  # what was under way is there now
    called = [call["json"]["model"] for call in mock.requests()]
    assert called == [*(f"mock-{name}" for name in heard.served if name), FENCE]
    assert heard.outcome in allowed, heard
    if heard.refusal is not None:
        hypers = edge == "granian" and NAME not in heard.refusal.headers  # it knows 400, and for what is long 414, 431
        assert hypers or heard.refusal.status in row.statuses, heard
        told = heard.refusal.closes or row.ends or heard.outcome in DECLINED
        assert told or edge == "granian", heard  # 9.6: who is going to close SHOULD say so


@contextmanager
def bystander(gateway: Gateway) -> Iterator[list[str]]:
    """A client that asks without a pause over one connection; gives the list of whatever went wrong."""
    stop = threading.Event()
    wrong: list[str] = []
    asked = [0]

    def ask() -> None:
        with client_at(gateway.url, **gateway.client.headers) as client:
            while not stop.is_set():
                body = {"model": "gpt-test", "messages": [], "stream": asked[0] % 2 == 0}
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                except httpx.HTTPError as error:
                    wrong.append(repr(error))
                    return
                asked[0] += 1
                if answer.status_code != 200 or (body["stream"] and "[DONE]" not in answer.text):
                    wrong.append(answer.text)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        eventually(lambda: asked[0] > 5 or wrong, "it is served")
        yield wrong
        before = asked[0]
        eventually(lambda: asked[0] > before + 5 or wrong, "it is still served")
    finally:
        stop.set()
        thread.join()


def test_nobody_else_notices(gateway: Gateway) -> None:
    with bystander(gateway) as wrong, ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(lambda row: converse(gateway.port, row), CORPUS))
    assert len(heard) == len(CORPUS)
    assert wrong == []
    assert gateway.client.get("/health/readiness").status_code == 200
    assert "Traceback" not in gateway.log


def test_the_corpus_is_large_and_fails_in_both_directions() -> None:
    assert len(CORPUS) >= 170
    assert sum(row.native == SERVED for row in CORPUS) >= 20
