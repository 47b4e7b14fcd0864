"""What is measured and what came of it: plain records."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.macro.process import Process
from bench.macro.targets import PACED_MODELS, PACES, Target, filled

OPEN_SHARE = 0.6  # of its core that a target is to use
WORDS = "the quick gateway relays what the client said and adds nothing of its own to it "


@dataclass(frozen=True)
class Cell:
    """One kind of load."""

    size: int  # of the request's body in bytes
    concurrency: int = 0  # 0: open loop
    pace: int = 0  # events a second of a stream, so that each costs the gateway a wake-up; 0: no stream

    @property
    def name(self) -> str:
        kind = f"stream at {self.pace} events/s" if self.pace else "plain"
        load = f"c={self.concurrency}" if self.concurrency else f"open at {OPEN_SHARE:.0%}"
        return f"{kind} {self.size / 1000:g} KB {load}"


SMALL = Cell(200, concurrency=32)
ONE = Cell(200, concurrency=1)
OPEN = Cell(200)
KB_1, KB_4, KB_150, KB_400 = (Cell(size, concurrency=32) for size in (1000, 4000, 150_000, 400_000))
PACED = Cell(200, concurrency=64, pace=PACES[0])


@dataclass(frozen=True)
class Plan:
    """What a run does."""

    cells: tuple[Cell, ...]
    rounds: int
    seconds: float
    streams: int = 0  # in parallel, at the end of the run


FULL = (SMALL, KB_1, KB_4, KB_150, KB_400, ONE, OPEN, PACED)
QUICK = (SMALL, KB_1, KB_400, OPEN, PACED)


@dataclass
class Sample:
    """One target in one cell in one round. Times in microseconds."""

    rate: float = 0.0
    share: float | None = None  # of its core that the gateway used in an open loop; direct: of its rate in a closed one
    late: float | None = None  # p99 of how late an open loop itself came to a request
    p50: float | None = None
    p99: float | None = None
    added_p50: float | None = None
    added_p99: float | None = None
    cpu: float | None = None  # of the gateway, a request; for direct, of the mock
    cpu_event: float | None = None
    loader_busy: float = 0.0  # share of the cores that mock and client have; in an open loop of the driver's time
    other_load: float = 0.0  # cores' worth of work that is not ours
    answers: int = 0
    failures: int = 0
    problem: str = ""


@dataclass
class Crowd:
    """One target under a crowd of paced streams."""

    streams: int = 0  # that were open all the time
    pace: int = 0  # events a second of each
    seconds: float = 0.0
    events: int = 0
    stalls: int = 0  # events that came later than ten paces after the one before
    disordered: int = 0  # events that were not the next one
    longest_gap: float = 0.0  # milliseconds
    cpu_event: float | None = None  # microseconds
    kib_a_stream: float | None = None  # resident memory more than before the crowd
    loader_busy: float = 0.0
    failures: int = 0
    problem: str = ""


@dataclass
class Row:
    """A target and all that was measured of it."""

    target: Target
    process: Process | None = None
    values: dict[str, str] = field(default_factory=dict)
    known: dict[str, tuple[bytes, int]] = field(default_factory=dict)  # cell: request, size of a good answer
    problem: str = ""
    start_seconds: float | None = None
    idle_mib: float | None = None
    after_mib: float | None = None
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    crowd: Crowd | None = None
    rate: float = 0.0  # requests a second of the open loop, once it was found
    twin: "Row | None" = None  # the same target, whose upstream is the program of the open loop

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.values["address"].rpartition(":")
        return host, int(port)

    def takes(self, cell: Cell) -> bool:
        """Whether the target can be compared in this cell."""
        return not self.problem and (self.target.paces or not cell.pace) and cell.size <= self.target.largest

    def as_data(self) -> dict[str, Any]:
        """All that was measured, for JSON."""
        return {
            "name": self.target.name,
            "peer": self.target.peer,
            "command": [Path(word).name if i == 0 else word for i, word in enumerate(self.target.command)],
            "problem": self.problem,
            "start_seconds": self.start_seconds,
            "idle_mib": self.idle_mib,
            "after_mib": self.after_mib,
            "cells": {name: [asdict(sample) for sample in samples] for name, samples in self.samples.items()},
            "crowd": asdict(self.crowd) if self.crowd else None,
        }


def request_bytes(row: Row, size: int, pace: int = 0) -> bytes:
    """The whole request, its body exactly `size` bytes long; with a pace it asks for a stream."""
    stream = b'"stream":true,' if pace else b""
    model = row.target.group + (PACED_MODELS[pace] if pace else row.target.model)
    front = b'{%b"model":"%b","messages":[{"role":"user","content":"' % (stream, model.encode())
    fill = size - len(front) - len(b'"}]}')
    body = front + (WORDS * (fill // len(WORDS) + 1))[:fill].encode() + b'"}]}'
    path = row.target.stream_path if pace else row.target.path
    headers = {"host": row.values["address"], "content-type": "application/json", "content-length": str(len(body))}
    headers |= {name: filled(value, row.values) for name, value in row.target.headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
