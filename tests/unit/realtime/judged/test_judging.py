"""What is said waits in order until it was judged, and not without a bound."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import TianjiError
from tianji.guardrails.failures import GuardrailBlocked
from tianji.realtime.judged.events import WORDLESS, JudgedEvents
from tianji.realtime.judged.judging import MOST, TOO_BIG, Hearer, Order, Relaying
from tianji.realtime.judged.live import JudgedLive
from tianji.realtime.judged.text import JudgedText

CREATE = b'{"type":"conversation.item.create"}'
SOUND = b'{"type":"input_audio_buffer.append","audio":"AAAA"}'


class Relay:
    def __init__(self) -> None:
        self.said: asyncio.Queue[tuple[bool, bytes]] = asyncio.Queue()
        self.ends: list[int] = []

    def say(self, said: list[Any]) -> None:
        for one in said:
            self.said.put_nowait(one)

    def end(self, last: Any) -> None:
        self.ends.append(last.code)


class Passing:
    """A turn that lets all pass at once, up to a word."""

    held = 0

    def __init__(self, hearer: Hearer) -> None:
        self.hearer = hearer

    def take(self, message: bytes, *, last: bool, aloud: bool) -> None:
        if b"forbidden" in message:
            self.hearer.refuse(GuardrailBlocked("no", "words"))
            return
        self.hearer.let([message])
        if last:
            self.hearer.over()

    def close(self) -> None:
        pass


class Holding(Passing):
    """A turn that holds everything, until it is told to go on."""

    def __init__(self, hearer: Hearer) -> None:
        super().__init__(hearer)
        self.messages: list[bytes] = []

    def take(self, message: bytes, *, last: bool, aloud: bool) -> None:
        self.messages.append(message)

    @property
    def held(self) -> int:  # type: ignore[override]  # of the other nothing is held
        return sum(map(len, self.messages))

    def go_on(self) -> None:
        self.hearer.let(self.messages)
        self.hearer.over()


class Slow:
    answers = False

    def __init__(self) -> None:
        self.lets = asyncio.Event()
        self.turns: list[Any] = []
        self.forms: list[str] = []
        self.kind: type[Passing] = Passing

    def turn(self, hearer: Hearer, form: str) -> Any:
        self.forms.append(form)
        self.turns.append(self.kind(hearer))
        return self.turns[-1]

    async def said(self, event: bytes) -> bytes:
        await self.lets.wait()
        return event

    async def heard(self, event: bytes) -> None:
        raise RuntimeError(event)

    def ends(self, _error: TianjiError) -> bool:
        return False

    def message(self, error: TianjiError) -> str:
        return error.message


def judged() -> tuple[JudgedEvents, Slow, Any]:
    talk, relay = Slow(), Relay()
    made = JudgedEvents(talk, None)
    made.join(relay)  # type: ignore[arg-type]  # it has what is asked of one
    return made, talk, relay


async def test_what_follows_waits_and_the_other_side_does_not() -> None:
    made, talk, relay = judged()
    assert made.begin() == []
    assert made(False, SOUND) == [(True, SOUND)]
    assert made(False, CREATE) == made(False, SOUND) == []
    assert made(True, b"{}") == [(False, b"{}")]
    talk.lets.set()
    assert [await relay.said.get(), await relay.said.get()] == [(True, CREATE), (True, SOUND)]
    await asyncio.sleep(0)
    assert made(False, SOUND) == [(True, SOUND)]


async def test_what_was_said_before_anybody_could_hear_it_is_said_then() -> None:
    made, _, _ = judged()
    assert made(True, b"{}") == []
    assert made.begin() == [(False, b"{}")]


async def test_no_more_waits_than_can_be_held() -> None:
    made, _, relay = judged()
    made.begin()
    made(False, CREATE)
    made(False, b" " * (MOST - len(CREATE)))
    assert relay.ends == []
    made(False, CREATE)
    assert relay.ends == [TOO_BIG]
    made.close()


async def test_who_fails_lets_nothing_pass() -> None:
    made, _, relay = judged()
    made.begin()
    heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "words"}
    assert made(True, json.dumps(heard).encode()) == []
    shown, error, cancel, forget = [(await relay.said.get())[1] for _ in range(4)]
    assert json.loads(shown)["transcript"] == ""
    assert json.loads(error)["type"] == "error"
    assert json.loads(cancel) == {"type": "response.cancel"}
    assert json.loads(forget) == {"type": "conversation.item.delete", "item_id": "i"}


@given(st.sampled_from(sorted(WORDLESS)), st.dictionaries(st.text(), st.text()))
def test_no_event_with_another_type_is_taken_for_one_without_words(kind: str, members: dict[str, str]) -> None:
    made = JudgedEvents(Slow(), None)
    assert not made.speaks(json.dumps({"type": kind, "audio": "AAAA"}).encode())
    others = json.dumps({**members, "type": "conversation.item.create"}).encode()
    assert made.speaks(others)
    assert made.speaks(others[:-1] + b', "type": "' + kind.encode() + b'"}')
    assert made.speaks(b'{"type":"' + kind.encode() + b'", ' + others[1:])


# -- answers -----------------------------------------------------------------------------------------------------------


def answering(kind: type[Passing] = Passing) -> tuple[JudgedEvents, Slow, Any]:
    made, talk, relay = judged()
    talk.answers, talk.kind = True, kind
    made.begin()
    return made, talk, relay


def event(kind: str, response: str = "r1", **members: Any) -> bytes:
    if kind in ("response.created", "response.done"):
        return json.dumps({"type": kind, "response": {"id": response, "status": "completed", **members}}).encode()
    return json.dumps({"type": kind, "response_id": response, **members}).encode()


def loaded(said: list[tuple[bool, bytes]]) -> list[tuple[bool, Any]]:
    return [(upstream, json.loads(message)) for upstream, message in said]


SOUNDS = event("response.output_audio.delta", delta="AAAA")


def test_an_answer_that_is_refused_in_the_middle_is_cut_off() -> None:
    made, _, _ = answering()
    item = {"id": "i1", "type": "message", "role": "assistant"}
    before = [event("response.created"), event("response.output_item.added", item=item, output_index=0), SOUNDS]
    for message in before:
        assert made(True, message) == [(False, message)]
    (to_client, error), (to_upstream, cancel) = loaded(
        made(True, event("response.output_audio_transcript.delta", delta="forbidden"))
    )
    assert (to_client, error["type"], error["error"]["message"]) == (False, "error", "no")
    assert (to_upstream, cancel) == (True, {"type": "response.cancel", "response_id": "r1"})
    assert made(True, SOUNDS) == []
    done = event("response.done", output=[{"id": "i1"}], usage={"total_tokens": 7})
    (_, end), (to_upstream, forget) = loaded(made(True, done))
    assert end["response"]["output"] == []
    assert end["response"]["status_details"] == {"type": "incomplete", "reason": "content_filter"}
    assert end["response"]["usage"] == {"total_tokens": 7}
    assert (to_upstream, forget) == (True, {"type": "conversation.item.delete", "item_id": "i1"})
    later = json.dumps({"type": "conversation.item.done", "item": item}).encode()
    assert made(True, later) == [], "the item of it shows what was said"
    assert made(True, event("response.created", "r2")) == [(False, event("response.created", "r2"))]


def test_what_no_model_says_waits_for_no_answer() -> None:
    made, talk, _ = answering(Holding)
    assert made(True, event("response.created")) == []
    for kind, item in (("input_audio_buffer.speech_started", {}), ("conversation.item.added", {"role": "user"})):
        message = json.dumps({"type": kind, "item": item}).encode()
        assert made(True, message) == [(False, message)]
    assert made(True, b'{"type": "something.new"}') == [], "what nobody knows may hold words"
    assert len(talk.turns[0].messages) == 2


def test_answers_are_heard_one_after_another() -> None:
    made, talk, relay = answering(Holding)
    for name in ("r1", "r2"):
        assert made(True, event("response.created", name)) == made(True, event("response.done", name)) == []
    first, second = talk.turns
    second.go_on()
    assert relay.said.empty()
    first.go_on()
    heard = [json.loads(relay.said.get_nowait()[1])["response"]["id"] for _ in range(4)]
    assert heard == ["r1", "r1", "r2", "r2"]


def test_what_waits_for_its_turn_counts() -> None:
    order = Order(lambda _said: None)
    for name in "ab":
        order.begin(name)
    order.say("b", [(False, b"1234")])
    assert order.size == 4
    order.over("a")
    assert order.size == 0


async def test_what_the_client_did_not_hear_is_given_back_with_what_it_has_used() -> None:
    made, _, _ = answering(Holding)
    done = event("response.done", usage={"total_tokens": 7})
    made(True, event("response.created"))
    made(True, done)
    heard = json.dumps({"type": "conversation.item.input_audio_transcription.completed", "transcript": "x"}).encode()
    made(True, heard)
    assert made.close() == [done, heard]


async def test_an_answer_that_nobody_can_hold_ends_the_conversation() -> None:
    made, _, relay = answering(Holding)
    made(True, event("response.created"))
    made(True, event("response.output_audio.delta", delta="A" * MOST))
    assert relay.ends == [TOO_BIG]


# -- Google's form -----------------------------------------------------------------------------------------------------


def live(kind: type[Passing] = Passing) -> tuple[JudgedLive, Slow, Any, list[bytes]]:
    talk, relay, used = Slow(), Relay(), list[bytes]()
    talk.answers, talk.kind = True, kind
    made = JudgedLive(talk, used.append)  # type: ignore[arg-type]  # append returns None, too
    made.join(relay)  # type: ignore[arg-type]  # it has what is asked of one
    return made, talk, relay, used


def content(**members: Any) -> bytes:
    return json.dumps({"serverContent": members}).encode()


SAYS = content(modelTurn={"parts": [{"text": "words"}]})
ENDS = json.dumps({"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 3}}).encode()


def test_a_turn_of_googles_ends_where_nothing_more_is_said() -> None:
    made, talk, relay, used = live(Holding)
    setup = b'{"setupComplete": {}}'
    assert made(True, setup) == [(False, setup)]
    call = b'{"toolCall": {"functionCalls": []}}'
    for message in (SAYS, call, SAYS, content(generationComplete=True), ENDS):
        assert made(True, message) == []
    assert [len(turn.messages) for turn in talk.turns] == [2, 2, 1]
    assert used == [ENDS], "it is paid for though nobody has heard it"
    for turn in talk.turns:
        turn.go_on()
    assert [relay.said.get_nowait()[1] for _ in range(5)] == [SAYS, call, SAYS, content(generationComplete=True), ENDS]
    assert made.held == 0


def test_a_refusal_ends_a_conversation_of_googles() -> None:
    made, _, relay, _ = live()
    assert made(True, content(modelTurn={"parts": [{"text": "forbidden"}]})) == []
    assert relay.ends == [1008]


@given(
    st.dictionaries(st.sampled_from(["audio", "video", "mediaChunks", "text", "other"]), st.text("ab", max_size=3)),
    st.sampled_from([{}, {"clientContent": {}}, {"x": 1}]),
)
def test_only_sound_and_pictures_hold_no_words(sent: dict[str, str], beside: dict[str, Any]) -> None:
    made, _, _, _ = live()
    speaks = made.speaks(json.dumps({"realtimeInput": sent, **beside}).encode())
    assert speaks == bool(beside or sent.keys() & {"text", "other"})


@pytest.mark.parametrize(
    "hidden",
    [
        b'{"realtimeInput": {"text": "x"}, "realtimeInput": {"audio": {}}}',
        b'{"realtimeInput": {"t\\u0065xt": "x"}}',
        b"no JSON",
        b"[" * 100_000,
    ],
)
def test_what_only_looks_like_sound_holds_words(hidden: bytes) -> None:
    assert live()[0].speaks(hidden)


def test_what_google_says_stays_binary() -> None:
    made, talk, _, _ = live()
    (said,) = made(True, bytearray(SAYS))
    assert (said, type(said[1]), talk.forms) == ((False, SAYS), bytearray, ["live"])


# -- no form that is known ---------------------------------------------------------------------------------------------


def text(kind: type[Passing] = Passing) -> tuple[JudgedText, Slow, Any]:
    talk, relay = Slow(), Relay()
    talk.answers, talk.kind = True, kind
    made = JudgedText(talk, Relaying(), lambda message: message.startswith(b"{"))
    made.join(relay)  # type: ignore[arg-type]  # it has what is asked of one
    made.begin()
    return made, talk, relay


def test_every_message_of_json_is_judged_for_itself() -> None:
    made, talk, _ = text()
    assert made(True, b"sound") == [(False, b"sound")]
    (said,) = made(True, bytearray(b"{}"))
    assert (said, type(said[1]), talk.forms) == ((False, b"{}"), bytearray, ["message"])
    ((to_upstream, told),) = loaded(made(True, b'{"a": "forbidden"}'))
    assert (to_upstream, told["error"]["message"]) == (False, "no")
    assert made(True, b"{}") == [(False, b"{}")]
    assert made.held == 0


def test_what_follows_a_message_waits_behind_it() -> None:
    made, talk, relay = text(Holding)
    assert made(True, b"{}") == made(True, b"sound") == made(True, b'{"b": 1}') == []
    first, second = talk.turns
    second.go_on()
    assert relay.said.empty()
    first.go_on()
    assert [relay.said.get_nowait()[1] for _ in range(3)] == [b"{}", b"sound", b'{"b": 1}']
    assert made(True, b"sound") == [(False, b"sound")]
