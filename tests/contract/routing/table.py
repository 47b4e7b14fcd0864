"""The conformance table, run through gateways: a row's configuration, the upstreams' script, requests and outcomes.

`a:[a1,a2]` is a model group with the ids of its deployments; a script says what each deployment answers, the
last answer for ever, and 200 where it says nothing.
"""

import json
import os
import re
import signal
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.contract.harness import Gateway, Mock, events, eventually

Answer = int | str | tuple[int, Mapping[str, str]] | Mapping[str, object]
"""A status, with `retry-after` and other headers or without; a word of WORDS; or faults of the mock provider."""

MESSAGES = [{"role": "user", "content": "one two three"}]
AHEAD = 6  # gateways that an edge has: while one serves a row, others take the configurations of the next
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
    script: Mapping[str, Answer | Sequence[Answer]] = field(default_factory=dict)
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


class Stage:
    """A gateway that takes the configuration of one row after the other."""

    def __init__(self, edge: str, mock: Mock, dead_url: str, folder: Path) -> None:
        self._edge, self._mock, self._dead_url, self._folder = edge, mock, dead_url, folder
        self._gateway: Gateway | None = None
        self._count = self._reloads = 0

    @property
    def gateway(self) -> Gateway:
        """The gateway, once a row was set."""
        assert self._gateway is not None
        return self._gateway

    @property
    def _prefix(self) -> str:
        """What makes the deployments of this row others than those of rows before, whose health is remembered."""
        return f"row{self._count}-"

    @property
    def _ready(self) -> str:
        """A model whose name says that the configuration is in force."""
        return f"ready-{self._count}-{self._reloads}"

    def set(self, row: Row) -> None:
        """Give the gateway a row's configuration; it need not be in force yet."""
        self.row = row
        self._count += 1
        if self._gateway is None:
            self._gateway = Gateway(self._config(), self._folder, edge=self._edge)
        else:
            self._reload()

    def again(self) -> None:
        """Have the same configuration read once more."""
        self._reloads += 1
        self._reload()
        self.wait()

    def wait(self) -> None:
        """Return when it is in force."""
        eventually(lambda: self._ready in self.gateway.models(), "the row's configuration is in force")

    def _reload(self) -> None:
        self.gateway.write(self._config())
        os.kill(self.gateway.process.pid, signal.SIGHUP)

    def stop(self) -> None:
        """End it."""
        if self._gateway is not None:
            self._gateway.stop()

    def _config(self) -> dict[str, object]:
        row = self.row
        entries = [self._entry(name, one) for name, one in row.members()]
        entries.append({"model_name": self._ready, "litellm_params": {"model": "openai/no", "mock_response": "yes"}})
        return {
            "model_list": entries,
            "router_settings": {"num_retries": 0, **self._own(row.router)},
            "litellm_settings": self._own(row.settings),
            "general_settings": row.general,
        }

    def _entry(self, name: str, one: str) -> dict[str, object]:
        base = self._dead_url if one in self.row.dead else self._mock.url
        params = {"model": "openai/*" if "*" in name else f"openai/{one}", "api_base": f"{base}/v1"}
        key = {"api_key": self._key(one)}
        info = {"id": self._prefix + one, **self.row.infos.get(one, {})}
        return {
            "model_name": name,
            "litellm_params": {**params, **key, **self.row.params.get(one, {})},
            "model_info": info,
        }

    def _key(self, deployment: str) -> str:
        """The upstream's key, by which the mock provider knows the deployment."""
        own = self.row.params.get(deployment, {}).get("api_key")
        return str(own) if own else f"sk-{self._prefix}{deployment}-4f9a8b7c6d5e"

    def _own(self, value: Any) -> Any:
        """Put the ids of this row's deployments for those that the table has."""
        if isinstance(value, Mapping):
            return {self._own(name): self._own(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._own(inner) for inner in value]
        return self._prefix + value if value in {one for _, one in self.row.members()} else value

    # -- requests ------------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Script the upstreams, send the requests, compare."""
        self.script(self.row.script)
        seen = 0
        for number, one in enumerate(self.row.asks):
            answer = self.send(one)
            calls = self.requests()[seen:]
            seen += len(calls)
            try:
                self._compare(one, answer, calls)
            except AssertionError as error:
                told = f"request {number}: {answer.status_code} {answer.text[:500]}\n{dict(answer.headers)}"
                raise AssertionError(f"{error}\n{told}") from error

    def script(self, script: Mapping[str, Answer | Sequence[Answer]]) -> None:
        """Say what upstreams answer from now on."""
        rules = [
            {"authorization": self._key(one), "faults": faults, "times": None if last else 1}
            for one, answers in script.items()
            for faults, last in _in_turn(answers)
        ]
        self._mock.client.delete("/mock/control").raise_for_status()
        self._mock.client.post("/mock/control", json=rules).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """Return what reached the mock provider since the test began."""
        return self._mock.requests()

    def send(self, one: Ask) -> httpx.Response:
        """Send one request."""
        return self.gateway.client.post("/v1/chat/completions", json=self._body(one), headers=dict(one.headers))

    def stream(self, one: Ask) -> AbstractContextManager[httpx.Response]:
        """Begin a streamed request; it is given up at the end of the context."""
        body = {**self._body(one), "stream": True}
        return self.gateway.client.stream("POST", "/v1/chat/completions", json=body, headers=dict(one.headers))

    def raw(self, one: Ask) -> bytes:
        """Return the same request as bytes, for clients that leave."""
        body = json.dumps(self._body(one)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {self.gateway.key}\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    def in_flight(self) -> float:
        """Return how many attempts the gateway says are under way."""
        text = self.gateway.client.get("/metrics").text
        return sum(
            float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("tianji_in_flight_requests")
        )

    def _body(self, one: Ask) -> dict[str, object]:
        return {"model": self._own(one.model), "messages": MESSAGES, **self._own(one.body)}

    def called(self, calls: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the deployments that requests at the mock provider came from."""
        keys = [dict(call["headers"])["authorization"].removeprefix("Bearer ") for call in calls]
        names = {self._key(one): one for _, one in self.row.members()}
        return [names.get(key, key) for key in keys]

    def stripped(self, text: str) -> str:
        """Return a text with the ids of deployments as the table has them."""
        return text.replace(self._prefix, "")

    def _compare(self, one: Ask, answer: httpx.Response, calls: Sequence[Mapping[str, Any]]) -> None:
        called = self.called(calls)
        fits = len(called) == len(one.expected) and all(
            name in wanted.split("|") for name, wanted in zip(called, one.expected, strict=True)
        )
        assert fits, f"called were {called}, not {one.expected}"
        same("status", answer.status_code, one.status)
        assert "x-litellm-call-id" in answer.headers, "no call id"
        self._compare_counts(one, answer, called)
        for name, value in one.told.items():
            same(name, answer.headers.get(name), value)
        for name, member in one.sent.items():
            same(f"sent {name}", calls[-1]["json"].get(name), member)
        if one.status != 200:
            self._compare_error(one, answer)
        elif one.body.get("stream"):
            self._compare_stream(one, answer)
        else:
            same("model", answer.json()["model"], self._own(one.group or one.model))

    def _compare_counts(self, one: Ask, answer: httpx.Response, called: Sequence[str]) -> None:
        head = answer.headers
        fallbacks = one.fallbacks
        if fallbacks is None:
            fallbacks = max(0, len(called) - 1 - one.retries)
        if called:
            same("retries", head.get("x-litellm-attempted-retries"), str(one.retries))
            same("fallbacks", head.get("x-litellm-attempted-fallbacks"), str(fallbacks))
        same("model id", head.get("x-litellm-model-id"), self._prefix + called[-1] if called else None)
        same("max-retries is there", "x-litellm-max-retries" in head, one.retries > 0)
        if one.status == 200:
            same("group", head["x-litellm-model-group"], self._own(one.group or one.model))

    def _compare_error(self, one: Ask, answer: httpx.Response) -> None:
        error = answer.json()["error"]
        assert one.says in error["message"], error
        same("type", error["type"], one.kind or error["type"])
        same("code", error["code"], one.code or str(error["code"]))
        # K11: neither credentials nor addresses nor ids of deployments
        found = re.search(r"sk-|127\.0\.0\.1|4f9a8b7c6d5e|canary", answer.text)
        assert found is None, f"{found} is shown"
        asked = self._own(one.model)
        ids = [self._prefix + name for _, name in self.row.members() if self._prefix + name != asked]
        same("ids that are shown", [name for name in ids if name in answer.text], [])

    def _compare_stream(self, one: Ask, answer: httpx.Response) -> None:
        *chunks, last = events(answer.text)
        if one.kind or one.code:
            same("type", last["error"]["type"], one.kind or last["error"]["type"])
            same("code", last["error"]["code"], one.code or last["error"]["code"])
        else:
            same("last event", last, "[DONE]")
            assert chunks[-1]["choices"][0]["finish_reason"], "no finish reason"
        for chunk in chunks:
            same("model", chunk["model"], self._own(one.group or one.model))
        if one.text is not None:
            same("text", "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks), one.text)


def same(what: str, found: object, expected: object) -> None:
    """Fail with a name for what differs: this is no test module, whose assertions pytest explains."""
    assert found == expected, f"{what}: {found!r}, not {expected!r}"


def until(client: socket.socket, mark: bytes) -> bytes:
    """Read until there is `mark`."""
    data = b""
    while mark not in data:
        piece = client.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def _in_turn(answers: Answer | Sequence[Answer]) -> Iterable[tuple[Mapping[str, object], bool]]:
    """Return (faults, whether they are for ever) one after the other."""
    sequence = answers if isinstance(answers, list) else [answers]
    for number, answer in enumerate(sequence, 1):
        yield faults_of(answer), number == len(sequence)  # type: ignore[arg-type]  # a list is a sequence of answers


class Rig:
    """The gateways of one edge."""

    def __init__(self, edge: str, mock: Mock, dead_url: str, folders: Sequence[Path]) -> None:
        self._stages = [Stage(edge, mock, dead_url, folder) for folder in folders]
        self._set: dict[Row, Stage] = {}  # oldest first

    def prepare(self, rows: Iterable[Row]) -> None:
        """Have gateways take the configurations of rows that will be asked for, the first of them first."""
        for one in list(rows)[: len(self._stages)]:
            if one in self._set:
                continue
            free = [stage for stage in self._stages if stage not in self._set.values()]
            stage = free[0] if free else self._set.pop(next(iter(self._set)))
            self._set[one] = stage
            stage.set(one)

    def stage(self, row: Row) -> Stage:
        """Return the gateway that a row is in force in."""
        stage = self._set[row]
        stage.wait()
        return stage

    def stop(self) -> None:
        """End them all."""
        for stage in self._stages:
            stage.stop()
