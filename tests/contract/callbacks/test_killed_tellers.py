"""Who is told of requests hears of all of them once, whoever is killed or stands still meanwhile.

On a gateway that nobody else uses: what the killed left under way is seen by no other test.
"""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.callbacks.telling import PRICES, SECRET, ask, environment, one
from tests.contract.harness import PATIENCE, Gateway, Mock, client_at, eventually, openai_model
from tests.fakes.ears import Ears

from tianji.ledger.priority import PATIENT, may_come_back


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, ears: Ears, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("killed")
    config = {
        "model_list": [openai_model("m", "m-up", mock_process.url, **PRICES)],
        "litellm_settings": {"callbacks": ["generic_api"]},
    }
    env = environment(ears, TIANJI_DATA_DIR=str(folder / "data"))
    with Gateway(config, folder, edge=edge, env=env, workers=2) as running:
        yield running


def kill(gateway: Gateway, others: Callable[[], list[int]]) -> None:
    """Kill a worker and these, and wait for those that take their places."""
    killed = eventually(others, "there is somebody", PATIENCE)
    for process in (gateway.workers()[0], *killed):
        os.kill(process, signal.SIGKILL)
    eventually(lambda: len(gateway.workers()) == 2 and others() not in ([], killed), "others are there", PATIENCE)


def test_a_killed_process_tells_afterwards_what_it_had_not(gateway: Gateway, ears: Ears) -> None:
    """kill -9 of a worker and of the books, then of who tells, while a destination does not take events."""
    ears.status = 503
    try:
        words = {"first of the killed": gateway.beside, "second of the killed": gateway.tellers}
        for word, others in words.items():
            with client_at(gateway.url, authorization=f"Bearer {gateway.key}") as client:  # none to who was killed
                said = {"model": "m", "messages": [{"role": "user", "content": f"{SECRET} {word}"}]}
                assert client.post("/v1/chat/completions", json=said).status_code == 200
            kill(gateway, others)
    finally:
        ears.status = 200
    for word in words:
        one(ears, word)


def test_who_tells_goes_behind_others_and_the_books_do_not_wait_for_it(gateway: Gateway, ears: Ears) -> None:
    assert ask(gateway, "before the halt").status_code == 200
    one(ears, "before the halt")
    (books,), (teller,) = gateway.beside(), gateway.tellers()
    assert Path(f"/proc/{teller}/comm").read_text().strip() == "tianji-teller"
    assert os.sched_getscheduler(books) == os.SCHED_OTHER
    assert os.getpriority(os.PRIO_PROCESS, teller) == os.getpriority(os.PRIO_PROCESS, gateway.process.pid) + PATIENT
    if may_come_back():
        eventually(lambda: os.sched_getscheduler(teller) == os.SCHED_IDLE, "it goes last once it keeps up", 60)
    everywhere = os.sched_getaffinity(gateway.process.pid)
    if len(gateway.workers()) < len(everywhere):
        for beside in books, teller:
            eventually(lambda one=beside: os.sched_getaffinity(one) < everywhere, "it steps aside", 60)
    spent = gateway.client.get("/global/spend").json()["spend"]
    os.kill(teller, signal.SIGSTOP)
    try:
        assert ask(gateway, "while it stands still").status_code == 200
        eventually(lambda: gateway.client.get("/global/spend").json()["spend"] > spent, "it is in the books", PATIENCE)
    finally:
        os.kill(teller, signal.SIGCONT)
    one(ears, "while it stands still")
