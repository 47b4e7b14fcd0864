"""Of a conversation a guardrail looks at what it has not let pass before, where its entry says so."""

import asyncio
from typing import Any

import pytest
from tests.unit.guardrails.kinds import looking, request
from tests.unit.guardrails.test_running import Calling

from tianji.clock import ManualClock
from tianji.guardrails.common_keys import only_new
from tianji.guardrails.content import Content, Text
from tianji.guardrails.novelty import CONVERSATIONS, STAYS, TEXTS, Novelty
from tianji.guardrails.running import Outcome, Runner, Status
from tianji.guardrails.slots.scope import View
from tianji.guardrails.vendor import AROUND, Hook, Occasion
from tianji.guardrails.verdict import Allow, Block, Rewrite, Verdict


class Watching:
    """Runs one guardrail, and notes what it was shown."""

    def __init__(self, **about: Any) -> None:
        self.seen: list[list[str]] = []
        self.guardrail = looking(self._look, only_new=True, type={"masks": AROUND}, **about)
        self.runner = Runner(Calling(), lambda _: None)  # type: ignore[arg-type]  # of a Caller it needs no more

    def _look(self, content: Content, _occasion: Occasion) -> Verdict:
        self.seen.append([text.text for text in content.texts])
        if "bad" in content.joined():
            return Block("no")
        changed = {at: "x" for at, text in enumerate(content.texts) if text.text == "mask"}
        return Rewrite(changed) if changed else Allow("odd" if "odd" in content.joined() else "")

    def run(self, *texts: str | Text, session: str = "s", key: str = "k") -> Outcome:
        occasion = Occasion(name="looking", hook=Hook.PRE_CALL, session_id=session, key_hash=key)
        said = [one if isinstance(one, Text) else Text(one, message=at) for at, one in enumerate(texts)]
        content = request()
        return asyncio.run(self.runner.run(self.guardrail, Content(content.direction, tuple(said)), occasion))


def test_what_has_passed_is_not_looked_at_again() -> None:
    one = Watching()
    one.run("a", "b")
    one.run("a", "b", "c")
    assert one.run("c", "a").status is Status.NOT_RUN
    assert one.seen == [["a", "b"], ["c"]]


@pytest.mark.parametrize("again", ["bad", "odd", "mask"])
def test_what_has_not_passed_as_it_is_is_looked_at_each_time(again: str) -> None:
    one = Watching()
    one.run(again)
    one.run(again, "b")
    assert one.seen == [[again], [again, "b"]]


def test_a_change_stands_where_the_text_stands() -> None:
    one = Watching()
    one.run("a", "b")
    assert one.run("a", "mask", "b", "mask").verdict == Rewrite({1: "x", 3: "x"})


@pytest.mark.parametrize("other", [{"session": "t"}, {"key": "l"}, {"session": ""}])
def test_a_conversation_is_its_callers_own(other: dict[str, str]) -> None:
    one = Watching()
    one.run("a")
    one.run("a", **other)
    one.run("a", **other)
    assert one.seen == ([["a"]] * 3 if other == {"session": ""} else [["a"]] * 2)


def test_what_an_assistant_may_say_a_user_may_not_for_that() -> None:
    one = Watching()
    one.run(Text("a", "assistant"))
    one.run(Text("a", "user"))
    assert len(one.seen) == 2


OCCASION = Occasion(name="g", hook=Hook.PRE_CALL, session_id="s")


def test_what_is_remembered_has_an_end_and_a_bound() -> None:
    clock = ManualClock()
    known = Novelty(clock.monotonic)

    def fresh(content: Content, session: str = "s") -> int:
        occasion = Occasion(name="g", hook=Hook.PRE_CALL, session_id=session)
        return len(known.fresh(View(content, None), "g", occasion).content.texts)

    known.passed(request("a"), "g", OCCASION)
    clock.advance(STAYS)
    assert fresh(request("a")) == 0
    clock.advance(1)
    assert fresh(request("a")) == 1
    known.passed(request(*map(str, range(TEXTS + 1))), "g", OCCASION)
    assert fresh(request("1")) == 1, "of a long conversation all is looked at"
    for number in range(CONVERSATIONS + 1):
        known.passed(request("a"), "g", Occasion(name="g", hook=Hook.PRE_CALL, session_id=str(number)))
    assert fresh(request("a"), "0") == 1
    assert fresh(request("a"), str(CONVERSATIONS)) == 0


def test_who_masks_looks_at_all() -> None:
    assert only_new({"only_scan_new_messages": "true"})
    assert not only_new({"only_scan_new_messages": True, "mask_request_content": True})
    assert not only_new({})
