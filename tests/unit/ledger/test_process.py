"""What the process of the ledger keeps of what was said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.ledger.conftest import entry

from tianji._core.sharing.revision import Revisions
from tianji.ledger.entry import Entry, Payload, Telling
from tianji.ledger.in_force import Written
from tianji.ledger.priority import PATIENT
from tianji.ledger.process import Budgets, _Scribe

SAID = Payload(b"", b'{"choices":[]}', b'{"messages":[],"api_key":"secret"}')


class Heard:
    """Takes what was said apart, and counts how often."""

    whole = True

    def __init__(self) -> None:
        self.opened_times = 0
        self.met: list[Entry] = []

    def meet(self, one: Entry) -> None:
        self.met.append(one)

    def opened(self, payload: Payload) -> Payload:
        self.opened_times += 1
        return payload


def scribe(folder: Path, settings: str, listener: Heard) -> _Scribe:
    config = folder / "config.yaml"
    config.write_text(f"model_list: []\ngeneral_settings: {{{settings}}}\n")
    found = _Scribe(Written(config, {}, {}), Revisions(), lambda: 0, Budgets(), lambda: None)
    found._listener = listener  # type: ignore[assignment] # as much of one as is asked here
    return found


def test_what_nobody_keeps_is_not_taken_apart(tmp_path: Path) -> None:
    listener = Heard()
    said = entry(1, payload=Payload(SAID.messages, SAID.response, SAID.request, telling=Telling("key")))
    assert scribe(tmp_path, "", listener)._kept(said).payload is None
    assert (listener.opened_times, listener.met) == (0, [said])


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_kept_is_taken_apart_and_shortened_once(tmp_path: Path, *, whole: bool) -> None:
    listener = Heard()
    listener.whole = whole
    kept = scribe(tmp_path, "store_prompts_in_spend_logs: true", listener)._kept(entry(1, payload=SAID)).payload
    assert (listener.opened_times, listener.met) == (1, [])
    assert kept is not None
    assert (b"secret" in kept.request) is not whole, "a worker has shortened it already where nobody is told all of it"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no policies")
def test_it_goes_behind_those_that_serve_whatever_it_inherited() -> None:
    def urgent() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    program = """
import os
from tianji.ledger.priority import go_behind
before = os.nice(0)
go_behind()
print(os.sched_getscheduler(0), os.nice(0) - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, preexec_fn=urgent
    )
    assert done.stdout.split() == [str(os.SCHED_OTHER), str(PATIENT)]
