"""What is said waits in order until it was judged, and not without a bound."""

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import TianjiError
from tianji.realtime.judging import MOST, TOO_BIG, WORDLESS, Judged, Relaying, speaks

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


class Slow:
    def __init__(self) -> None:
        self.lets = asyncio.Event()

    async def said(self, event: bytes) -> bytes:
        await self.lets.wait()
        return event

    async def heard(self, event: bytes) -> None:
        raise RuntimeError(event)

    def ends(self, _error: TianjiError) -> bool:
        return False

    def message(self, error: TianjiError) -> str:
        return error.message


def judged() -> tuple[Judged, Slow, Any]:
    talk, relay = Slow(), Relay()
    made = Judged(talk, Relaying())
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
    assert not speaks(json.dumps({"type": kind, "audio": "AAAA"}).encode())
    others = json.dumps({**members, "type": "conversation.item.create"}).encode()
    assert speaks(others)
    assert speaks(others[:-1] + b', "type": "' + kind.encode() + b'"}')
    assert speaks(b'{"type":"' + kind.encode() + b'", ' + others[1:])
