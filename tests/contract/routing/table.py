"""How a row of the conformance table is written: configuration, script of the upstreams, requests and outcomes.

`a:[a1,a2]` is a model group with the ids of its deployments; a script says what each of them answers, the last answer
for ever, and 200 where it says nothing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Answer = int | str | tuple[int, Mapping[str, str]] | Mapping[str, object]
"""A status, with `retry-after` and other headers or without; a word of WORDS; or faults of the mock provider."""

Script = Mapping[str, Answer | list[Answer]]
"""What deployments answer, the last answer of a list for ever."""

MESSAGES = [{"role": "user", "content": "one two three"}]
SOON = {"retry-after": "0.01"}  # with this the waits of a lone deployment are only their jitter
FIRST = {"a1": {"weight": 1}, "a2": {"weight": 0}}  # a1 is chosen while it may be
ABCD = "a:[a1] b:[b1] c:[c1] d:[d1]"


def _refusal(status: int, message: str, code: str) -> dict[str, object]:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return {"status": status, "body": json.dumps({"error": error})}


def _chunk(delta: Mapping[str, object], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(chunk)


ROLE = _chunk({"role": "assistant", "content": ""})


def said(*texts: str, cut: bool = False, finish: str = "stop") -> dict[str, object]:
    """Return the faults for a stream that says these texts and ends well, or is cut behind the last of them."""
    told = [ROLE, *(_chunk({"content": text}) for text in texts)]
    rest = [_chunk({}, finish), "[DONE]"]
    if cut:
        return {"events": told + rest, "cut_at": sum(len(f"data: {event}\n\n") for event in told)}
    return {"events": told + rest}


def used(total: int, *, completion: int = 1) -> dict[str, object]:
    """Return the faults for an answer that says that so many tokens were used."""
    usage = {"prompt_tokens": total - completion, "completion_tokens": completion, "total_tokens": total}
    choice = {"index": 0, "message": {"role": "assistant", "content": "I"}, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return {"body": json.dumps(answer)}


_FILTERED = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "I"}, "finish_reason": "content_filter"}],
}  # fmt: skip
WORDS: Mapping[str, Mapping[str, object]] = {
    "X": {"close": True},
    "Z": {"first_byte_ms": 60_000},
    "ctx": _refusal(400, "This model's maximum context length is 8192 tokens", "context_length_exceeded"),
    "cp": _refusal(400, "Your request was rejected", "content_policy_violation"),
    "cf": {"body": json.dumps(_FILTERED)},
    "credit": _refusal(400, "Your credit balance is too low to access the API", "billing"),
}


def faults_of(answer: Answer) -> Mapping[str, object]:
    """Say it in the words of the mock provider."""
    if isinstance(answer, str):
        return WORDS[answer]
    if isinstance(answer, int):
        return {"status": answer}
    if isinstance(answer, tuple):
        return {"status": answer[0], "headers": answer[1]}
    return answer


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request, and what is expected of it.

    calls: the deployments that are called, in order, `a1|a2` where it may be either
    group: what the answer says served, None for the model that was asked; `retries` and `fallbacks` are its counts,
        the latter without a word one for each further call
    kind, code, says: of the error object, `says` a part of its message; text: of a stream's deltas
    told: headers of the answer, None for those that it must not have; sent: members of the last call's body, likewise
    """

    model: str = "a"
    body: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    calls: str = ""
    status: int = 200
    group: str | None = None
    retries: int = 0
    fallbacks: int | None = None
    kind: str | None = None
    code: str | None = None
    says: str = ""
    text: str | None = None
    told: Mapping[str, str | None] = field(default_factory=dict)
    sent: Mapping[str, object] = field(default_factory=dict)

    @property
    def expected(self) -> list[str]:
        """The calls, one by one."""
        return self.calls.split(",") if self.calls else []


def ask(calls: str = "", status: int = 200, **more: Any) -> Ask:
    """Return a request; where only one outcome is of interest, its position says enough."""
    return Ask(calls=calls, status=status, **more)


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One row of the table. `asks` are sent one after the other; `dead` are deployments where nobody listens."""

    asks: Sequence[Ask]
    groups: str = ABCD
    router: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    general: Mapping[str, object] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    infos: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    script: Script = field(default_factory=dict)
    dead: Sequence[str] = ()

    def members(self) -> Iterable[tuple[str, str]]:
        """Return (group, deployment) for all of them."""
        for text in self.groups.split():
            name, _, ids = text.rpartition(":")
            for one in ids.strip("[]").split(","):
                yield name, one


def row(*asks: Ask, **more: Any) -> Row:
    """Return a row with these requests."""
    return Row(asks=asks, **more)


def lists(**tables: Sequence[object]) -> dict[str, object]:
    """Return `fallbacks` from groups and their targets."""
    return {"fallbacks": [{group: list(targets)} for group, targets in tables.items()]}
