"""Run the cells: rounds of all targets in turn, so that a change of the machine's mood meets all alike."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import uvloop

from bench.macro import client, loops, measure
from bench.macro.process import NotRunning, Process, start_mock, start_target
from bench.macro.stats import percentile, spread
from bench.macro.targets import PACED_MODEL, Target, filled

TOKENS = 64
PACE = int(PACED_MODEL.rpartition("-")[2])  # events a second of a paced stream
OPEN_SHARE = 0.6  # of a target's own capacity
OPEN_LIMIT = 0.1  # of the direct capacity: beyond, the open loop measures the client, which wakes for each request
NOISE_LOAD, NOISE_SPREAD, CEILING = 0.2, 0.15, 0.9
WORDS = "the quick gateway relays what the client said and adds nothing of its own to it "


@dataclass(frozen=True)
class Cell:
    """One kind of load."""

    size: int  # of the request's body in bytes
    stream: bool = False
    concurrency: int = 0  # 0: open loop
    paced: bool = False  # the mock sends PACE events a second, so that each costs the gateway a wake-up

    @property
    def name(self) -> str:
        kind = f"stream at {PACE} events/s" if self.paced else "stream" if self.stream else "plain"
        pace = f"c={self.concurrency}" if self.concurrency else f"open at {OPEN_SHARE:.0%}"
        return f"{kind} {self.size / 1000:g} KB {pace}"


@dataclass(frozen=True)
class Plan:
    """What a run does."""

    cells: tuple[Cell, ...]
    rounds: int
    seconds: float


@dataclass
class Sample:
    """One target in one cell in one round. Times in microseconds."""

    rate: float = 0.0
    p50: float | None = None
    p99: float | None = None
    added_p50: float | None = None
    added_p99: float | None = None
    cpu: float | None = None  # of the gateway, a request; for direct, of the mock
    cpu_event: float | None = None
    loader_busy: float = 0.0  # share of the cores that mock and client have
    other_load: float = 0.0  # cores' worth of work that is not ours
    answers: int = 0
    failures: int = 0
    problem: str = ""


@dataclass
class Row:
    """A target and all that was measured of it."""

    target: Target
    process: Process | None = None
    values: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    idle_mib: float | None = None
    after_mib: float | None = None
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.values["address"].rpartition(":")
        return host, int(port)


def request_bytes(row: Row, cell: Cell) -> bytes:
    """The whole request, its body exactly as long as the cell says."""
    stream = b'"stream":true,' if cell.stream else b""
    front = b'{%b"model":%b,"messages":[{"role":"user","content":"' % (
        stream,
        msgspec.json.encode(PACED_MODEL if cell.paced else row.target.model),
    )
    fill = cell.size - len(front) - len(b'"}]}')
    body = front + (WORDS * (fill // len(WORDS) + 1))[:fill].encode() + b'"}]}'
    path = row.target.stream_path if cell.stream else row.target.path
    headers = {"host": row.values["address"], "content-type": "application/json", "content-length": str(len(body))}
    headers |= {name: filled(value, row.values) for name, value in row.target.headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


class Runner:
    """Holds the processes of a run; close it."""

    def __init__(self, targets: list[Target], folder: Path, say: Callable[[str], None]) -> None:
        cores = sorted(os.sched_getaffinity(0))
        self.gateway_cores = {cores[0]}
        self.loader_cores = set(cores[1:]) or {cores[0]}
        self._say = say
        self._folder = folder
        os.sched_setaffinity(0, self.loader_cores)
        self.rows = [Row(target) for target in targets]
        self._mock, self._upstream = start_mock(self.loader_cores, folder, TOKENS)

    def close(self) -> None:
        for row in self.rows:
            if row.process is not None:
                row.process.close()
        self._mock.close()

    def start(self) -> None:
        """Start every target; one that fails keeps its row and says why."""
        self._save_answers()
        for row in self.rows:
            if not row.target.command:
                row.values = {"address": self._upstream, "key": "none"}
                row.idle_mib = measure.resident_mib(self._mock.pids())
                continue
            try:
                row.process, row.values = start_target(
                    row.target, self.gateway_cores, self._folder / row.target.name, self._upstream
                )
                row.values["address"] = f"127.0.0.1:{row.values['port']}"
                self._await_ready(row)
                row.idle_mib = measure.resident_mib(row.process.pids())
            except (NotRunning, KeyError, ValueError) as error:
                row.problem = f"did not start: {error}"
            self._say(f"{row.target.name}: {row.problem or f'ready, {row.idle_mib:.0f} MiB'}")

    def _save_answers(self) -> None:
        """Keep the mock's own answers for the bare server to repeat."""
        direct = Row(Target("direct"), values={"address": self._upstream})
        for name, stream in (("plain", False), ("stream", True)):
            status, payload, _ = uvloop.run(client.probe(*direct.address, request_bytes(direct, Cell(200, stream))))
            if status != 200:
                raise NotRunning(f"the mock answered {status}")
            (self._folder / name).write_bytes(payload)

    def _await_ready(self, row: Row) -> None:
        request = f"GET {row.target.ready} HTTP/1.1\r\nhost: {row.values['address']}\r\n\r\n".encode()
        if not row.target.ready:
            request = request_bytes(row, Cell(200))
        end = time.monotonic() + row.target.ready_seconds
        last = "no answer"
        while time.monotonic() < end:
            if row.process is not None:
                row.process.check()
            try:
                status, payload, _ = uvloop.run(client.probe(*row.address, request, patience=5))
                if status == 200:
                    return
                last = f"status {status}: {payload[:200]!r}"
            except (OSError, TimeoutError, client.Broken) as error:
                last = str(error)
            time.sleep(0.1)
        raise NotRunning(f"not ready in {row.target.ready_seconds:g} s: {last}")

    def run(self, plan: Plan) -> None:
        """Measure all cells; afterwards the memory."""
        for cell in plan.cells:
            for number in range(plan.rounds):
                self._say(f"{cell.name}, round {number + 1} of {plan.rounds}")
                baseline: Sample | None = None
                for row in self.rows:
                    if row.problem or (cell.paced and not row.target.paces):
                        continue
                    sample = self._measure(row, cell, plan.seconds, baseline)
                    row.samples.setdefault(cell.name, []).append(sample)
                    if not row.target.command:
                        baseline = sample
        for row in self.rows:
            pids = self._mock.pids() if row.process is None else row.process.pids()
            if not row.problem:
                row.after_mib = measure.resident_mib(pids)

    def _measure(self, row: Row, cell: Cell, seconds: float, baseline: Sample | None) -> Sample:
        if cell.concurrency:
            sample = self._load(row, cell, seconds, 0.0)
        else:
            direct = next(r for r in self.rows if not r.target.command)
            rate = min(OPEN_SHARE * self._capacity(row, cell), OPEN_LIMIT * self._capacity(direct, cell))
            if not rate:
                return Sample(problem="no closed-loop rate to take a share of")
            baseline = None if direct is row else self._load(direct, cell, seconds, rate)
            sample = self._load(row, cell, seconds, rate)
        if baseline is not None and None not in (sample.p50, baseline.p50):
            sample.added_p50 = sample.p50 - baseline.p50  # type: ignore[operator] # checked above
            sample.added_p99 = sample.p99 - baseline.p99  # type: ignore[operator] # there with p50
        return sample

    @staticmethod
    def _capacity(row: Row, cell: Cell) -> float:
        names = [Cell(cell.size, cell.stream, c).name for c in range(1, 1025)]
        found = [median(s.rate for s in row.samples[name]) for name in names if name in row.samples]
        return max(found, default=0.0)

    def _load(self, row: Row, cell: Cell, seconds: float, rate: float) -> Sample:
        self._mock.check()
        if row.process is not None:
            try:
                row.process.check()
            except NotRunning as error:
                row.problem = f"died: {error}"
                return Sample(problem=row.problem, failures=1)
        request = request_bytes(row, cell)
        try:
            status, payload, events = uvloop.run(client.probe(*row.address, request))
        except (OSError, TimeoutError, client.Broken) as error:
            return Sample(problem=f"the first request failed: {error}", failures=1)
        if status != 200:
            return Sample(problem=f"status {status}: {payload[:120]!r}", failures=1)
        if cell.stream and events < TOKENS:
            return Sample(problem=f"a stream of {events} events, where {TOKENS} or more were due", failures=1)
        mock = self._mock.pids()
        gateway = mock if row.process is None else row.process.pids()
        marks: list[tuple[float, float, float, float]] = []

        def mark() -> None:
            mine = time.process_time()
            ours = measure.cpu_seconds(gateway)
            marks.append((ours, mine, measure.cpu_seconds(mock), measure.Machine.read().busy))

        host, port = row.address
        if cell.concurrency:
            work = loops.closed_loop(host, port, request, len(payload), cell.concurrency, seconds, mark)
        else:
            work = loops.open_loop(host, port, request, len(payload), rate, seconds, mark)
        try:
            load = uvloop.run(work)
        except OSError as error:
            return Sample(problem=str(error), failures=1)
        return self._sample(load, marks, direct=row.process is None)

    def _sample(self, load: client.Load, marks: list[tuple[float, float, float, float]], *, direct: bool) -> Sample:
        gateway, mine, mock, busy = (b - a for a, b in zip(*marks, strict=True))
        sample = Sample(rate=load.rate, answers=len(load.latencies), failures=load.failures)
        sample.problem = load.first_failure
        sample.loader_busy = (mine + mock) / load.seconds / len(self.loader_cores)
        sample.other_load = max(0.0, busy - mine - mock - (0.0 if direct else gateway)) / load.seconds
        if load.latencies:
            sample.p50 = percentile(load.latencies, 0.5) * 1e6
            sample.p99 = percentile(load.latencies, 0.99) * 1e6
            sample.cpu = gateway / sample.answers * 1e6
            sample.cpu_event = gateway / load.events * 1e6 if load.events else None
        return sample


def middle(samples: list[Sample], name: str) -> float | None:
    """The median of a figure over the rounds that have it."""
    values = [value for sample in samples if (value := getattr(sample, name)) is not None]
    return median(values) if values else None


def objections(rows: list[Row], before: float) -> list[str]:
    """Why the figures should not be published; empty when they may."""
    found = []
    if before > NOISE_LOAD:
        found.append(f"other processes used {before:.2f} cores before the run (limit {NOISE_LOAD})")
    noise = [middle(samples, "other_load") or 0.0 for row in rows for samples in row.samples.values()]
    if loud := [load for load in noise if load > NOISE_LOAD]:
        found.append(f"other processes used up to {max(loud):.2f} cores in {len(loud)} of {len(noise)} measurements")
    for row in rows:
        for name, samples in row.samples.items():
            where = f"{row.target.name}, {name}"
            if row.target.command and (busy := middle(samples, "loader_busy") or 0.0) > CEILING:
                found.append(f"{where}: mock and client were at {busy:.0%} of their cores; the rate is a lower bound")
            if len(samples) > 1 and (apart := spread([s.rate for s in samples])) > NOISE_SPREAD:
                found.append(f"{where}: rounds lie {apart:.0%} apart")
    return found


def as_data(rows: list[Row]) -> list[dict[str, Any]]:
    """All that was measured, for JSON."""
    return [
        {
            "name": row.target.name,
            "command": [Path(word).name if i == 0 else word for i, word in enumerate(row.target.command)],
            "problem": row.problem,
            "idle_mib": row.idle_mib,
            "after_mib": row.after_mib,
            "cells": {name: [asdict(sample) for sample in samples] for name, samples in row.samples.items()},
        }
        for row in rows
    ]
