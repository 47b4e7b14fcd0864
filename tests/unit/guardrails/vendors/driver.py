"""Asks a guardrail type without a network: what it sends is looked at, what it gets is given."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tianji.guardrails import vendors
from tianji.guardrails.content import Content, Direction, Kind, Text
from tianji.guardrails.vendor import Asking, Call, Check, Hook, Occasion, Question, Reply, Surroundings, Type
from tianji.guardrails.verdict import Verdict

ASKED = (
    Text("be kind", "system", Kind.INSTRUCTIONS),
    Text("hello", "user", message=1),
    Text("I am Ann, ann@x.io", "user", message=2),
)
REQUEST = Content(Direction.REQUEST, ASKED)
ANSWER = Content(Direction.RESPONSE, (Text("sure, Ann", "assistant"),), asked=ASKED)
TURNS = [
    {"role": "system", "content": "be kind"},
    {"role": "user", "content": "hello"},
    {"role": "user", "content": "I am Ann, ann@x.io"},
]
ANSWERED = [*TURNS, {"role": "assistant", "content": "sure, Ann"}]
OCCASION = Occasion(
    name="rail",
    hook=Hook.PRE_CALL,
    model="gpt-4o",
    call_id="call-1",
    session_id="session-1",
    trace_id="trace-1",
    key_alias="alias-1",
    key_hash="hash-1",
    user_id="user-1",
    user_email="u@x.io",
    team_id="team-1",
    team_alias="team-one",
    organization_id="org-1",
    end_user="end-1",
    ip="192.0.2.1",
    path="/v1/chat/completions",
    headers={"user-agent": "tests", "authorization": "Bearer client"},
)
KEY = "k3y-of-the-vendor"


def modules() -> Iterator[Any]:
    """Yield the modules of types that ask: a vendor, or models of the gateway's own."""
    for module in pkgutil.iter_modules(vendors.__path__):
        found = importlib.import_module(f"{vendors.__name__}.{module.name}")
        if hasattr(found, "TYPE") and found.TYPE.check is not None and found.TYPE.look is None:
            yield found


def named(name: str) -> Type[Any]:
    return next(found.TYPE for found in modules() if name in found.TYPE.names)


def params_of(row: Type[Any], entry: dict[str, Any]) -> Any:
    """Make parameters of an entry as a configuration holds them."""
    known = {row.params.aliases.get(key, key): value for key, value in entry.items()}
    return msgspec.convert(known, row.params, strict=False)


def drive(
    name: str,
    entry: dict[str, Any],
    content: Content,
    reply: Callable[[Call], Reply],
    *,
    occasion: Occasion = OCCASION,
    folder: Path = Path(),
) -> Verdict:
    """Return what a type says when each call is replied to like this."""
    row = named(name)
    check = checking(row, entry, folder)

    def answered(call: Call | Question) -> Reply:
        assert isinstance(call, Call)
        return reply(call)

    return driven(check(content, occasion), answered)


def checking(row: Type[Any], entry: dict[str, Any], folder: Path = Path()) -> Check:
    """Return what asks by an entry."""
    assert row.check is not None
    check = row.check(params_of(row, entry), Surroundings(folder))
    assert check is not None
    return check


def driven(asking: Asking, reply: Callable[[Call | Question], Reply]) -> Verdict:
    """Return what a check says when all that it asks is replied to like this."""
    try:
        calls = next(asking)
        while True:
            calls = asking.send([reply(call) for call in calls])
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


def ask(
    name: str,
    entry: dict[str, Any],
    content: Content = REQUEST,
    *replies: Any,
    occasion: Occasion = OCCASION,
    folder: Path = Path(),
) -> tuple[Verdict, list[Call]]:
    """Return what a type says and which calls it made. Replies are given in the order of the calls."""
    made: list[Call] = []

    def reply(call: Call) -> Reply:
        assert len(made) < len(replies), "it makes more calls than there are replies"
        made.append(call)
        given = replies[len(made) - 1]
        return given if isinstance(given, Reply) else answer(given)

    verdict = drive(name, entry, content, reply, occasion=occasion, folder=folder)
    assert len(made) == len(replies), "it makes fewer calls than there are replies"
    return verdict, made


def answer(document: object, status: int = 200, **headers: str) -> Reply:
    named_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(document).encode(), named_headers)


def sent(call: Call) -> Any:
    """Return the document that a call carries."""
    return json.loads(call.body)
