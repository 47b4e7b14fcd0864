"""One run: what a verdict comes to by the word of its entry, in pieces, in time, and when there is none."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.guardrails.kinds import looking, request

from tianji.clock import ManualClock
from tianji.guardrails.asking import FAILURES, REST, Breaker, Line
from tianji.guardrails.content import Content
from tianji.guardrails.guardrail import Action, Guardrail, Modes
from tianji.guardrails.records import information
from tianji.guardrails.running import Outcome, Runner, Status, merged
from tianji.guardrails.scoping import TOO_LONG, pieces
from tianji.guardrails.slots.scope import Scope
from tianji.guardrails.vendor import AROUND, Asking, Call, Hook, Occasion, Params, Question, Reply, Sight, Type
from tianji.guardrails.verdict import Advise, Allow, Answer, Block, Findings, Rewrite, Unavailable, Verdict


class Calling:
    """A Caller whose replies are written down before."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self.replies = list(replies)
        self.calls: list[Call] = []
        self.clock = ManualClock()
        self.lines: dict[str, Line] = {}

    def line(self, name: str) -> Line:
        return self.lines.setdefault(name, Line(Breaker(self.clock), asyncio.Semaphore(4)))

    async def ask(self, call: Call, _kind: object, _line: object, *, stored: bool) -> Reply:
        self.calls.append(call)
        reply = self.replies.pop(0) if self.replies else Reply(200, b"{}")
        if isinstance(reply, Exception):
            raise reply
        return reply


def run(
    guardrail: Guardrail, content: Content | None = None, calling: Calling | None = None, hook: Hook = Hook.PRE_CALL
) -> Outcome:
    heard: list[Outcome] = []
    runner = Runner(calling or Calling(), heard.append)  # type: ignore[arg-type]  # of a Caller it needs no more
    occasion = Occasion(name=guardrail.name, hook=hook, trace_id="trace")
    outcome = asyncio.run(runner.run(guardrail, content or request("hello"), occasion))
    assert heard == [outcome]
    return outcome


def says(verdict: Verdict, **about: Any) -> Guardrail:
    return looking(lambda _content, _occasion: verdict, **about)


MASKING = {"type": {"masks": AROUND}}
BLOCK = Block("it is bad", {"score": 3}, Findings(categories=("c1", "c2")))


@pytest.mark.parametrize(
    ("verdict", "about", "hook", "expected", "status"),
    [
        (Allow(), {}, "pre_call", Allow(), Status.SUCCESS),
        (Allow("odd"), {}, "pre_call", Allow("odd"), Status.FLAGGED),
        (BLOCK, {}, "pre_call", BLOCK, Status.INTERVENED),
        (BLOCK, {"action": Action.MONITOR}, "pre_call", Allow("it is bad", BLOCK.findings), Status.FLAGGED),
        (BLOCK, {"action": Action.ANSWER}, "pre_call", Answer("it is bad", BLOCK.findings), Status.INTERVENED),
        (Rewrite({0: "x"}), MASKING, "pre_call", Rewrite({0: "x"}), Status.SUCCESS),
        (Rewrite({0: "x"}), {**MASKING, "parallel": True}, "pre_call", Allow(), Status.SUCCESS),
        (Advise("be kind"), {}, "pre_call", Advise("be kind"), Status.SUCCESS),
        (Advise("be kind"), {}, "post_call", Allow(), Status.SUCCESS),
        (Rewrite({0: "x"}), {}, "logging_only", Rewrite({0: "x"}), Status.SUCCESS),
    ],
)
def test_what_follows_from_a_verdict(
    verdict: Verdict, about: Mapping[str, Any], hook: str, expected: Verdict, status: Status
) -> None:
    outcome = run(says(verdict, **dict(about)), hook=Hook(hook))
    assert (outcome.verdict, outcome.status) == (expected, status)


@pytest.mark.parametrize(("about", "hook"), [({}, "pre_call"), (MASKING, "during_call")])
def test_a_change_that_cannot_be_made_is_a_refusal(about: Mapping[str, Any], hook: str) -> None:
    assert isinstance(run(says(Rewrite({0: "x"}), **dict(about)), hook=Hook(hook)).verdict, Block)


def test_a_template_says_a_refusal_in_the_operators_words() -> None:
    template = "{guardrail_name}: {default_message} ({category}, {score}) {unknown}"
    verdict = run(says(BLOCK, template=template)).verdict
    assert isinstance(verdict, Block)
    assert verdict.reason == "looking: it is bad (c1, c2, 3) {unknown}"


def test_nothing_in_scope_is_not_judged() -> None:
    seen: list[Content] = []
    only = looking(lambda content, _: seen.append(content) or Allow(), scope=Scope(only_tool_results=True))  # type: ignore[func-returns-value]
    assert run(only).status is Status.NOT_RUN
    assert seen == []


@pytest.mark.parametrize(
    ("sees", "strict", "unseen", "refused"),
    [
        (Sight.TEXT, False, 2, False),
        (Sight.TEXT, True, 2, True),
        (Sight.IMAGES, True, 1, True),
        (Sight.FILES, False, 1, False),
        (Sight.ALL, True, 0, False),
    ],
)
def test_what_cannot_be_looked_at_is_told_and_may_be_refused(
    sees: Sight, strict: bool, unseen: int, refused: bool
) -> None:
    content = replace(request("hello"), images=("data:image/png;base64,AA==",), files=("file-1",))
    outcome = run(says(Allow(), sees=sees, strict=strict), content)
    assert outcome.unseen == unseen
    assert isinstance(outcome.verdict, Block) is refused
    assert information(outcome).get("unscanned_attachments") == (unseen or None)
    assert run(says(Allow(), sees=sees, strict=strict), content, hook=Hook.LOGGING_ONLY).verdict == Allow()


def test_a_file_alone_is_nothing_to_whoever_sees_none() -> None:
    content = replace(request(), files=("file-1",))
    assert run(says(BLOCK), content).status is Status.NOT_RUN
    assert run(says(BLOCK, sees=Sight.FILES), content).status is Status.INTERVENED
    assert run(says(Allow(), strict=True), content).status is Status.INTERVENED


def failing(error: Exception, **about: Any) -> Guardrail:
    def look(_content: Content, _occasion: Occasion) -> Verdict:
        raise error

    return looking(look, **about)


@pytest.mark.parametrize(
    ("error", "opens", "passes"),
    [
        (Unavailable("away"), False, False),
        (Unavailable("away"), True, True),
        (Unavailable("wrong key", permanent=True), True, False),
        (ValueError("a fault of the type"), False, False),
        (ValueError("a fault of the type"), True, True),
    ],
)
def test_who_cannot_judge_lets_pass_what_his_entry_says(error: Exception, opens: bool, passes: bool) -> None:
    outcome = run(failing(error, fails_open=opens))
    assert outcome.status is Status.FAILED
    assert (outcome.verdict == Allow()) is passes
    assert "a fault of the type" not in outcome.error, "it may quote what was judged"


def asking(ask: Any, **about: Any) -> Guardrail:
    longest = about.pop("longest", None)
    kind = Type(names=("asking",), params=Params, check=lambda _p, _s: ask, masks=AROUND, longest=longest)
    usual = {"id": "a", "name": "asking", "kind": "asking", "modes": Modes(frozenset({Hook.PRE_CALL}))}
    return Guardrail(type=kind, check=ask, **{**usual, **about})


def test_calls_are_made_side_by_side_and_in_turn() -> None:
    def ask(_content: Content, _occasion: Occasion) -> Asking:
        first, second = yield [Call("http://a"), Call("http://b")]
        (third,) = yield [Call("http://c")]
        return Block(f"{first.status} {second.status} {third.status}")

    calling = Calling(Reply(201), Reply(202), Reply(203))
    assert run(asking(ask), calling=calling).verdict == Block("201 202 203")
    assert [call.url for call in calling.calls] == ["http://a", "http://b", "http://c"]


def test_one_call_of_several_that_fails_is_a_failure() -> None:
    def ask(_content: Content, _occasion: Occasion) -> Asking:
        yield [Call("http://a"), Call("http://b")]
        return Allow()

    assert run(asking(ask), calling=Calling(Reply(200), Unavailable("away"))).error == "away"


def test_a_check_that_takes_too_long_is_a_failure() -> None:
    class Never(Calling):
        async def ask(self, call: Call, _kind: object, _line: object, *, stored: bool) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError

    def ask(_content: Content, _occasion: Occasion) -> Asking:
        yield [Call("http://a")]
        return Allow()

    outcome = run(asking(ask, timeout=0.01), calling=Never())
    assert (outcome.status, outcome.verdict) == (Status.FAILED, None)
    assert "0.01 s" in outcome.error


def test_who_failed_often_is_left_alone_for_a_while() -> None:
    def ask(_content: Content, _occasion: Occasion) -> Asking:
        (reply,) = yield [Call("http://a")]
        reply.document()
        return Allow()

    calling = Calling(*[Unavailable("away")] * (FAILURES + 1))
    guardrail = asking(ask)
    for _ in range(FAILURES):
        assert run(guardrail, calling=calling).error == "away"
    assert "asked again" in run(guardrail, calling=calling).error
    assert len(calling.calls) == FAILURES
    calling.clock.advance(REST)
    assert run(guardrail, calling=calling).error == "away", "one may see whether it is back"
    assert "asked again" in run(guardrail, calling=calling).error
    calling.clock.advance(REST)
    assert run(guardrail, calling=calling).verdict == Allow()
    assert run(guardrail, calling=calling).verdict == Allow()


def consulting(*replies: Reply) -> tuple[Calling, list[Question]]:
    """Return what asks models, and the questions it was given."""
    asked: list[Question] = []

    class Consulting(Calling):
        async def consult(self, question: Question, _line: object) -> Reply:
            asked.append(question)
            return replies[len(asked) - 1]

    return Consulting(), asked


def test_a_question_to_a_model_says_who_asks_it_and_in_which_session() -> None:
    def ask(_content: Content, _occasion: Occasion) -> Asking:
        first, second = yield [Question("chat", {"model": "m"}), Question("chat", {"model": "n"})]
        return Block(f"{first.status} {second.status}")

    calling, asked = consulting(Reply(201), Reply(202))
    assert run(asking(ask), calling=calling).verdict == Block("201 202")
    marks = {"tags": ["guardrail:asking"], "session_id": "trace"}
    assert [one.body for one in asked] == [{"model": name, "litellm_metadata": marks} for name in "mn"]


@pytest.mark.parametrize(
    ("seen", "asks", "expected"),
    [
        (Block("b"), 0, Block("b")),
        (Answer("a"), 0, Answer("a")),
        (Allow(), 1, Block("c")),
        (Rewrite({0: "x"}), 1, Block("c")),
    ],
)
def test_a_check_beside_a_look_judges_what_that_lets_pass(seen: Verdict, asks: int, expected: Verdict) -> None:
    def ask(_content: Content, _occasion: Occasion) -> Asking:
        yield [Question("chat", {"model": "m"})]
        return Block("c")

    calling, asked = consulting(Reply(200))
    both = looking(lambda _content, _occasion: seen, check=ask, **MASKING)
    assert run(both, calling=calling).verdict == expected
    assert len(asked) == asks


def test_a_change_of_a_look_stays_where_its_check_lets_it_pass() -> None:
    def ask(_content: Content, _occasion: Occasion) -> Asking:
        yield []
        return Allow()

    both = looking(lambda _content, _occasion: Rewrite({0: "x"}), check=ask, **MASKING)
    assert run(both).verdict == Rewrite({0: "x"})


def test_who_needs_nobody_is_not_kept_from_judging_by_a_vendor_that_is_away() -> None:
    def ask(content: Content, _occasion: Occasion) -> Asking:
        if "ask" in content.joined():
            (reply,) = yield [Call("http://a")]
            reply.document()
        return Allow()

    calling = Calling(*[Reply(500)] * FAILURES)
    guardrail = asking(ask)
    for _ in range(FAILURES):
        assert run(guardrail, request("ask"), calling).verdict is None
    assert run(guardrail, request("calm"), calling).verdict == Allow()
    assert run(guardrail, request("ask"), calling).verdict is None
    assert len(calling.calls) == FAILURES, "a verdict without a call says nothing of the vendor"


# -- pieces --------------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=30), max_size=8), st.integers(4, 20))
def test_pieces_hold_everything_and_are_short(texts: list[str], longest: int) -> None:
    content = request(*texts)
    found = pieces(content, longest)
    assert all(sum(len(text.text) for text in one.content.texts) <= longest for one in found)
    for at, text in enumerate(texts):
        parts = [p.content.texts[i].text for p in found for i, place in enumerate(p.places) if place == at]
        assert parts
        if len(text) <= longest:
            assert parts == [text]
        else:
            assert text.startswith(parts[0])
            assert text.endswith(parts[-1])
            shared = min(200, longest // 2)
            assert all(text[i : i + shared] in "\0".join(parts) for i in range(len(text) - shared + 1))


def test_a_long_text_is_judged_in_parts_and_cannot_be_changed() -> None:
    def ask(content: Content, _occasion: Occasion) -> Asking:
        yield [Call("http://a")]
        return Rewrite({0: "x"}) if "needle" in content.joined() else Allow()

    long = asking(ask, longest=20)
    text = "a" * 16 + "needle" + "b" * 30
    assert run(long, request("short needle", "fine")).verdict == Rewrite({0: "x"})
    assert run(long, request(text)).verdict == Block(TOO_LONG)
    assert run(long, request("a" * 60)).verdict == Allow()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Allow(), Block("b"), Block("b")),
        (Rewrite({0: "x"}), Rewrite({1: "y"}), Rewrite({0: "x", 1: "y"})),
        (Rewrite({0: "x"}), Allow(), Rewrite({0: "x"})),
        (Advise("a"), Rewrite({0: "x"}), Rewrite({0: "x"})),
        (Allow("odd"), Allow(), Allow("odd")),
        (Allow(), Allow("odd"), Allow("odd")),
        (Answer("no"), Rewrite({0: "x"}), Answer("no")),
    ],
)
def test_what_pieces_come_to(first: Verdict, second: Verdict, expected: Verdict) -> None:
    assert merged(first, second) == expected
