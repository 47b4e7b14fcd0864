"""What is kept of a stream that guardrails changed: as much as the ledger keeps, and no more."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tianji.gateway.bookkeeping import LONGEST
from tianji.gateway.guarding.answers.stages import Stages
from tianji.guardrails.content import Content
from tianji.guardrails.running import Outcome
from tianji.guardrails.streaming.policy import Policy, Scan
from tianji.guardrails.verdict import Allow, Rewrite, Verdict


class Stage:
    """Puts everything in capitals, or nothing."""

    name = "shouts"
    outcome: Outcome | None = None
    policy = Policy(Scan.END)

    def __init__(self, *, changes: bool) -> None:
        self._changes = changes

    async def judge(self, content: Content) -> Verdict:
        if not self._changes:
            return Allow()
        return Rewrite({at: text.text.upper() for at, text in enumerate(content.texts)})


def event(text: str) -> bytes:
    choice: dict[str, Any] = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


@pytest.mark.parametrize(("changes", "length", "kept"), [(True, 9, True), (True, LONGEST, False), (False, 9, None)])
async def test_a_changed_stream_is_kept_as_far_as_the_ledger_keeps_it(
    changes: bool, length: int, kept: bool | None
) -> None:
    judging: Any = SimpleNamespace(asked=())
    stages = Stages([Stage(changes=changes)], "chat", judging)
    out = stages.feed(event("a" * length), last=False) + stages.feed(b"data: [DONE]\n\n", last=True)
    while stages.asks:
        out += await stages.ask()
    assert stages.done
    assert (b"A" * length in out) is changes
    assert stages.told == {True: out, False: b"", None: None}[kept]
