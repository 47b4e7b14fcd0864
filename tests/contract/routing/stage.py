"""Gateways that play rows of the conformance table."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from tests.contract.harness import Gateway, Mock, eventually

from .outcome import Told, compare
from .table import MESSAGES, Ask, Row, Script, faults_of

AHEAD = 6  # gateways that an edge has: while one serves a row, others take the configurations of the next


class Names:
    """What a row's deployments are called in its gateway, by the ids that the table has.

    They have a prefix, so that they are others than those of rows before, whose health the gateway remembers.
    """

    def __init__(self, row: Row, number: int) -> None:
        self.row = row
        self.prefix = f"row{number}-"
        self.ids = [one for _, one in row.members()]

    def key(self, one: str) -> str:
        """The upstream's key, by which the mock provider knows a deployment."""
        own = self.row.params.get(one, {}).get("api_key")
        return str(own) if own else f"sk-{self.prefix}{one}-4f9a8b7c6d5e"

    def own(self, value: Any) -> Any:
        """Put the gateway's ids for those that the table has, wherever they stand alone."""
        if isinstance(value, Mapping):
            return {self.own(name): self.own(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.own(inner) for inner in value]
        return self.prefix + value if value in self.ids else value

    def called(self, calls: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the deployments that requests at the mock provider came from."""
        keys = [dict(call["headers"])["authorization"].removeprefix("Bearer ") for call in calls]
        names = {self.key(one): one for one in self.ids}
        return [names.get(key, key) for key in keys]


class Stage:
    """A gateway that takes the configuration of one row after the other."""

    def __init__(self, edge: str, mock: Mock, dead_url: str, folder: Path) -> None:
        self._edge, self._mock, self._dead_url, self._folder = edge, mock, dead_url, folder
        self._gateway: Gateway | None = None
        self._rows = self._reloads = 0

    @property
    def gateway(self) -> Gateway:
        """The gateway, once a row was set."""
        assert self._gateway is not None
        return self._gateway

    @property
    def row(self) -> Row:
        """The row that was set last."""
        return self.names.row

    def set(self, row: Row) -> None:
        """Give the gateway a row's configuration; it need not be in force yet."""
        self._rows += 1
        self.names = Names(row, self._rows)
        if self._gateway is None:
            self._gateway = Gateway(self._config(), self._folder, edge=self._edge)
        else:
            self._reload()

    def again(self, **changes: object) -> None:
        """Have the same configuration read once more, or one whose row has other fields; deployments keep their ids."""
        self._reloads += 1
        self.names.row = replace(self.row, **changes)  # type: ignore[arg-type]  # fields of Row
        self._reload()
        self.wait()

    def wait(self) -> None:
        """Return when it is in force."""
        eventually(lambda: self._ready() in self.gateway.models(), "the row's configuration is in force")

    def stop(self) -> None:
        """End it."""
        if self._gateway is not None:
            self._gateway.stop()

    def _reload(self) -> None:
        self.gateway.write(self._config())
        os.kill(self.gateway.process.pid, signal.SIGHUP)

    def _ready(self) -> str:
        """Name the model that says that the configuration is in force."""
        return f"ready-{self._rows}-{self._reloads}"

    def _config(self) -> dict[str, object]:
        row, own = self.row, self.names.own
        entries = [self._entry(name, one) for name, one in row.members()]
        ready = {"model_name": self._ready(), "litellm_params": {"model": "openai/no", "mock_response": "yes"}}
        return {
            "model_list": [*entries, ready],
            "router_settings": {"num_retries": 0, **own(row.router)},
            "litellm_settings": own(row.settings),
            "general_settings": row.general,
        }

    def _entry(self, name: str, one: str) -> dict[str, object]:
        base = self._dead_url if one in self.row.dead else self._mock.url
        params = {
            "model": "openai/*" if "*" in name else f"openai/{one}",
            "api_base": f"{base}/v1",
            "api_key": self.names.key(one),
            **self.row.params.get(one, {}),
        }
        info = {"id": self.names.prefix + one, **self.row.infos.get(one, {})}
        return {"model_name": name, "litellm_params": params, "model_info": info}

    # -- requests ------------------------------------------------------------------------------------------------

    def play(self) -> int:
        """Script the upstreams, send the requests, compare; how many were answered as the row says.

        Raises AssertionError at the first that was not.
        """
        if "usage" in str(self.row.router) or any({"rpm", "tpm"} & own.keys() for own in self.row.params.values()):
            within_a_minute()
        self.script(self.row.script)
        seen = 0
        for number, one in enumerate(self.row.asks):
            answer = self.send(one)
            calls = self.requests()[seen:]
            seen += len(calls)
            told = Told(answer, self.names.called(calls), [call["json"] for call in calls])
            try:
                compare(one, told, self.names.own)
            except AssertionError as error:
                text = f"request {number}: {answer.status_code} {answer.text[:500]}\n{dict(answer.headers)}"
                raise AssertionError(f"{error}\n{text}") from error
        return len(self.row.asks)

    def script(self, script: Script) -> None:
        """Say what upstreams answer from now on."""
        rules = []
        for one, answers in script.items():
            for number, answer in enumerate(listed := answers if isinstance(answers, list) else [answers], 1):
                times = None if number == len(listed) else 1
                rules.append({"authorization": self.names.key(one), "faults": faults_of(answer), "times": times})
        self._mock.client.delete("/mock/control").raise_for_status()
        self._mock.client.post("/mock/control", json=rules).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """Return what reached the mock provider since the test began."""
        return self._mock.requests()

    def called(self) -> list[str]:
        """Return the deployments that were called since the test began."""
        return self.names.called(self.requests())

    def send(self, one: Ask) -> httpx.Response:
        """Send one request."""
        return self.gateway.client.post("/v1/chat/completions", json=self._body(one), headers=dict(one.headers))

    def stream(self, one: Ask) -> AbstractContextManager[httpx.Response]:
        """Begin a streamed request; it is given up at the end of the context."""
        body = {**self._body(one), "stream": True}
        return self.gateway.client.stream("POST", "/v1/chat/completions", json=body, headers=dict(one.headers))

    def raw(self, one: Ask) -> bytes:
        """Return a request as bytes, for clients that leave."""
        body = json.dumps(self._body(one)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {self.gateway.key}\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    def _body(self, one: Ask) -> dict[str, object]:
        return {"model": self.names.own(one.model), "messages": MESSAGES, **self.names.own(one.body)}


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


def within_a_minute() -> None:
    """Return when the minute, which limits are for, does not end at once."""
    eventually(lambda: time.time() % 60 < 57, "a minute begins")


def in_flight(gateway: Gateway) -> float:
    """Return how many attempts a gateway says are under way."""
    text = gateway.client.get("/metrics").text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("tianji_in_flight_requests"))


def until(client: socket.socket, mark: bytes) -> bytes:
    """Read until there is `mark`."""
    data = b""
    while mark not in data:
        piece = client.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data
