"""Run the cells: rounds of all targets in turn, so that a change of the machine's mood meets all alike."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import uvloop

from bench.macro import client, loops, measure
from bench.macro.cells import OPEN_SHARE, SMALL, Cell, Crowd, Plan, Row, Sample, request_bytes
from bench.macro.crowd import crowd, words_of
from bench.macro.noise import CEILING
from bench.macro.process import NotRunning, alone, start_mock, start_target
from bench.macro.stats import percentile
from bench.macro.targets import KEY, PACES, Target

TOKENS = 64
OPEN_LIMIT = 0.5  # of the direct capacity: beyond, mock and client have no room for an open loop
ROOM = 0.5  # of their cores for mock and client: beyond, an open loop waits for them
LOOK = 0.005  # seconds between two looks at whether a target is ready
PATIENCE = 60.0  # seconds that a first answer may take
CROWD_SECONDS = 4.0

Marks = list[tuple[float, float, float, float]]


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
        self._save_answer()
        for row in self.rows:
            if not row.target.command:
                row.values = {"address": self._upstream, "key": "none"}
                row.idle_mib = measure.resident_mib(self._mock.pids())
                continue
            try:
                began = time.monotonic()
                row.process, row.values = start_target(
                    row.target, self.gateway_cores, self._folder / row.target.name, self._upstream
                )
                row.values["address"] = f"127.0.0.1:{row.values['port']}"
                self._await_ready(row)
                self._prepare(row)
                row.start_seconds = time.monotonic() - began
                row.idle_mib = measure.resident_mib(row.process.pids())
            except (NotRunning, KeyError, ValueError) as error:
                row.problem = f"did not start: {error}"
            self._say(f"{row.target.name}: {row.problem or f'ready, {row.idle_mib:.0f} MiB'}")
        if not alone([os.getpid(), *self._mock.pids(), *(pid for row in self.rows for pid in self._pids(row))]):
            self._say("no real-time priority (CAP_SYS_NICE): p99 is also what others do on these cores")

    def _save_answer(self) -> None:
        """Keep the mock's own answer for the bare server to repeat."""
        direct = Row(Target("direct"), values={"address": self._upstream})
        status, payload, _ = uvloop.run(client.probe(*direct.address, request_bytes(direct, SMALL.size)))
        if status != 200:
            raise NotRunning(f"the mock answered {status}")
        (self._folder / "answer").write_bytes(payload)

    def _await_ready(self, row: Row) -> None:
        request = f"GET {row.target.ready} HTTP/1.1\r\nhost: {row.values['address']}\r\n\r\n".encode()
        if not row.target.ready:
            request = request_bytes(row, SMALL.size)
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
            time.sleep(LOOK)
        raise NotRunning(f"not ready in {row.target.ready_seconds:g} s: {last}")

    def _prepare(self, row: Row) -> None:
        """Post what a target is to be told before it is measured."""
        for path, body in row.target.prepare:
            head = f"POST {path} HTTP/1.1\r\nhost: {row.values['address']}\r\nauthorization: Bearer {KEY}\r\n"
            request = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
            status, payload, _ = uvloop.run(client.probe(*row.address, request.encode(), patience=10))
            if status != 200:
                raise NotRunning(f"{path} was answered with {status}: {payload[:200]!r}")

    def run(self, plan: Plan) -> None:
        """Measure all cells; afterwards the memory."""
        for number in range(plan.rounds):
            for cell in plan.cells:
                self._say(f"round {number + 1} of {plan.rounds}: {cell.name}")
                baseline: Sample | None = None
                for row in self.rows:
                    if row.takes(cell):
                        sample = self._measure(row, cell, plan.seconds, baseline)
                        row.samples.setdefault(cell.name, []).append(sample)
                        if not row.target.command:
                            baseline = sample
        for row in self.rows:
            if not row.problem:
                row.after_mib = measure.resident_mib(self._pids(row))
        if plan.streams:
            self._crowds(plan.streams)

    def _pids(self, row: Row) -> list[int]:
        return self._mock.pids() if row.process is None else row.process.pids()

    def _measure(self, row: Row, cell: Cell, seconds: float, baseline: Sample | None) -> Sample:
        if cell.concurrency:
            sample = self._load(row, cell, seconds, 0.0)
        else:
            direct = next(r for r in self.rows if not r.target.command)
            capacity = self._capacity(row)
            rate = min(OPEN_SHARE * capacity, OPEN_LIMIT * self._capacity(direct), ROOM * self._carried(row))
            if not rate:
                return Sample(problem="no closed-loop rate to take a share of")
            baseline = None if direct is row else self._load(direct, cell, seconds, rate)
            sample = self._load(row, cell, seconds, rate)
            sample.share = rate / capacity
        if baseline is not None and None not in (sample.p50, baseline.p50):
            sample.added_p50 = sample.p50 - baseline.p50  # type: ignore[operator] # checked above
            sample.added_p99 = sample.p99 - baseline.p99  # type: ignore[operator] # there with p50
        return sample

    @staticmethod
    def _capacity(row: Row) -> float:
        """Small requests a second that the gateway's core can do, as its CPU time says; direct: that were done."""
        found = row.samples.get(SMALL.name, [])
        if row.target.command:
            return median([1e6 / s.cpu for s in found if s.cpu] or [0.0])
        return median([s.rate for s in found] or [0.0])

    @staticmethod
    def _carried(row: Row) -> float:
        """Small requests a second that mock and client can have a target do, as their CPU time says."""
        return median([s.rate / s.loader_busy for s in row.samples.get(SMALL.name, []) if s.loader_busy] or [0.0])

    def _load(self, row: Row, cell: Cell, seconds: float, rate: float) -> Sample:
        try:
            request, size = self._ask(row, cell)
        except NotRunning as error:
            return Sample(problem=str(error), failures=1)
        marks: Marks = []
        mark = self._marker(row, marks)
        if cell.concurrency:
            work = loops.closed_loop(*row.address, request, size, cell.concurrency, seconds, mark)
        else:
            work = loops.open_loop(*row.address, request, size, rate, seconds, mark)
        try:
            load = uvloop.run(work)
        except OSError as error:
            return Sample(problem=str(error), failures=1)
        return self._sample(load, marks, direct=row.process is None)

    def _ask(self, row: Row, cell: Cell) -> tuple[bytes, int]:
        """Return the request and the size of a good answer to it, for which it is asked once a run.

        Raises NotRunning, and notes it in the row when its process died.
        """
        self._mock.check()
        if row.process is not None:
            try:
                row.process.check()
            except NotRunning as error:
                row.problem = f"died: {error}"
                raise
        if cell.name not in row.known:
            request = request_bytes(row, cell.size, cell.pace)
            payload, events = self._probe(row, request)
            if cell.pace and events < TOKENS:
                raise NotRunning(f"a stream of {events} events, where {TOKENS} or more were due")
            row.known[cell.name] = request, len(payload)
        return row.known[cell.name]

    @staticmethod
    def _probe(row: Row, request: bytes) -> tuple[bytes, int]:
        try:
            status, payload, events = uvloop.run(client.probe(*row.address, request, PATIENCE))
        except (OSError, TimeoutError, client.Broken) as error:
            raise NotRunning(f"the first request failed: {error}") from error
        if status != 200:
            raise NotRunning(f"status {status}: {payload[:120]!r}")
        return payload, events

    def _marker(self, row: Row, marks: Marks) -> Callable[[], None]:
        mock, gateway = self._mock.pids(), self._pids(row)

        def mark() -> None:
            mine = time.process_time()
            ours = measure.cpu_seconds(gateway)
            marks.append((ours, mine, measure.cpu_seconds(mock), measure.Machine.read().busy))

        return mark

    def _sample(self, load: client.Load, marks: Marks, *, direct: bool) -> Sample:
        gateway, mine, mock, busy = (b - a for a, b in zip(*marks, strict=True))
        sample = Sample(rate=load.rate, answers=len(load.latencies), failures=load.failures)
        sample.problem = load.first_failure
        sample.loader_busy = (mine + mock) / load.seconds / len(self.loader_cores)
        sample.other_load = max(0.0, busy - mine - mock - (0.0 if direct else gateway)) / load.seconds
        if load.latencies:
            sample.p50 = percentile(load.latencies, 0.5) * 1e6
            sample.p99 = percentile(load.latencies, 0.99) * 1e6
            sample.cpu = gateway / sample.answers * 1e6
        if load.events:
            sample.cpu_event = gateway / load.events * 1e6
        return sample

    def _crowds(self, streams: int) -> None:
        """Put all crowds on one pace: the quickest that mock and client can carry with nothing between."""
        direct = next(row for row in self.rows if not row.target.command)
        for pace in PACES[1:]:
            words = words_of(self._probe(direct, request_bytes(direct, SMALL.size, pace))[0])
            direct.crowd = self._crowd(direct, streams, pace, words)
            if direct.crowd.loader_busy <= CEILING and not direct.crowd.stalls:
                break
        for row in self.rows:
            if row is not direct and not row.problem and row.target.paces and row.target.crowded:
                row.crowd = self._crowd(row, streams, pace, words)

    def _crowd(self, row: Row, streams: int, pace: int, words: list[bytes]) -> Crowd:
        self._say(f"{row.target.name}: {streams:,} streams of {pace} events a second")
        marks: Marks = []
        sizes = [measure.resident_mib(self._pids(row))]
        take = self._marker(row, marks)

        def mark() -> None:
            take()
            sizes.append(measure.resident_mib(self._pids(row)))

        request = request_bytes(row, SMALL.size, pace)
        try:
            found = uvloop.run(crowd(row.address, request, words, (streams, pace, CROWD_SECONDS), mark))
        except OSError as error:
            return Crowd(pace=pace, problem=str(error), failures=1)
        gateway, mine, mock, _ = (b - a for a, b in zip(*marks, strict=True))
        found.loader_busy = (mine + mock) / found.seconds / len(self.loader_cores)
        found.cpu_event = gateway / found.events * 1e6 if found.events else None
        found.kib_a_stream = (sizes[-1] - sizes[0]) * 1024 / streams
        return found
