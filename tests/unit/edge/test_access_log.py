import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.clock import ManualClock
from tianji.edge.access_log import FLUSH_AFTER, FLUSH_AT, AccessLog


class Timer:
    def __init__(self):
        self.calls = []

    def call_later(self, delay, callback):
        self.calls.append((delay, callback))


def exchange(**about):
    usual = {"peer": ("10.0.0.1", "9"), "method": "GET", "path": "/a", "arrived": 0.0, "sent": 12, "status": 200}
    return SimpleNamespace(**{**usual, "gone": False, "call_id": "c1", "identity": None, **about})


def make(form):
    written, timer, clock = [], Timer(), ManualClock(1_700_000_000.5)
    return AccessLog(form, written.append, timer, clock=clock), written, timer, clock


def test_lines_wait_for_the_timer_and_go_together():
    log, written, timer, _ = make("text")
    log(exchange())
    log(exchange())
    assert (written, len(timer.calls), timer.calls[0][0]) == ([], 1, FLUSH_AFTER)
    timer.calls[0][1]()
    assert len(written) == 1
    assert written[0].count(b"\n") == 2
    log.flush()
    assert len(written) == 1


def test_many_lines_do_not_wait():
    log, written, _, _ = make("json")
    for _ in range(FLUSH_AT):
        log(exchange())
    assert [batch.count(b"\n") for batch in written] == [FLUSH_AT]


def test_what_a_line_says():
    log, written, _, clock = make("text")
    clock.advance(0.25)
    log(exchange(identity=SimpleNamespace(key="alias")))
    log(exchange(status=0, gone=True))
    log.flush()
    one, two = written[0].decode().splitlines()
    assert one == "2023-11-14T22:13:20.750Z 10.0.0.1 GET /a 200 250.00ms 12B c1 alias"
    assert " 499 " in two
    assert two.endswith(" aborted")


@pytest.mark.parametrize("form", ["text", "json"])
@given(path=st.text(st.characters(blacklist_categories=["Cs"])))
def test_one_request_is_one_line_without_control_characters(form, path):
    log, written, _, _ = make(form)
    log(exchange(path=path, status=404))
    log.flush()
    text = written[0].decode()
    assert text.endswith("\n")
    assert len(text.split("\n")) == 2
    assert "\x1b" not in text
    assert "\r" not in text
    if form == "json":
        entry = json.loads(text)
        assert (entry["path"], entry["status"], entry["call_id"]) == (path, 404, "c1")
