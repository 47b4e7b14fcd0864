"""Run the cells: rounds of all targets in turn, so that a change of the machine's mood meets all alike."""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import uvloop

from bench.macro import client, loops, measure
from bench.macro.cells import OPEN, OPEN_SHARE, SMALL, Cell, Crowd, Plan, Row, Sample, request_bytes
from bench.macro.crowd import crowd, words_of
from bench.macro.driver import COUNTED, Driver
from bench.macro.noise import CEILING
from bench.macro.process import NotRunning, alone, start_mock, working
from bench.macro.starting import probe, start
from bench.macro.stats import percentile
from bench.macro.targets import MESSAGES, PACES, PATH, Target

TOKENS = 64
TRIALS, TRIAL = 2, 0.3  # times, and seconds each, that the rate of an open loop is looked for
CROWD_SECONDS = 4.0

Marks = list[tuple[float, float, float, float, float]]
"""When it was, and seconds of CPU until then: of the gateway, this program, mock or driver, and all of the machine."""


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
        self._driver: Driver | None = None
        self._mock, self._upstream = start_mock(self.loader_cores, folder, TOKENS)

    def close(self) -> None:
        for row in self.rows:
            for each in filter(None, (row, row.twin)):
                if each.process is not None:
                    each.process.close()
        if self._driver is not None:
            self._driver.close()
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
                start(row, self.gateway_cores, self._folder / row.target.name, self._upstream)
                row.start_seconds = time.monotonic() - began
                row.idle_mib = measure.resident_mib(self._pids(row))
            except (NotRunning, KeyError, ValueError) as error:
                row.problem = f"did not start: {error}"
            self._say(f"{row.target.name}: {row.problem or f'ready, {row.idle_mib:.0f} MiB'}")
        if not alone([os.getpid(), *self._mock.pids(), *(pid for row in self.rows for pid in self._pids(row))]):
            self._say("no real-time priority (CAP_SYS_NICE): p99 is also what others do on these cores")

    def _start_twins(self) -> None:
        """Start each target once more, its upstream the program of the open loop; who is not asked stands still."""
        self._driver = Driver(self._folder, self.loader_cores, self._answer(PATH), self._answer(MESSAGES))
        for row in self.rows:
            row.twin = Row(row.target, values={"address": self._driver.address})
            if row.process is None or row.problem:
                continue
            try:
                start(row.twin, self.gateway_cores, self._folder / f"{row.target.name}-open", self._driver.address)
            except (NotRunning, KeyError, ValueError) as error:
                row.twin.problem = f"did not start for the open loop: {error}"
            alone(self._pids(row.twin))
            for each in (row, row.twin):
                if each.process is not None:
                    each.process.stand()

    def _answer(self, path: str) -> bytes:
        """Return what the mock answers to a small request."""
        mock = Row(Target("direct", path=path), values={"address": self._upstream})
        return probe(mock, request_bytes(mock, SMALL.size))[0]

    def _save_answer(self) -> None:
        """Keep the mock's own answer for the bare server to repeat."""
        (self._folder / "answer").write_bytes(self._answer(PATH))

    def run(self, plan: Plan) -> None:
        """Measure all cells; afterwards the memory."""
        if OPEN in plan.cells:
            self._start_twins()
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
            sample = self._load(row, cell, seconds)
        else:
            direct = next(r for r in self.rows if not r.target.command)
            rate = self._rate(row, cell)
            if not rate:
                return Sample(problem="no rate at which it uses a share of its core")
            baseline = None if direct is row else self._open(direct, cell, min(seconds, COUNTED), rate)
            sample = self._open(row, cell, seconds, rate)
            if row.process is None:
                sample.share = OPEN_SHARE
        if baseline is not None and None not in (sample.p50, baseline.p50):
            sample.added_p50 = sample.p50 - baseline.p50  # type: ignore[operator] # checked above
            sample.added_p99 = sample.p99 - baseline.p99  # type: ignore[operator] # there with p50
        return sample

    def _rate(self, row: Row, cell: Cell) -> float:
        """Requests a second at which a target uses its share of its core, in all rounds the same; 0: none is known.

        A request alone costs more than one of many that come at once, as they do in the closed loop, so it is tried.
        """
        most = OPEN_SHARE * self._capacity(row)
        if row.process is None or not most or row.rate:
            return row.rate or most
        rate = OPEN_SHARE * most
        for _ in range(TRIALS):
            tried = self._open(row, cell, TRIAL, rate)
            if not tried.share:
                return 0.0
            rate = min(most, rate * OPEN_SHARE / tried.share)
        row.rate = rate
        return rate

    @staticmethod
    def _capacity(row: Row) -> float:
        """Small requests a second that the gateway's core can do, as its CPU time says; direct: that were done."""
        found = row.samples.get(SMALL.name, [])
        if row.target.command:
            return median([1e6 / s.cpu for s in found if s.cpu] or [0.0])
        return median([s.rate for s in found] or [0.0])

    def _load(self, row: Row, cell: Cell, seconds: float) -> Sample:
        marks: Marks = []
        mark = self._marker(self._pids(row), self._mock.pids(), marks)
        with row.process.running() if row.process is not None else nullcontext():
            try:
                request, size = self._ask(row, cell)
                load = uvloop.run(loops.closed_loop(*row.address, request, size, cell.concurrency, seconds, mark))
            except (NotRunning, OSError) as error:
                return Sample(problem=str(error), failures=1)
        return self._sample(load, marks, direct=row.process is None)

    def _open(self, row: Row, cell: Cell, seconds: float, rate: float) -> Sample:
        """Ask a row's twin at a rate, which is the upstream of the twin too."""
        twin, driver = row.twin, self._driver
        if twin is None or driver is None or twin.problem:
            return Sample(problem=twin.problem if twin else "", failures=1)
        marks: Marks = []
        pids = [] if twin.process is None else working(twin.process.pids())
        mark = self._marker(pids, [driver.pid], marks)
        with twin.process.running() if twin.process is not None else nullcontext():
            try:
                request, size = self._ask(twin, cell)
                seen = driver.ask(twin.address[1], request, size, rate, seconds, mark)
            except (NotRunning, OSError) as error:
                return Sample(problem=str(error), failures=1)
        took, gateway, mine, drove, busy = (b - a for a, b in zip(*marks, strict=True))
        return Sample(
            rate=rate,
            p50=seen.p50 if seen.answers else None,
            p99=seen.p99 if seen.answers else None,
            late=seen.late,
            cpu=gateway / seen.asked * 1e6,
            share=gateway / seen.seconds,
            loader_busy=seen.busy,
            other_load=max(0.0, busy - mine - drove - gateway) / took,
            answers=seen.answers,
            failures=seen.failures,
            problem=seen.problem,
        )

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
            payload, events = probe(row, request)
            if cell.pace and events < TOKENS:
                raise NotRunning(f"a stream of {events} events, where {TOKENS} or more were due")
            row.known[cell.name] = request, len(payload)
        return row.known[cell.name]

    @staticmethod
    def _marker(gateway: list[int], loader: list[int], marks: Marks) -> Callable[[], None]:
        def mark() -> None:
            mine = time.process_time()
            ours = measure.cpu_seconds(gateway)
            marks.append((time.monotonic(), ours, mine, measure.cpu_seconds(loader), measure.Machine.read().busy))

        return mark

    def _sample(self, load: client.Load, marks: Marks, *, direct: bool) -> Sample:
        _, gateway, mine, mock, busy = (b - a for a, b in zip(*marks, strict=True))
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
            words = words_of(probe(direct, request_bytes(direct, SMALL.size, pace))[0])
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
        take = self._marker(self._pids(row), self._mock.pids(), marks)

        def mark() -> None:
            take()
            sizes.append(measure.resident_mib(self._pids(row)))

        request = request_bytes(row, SMALL.size, pace)
        with row.process.running() if row.process is not None else nullcontext():
            try:
                found = uvloop.run(crowd(row.address, request, words, (streams, pace, CROWD_SECONDS), mark))
            except OSError as error:
                return Crowd(pace=pace, problem=str(error), failures=1)
        _, gateway, mine, mock, _ = (b - a for a, b in zip(*marks, strict=True))
        found.loader_busy = (mine + mock) / found.seconds / len(self.loader_cores)
        found.cpu_event = gateway / found.events * 1e6 if found.events else None
        found.kib_a_stream = (sizes[-1] - sizes[0]) * 1024 / streams
        return found
