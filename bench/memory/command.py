"""`python -m bench memory`: a table of MiB, and the same as JSON in bench/results/."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import msgspec
import uvloop

from bench.macro import client, measure
from bench.macro.process import NotRunning, Process, free_port, start_mock
from bench.macro.report import aligned
from bench.macro.targets import KEY, ROOT
from bench.memory import load
from bench.memory.readings import Reading, forget_peak, peak, read, slope
from bench.memory.upload import FILES, PIECE, TRANSCRIPTS, Sink, download, upload

RESULTS = Path(__file__).parent.parent / "results"
EDGES = ("native", "granian")
HOST = "127.0.0.1"
TOKENS = 64  # of the mock's answers
HOLD_MS = 10_000  # the mock's pause before it answers what is to be held: all must have come by then
QUIET = 3.0  # seconds without load before a reading
MODELS = {  # public name: the mock's
    "demo": "demo",
    "mock-token-rate-100": "mock-token-rate-100",
    "held": f"mock-first-byte-{HOLD_MS}",
    "failing": "mock-status-400",
    "breaking": "mock-cut-at-2000",
    "echo": "echo",
    "cutting": "mock-cut-at-1",
    "parting": "mock-end-at-1",
}

UPLOADS: dict[str, tuple[str, dict[str, str]]] = {  # what is done with a large file: its path, the fields of its form
    "a transcript": (TRANSCRIPTS, {"model": "sink"}),
    "led through": (f"/openai{TRANSCRIPTS}", {"model": "sink"}),
    "a file": (FILES, {"purpose": "user_data", "target_model_names": "sink"}),
    "a file at two places": (FILES, {"purpose": "user_data", "target_model_names": "sink,other sink"}),
    "requests of a batch, at two places": (FILES, {"purpose": "batch", "target_model_names": "sink,other sink"}),
}
DOWNLOAD = "led through to a client"


@dataclass
class Result:
    """What was measured of one edge. MiB; `tree` is parent and worker together."""

    edge: str
    parent: Reading = field(default_factory=Reading)
    worker: Reading = field(default_factory=Reading)
    held: Reading = field(default_factory=Reading)  # of the worker, when the upstream has every request
    peak: float = 0.0  # of the worker's RSS while they came and were answered
    after_held: Reading = field(default_factory=Reading)
    marks: list[tuple[int, Reading]] = field(default_factory=list)  # requests of the mix so far, the worker
    after: Reading = field(default_factory=Reading)
    uploads: dict[str, tuple[float, float]] = field(
        default_factory=dict
    )  # of the worker's RSS before a large file came,
    # and at most while it came and was sent on, by what was done with it
    per_request: float = 0.0  # bytes that the RSS grew a request, from the first mark to the last
    kinds: dict[str, int] = field(default_factory=dict)  # requests of the mix by what they were
    problems: list[str] = field(default_factory=list)


class Gateway:
    """A gateway with one worker; close it."""

    def __init__(self, edge: str, folder: Path, upstreams: tuple[str, str], cores: set[int]) -> None:
        folder.mkdir()
        file = folder / "config.yaml"
        file.write_bytes(configuration(*upstreams))
        self.port = free_port()
        command = (sys.executable, "-m", "tianji", "serve", "--config", str(file), "--host", HOST)
        command += ("--port", str(self.port), "--workers", "1", "--edge", edge)
        environ = {
            "OPENAI_API_BASE": f"http://{upstreams[1]}",
            "OPENAI_API_KEY": "sk-upstream",
        }  # of what leads through
        environ["TIANJI_DATA_DIR"] = str(folder / "data")
        self._process = Process(command, cores, folder / "log", environ)
        try:
            self._await_ready()
        except BaseException:
            self.close()
            raise
        self.parent, *self.workers = self._process.pids()

    def _await_ready(self) -> None:
        request = f"GET /health/readiness HTTP/1.1\r\nhost: {HOST}:{self.port}\r\n\r\n".encode()
        for _ in range(300):
            self._process.check()
            try:
                if uvloop.run(client.probe(HOST, self.port, request))[0] == 200:
                    return
            except (OSError, TimeoutError, client.Broken):
                pass  # not yet
            time.sleep(0.1)
        raise NotRunning("the gateway was not ready in 30 s")

    def worker(self) -> Reading:
        """What all processes but the parent hold."""
        return sum((read(pid) for pid in self.workers), Reading())

    def close(self) -> None:
        self._process.close()


def configuration(upstream: str, sink: str) -> bytes:
    """The gateway's file; JSON is YAML."""
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{to}", "api_base": f"http://{upstream}/v1", "api_key": "sk-upstream"},
        }
        for name, to, upstream in (
            *((name, to, upstream) for name, to in MODELS.items()),
            ("sink", "sink", sink),
            ("other sink", "sink", sink),
        )
    ]
    settings = {"callbacks": ["prometheus"]}
    return msgspec.json.encode(
        {"model_list": models, "litellm_settings": settings, "general_settings": {"master_key": KEY}}
    )


def measure_edge(
    edge: str, folder: Path, mock: tuple[Process, str], cores: set[int], sizes: tuple[int, int, int]
) -> Result:
    """Start one gateway and put it through everything.

    `sizes`: MiB of a file, requests held at once, requests of the mix.
    """
    result = Result(edge)
    sink = Sink()
    try:
        gateway = Gateway(edge, folder / edge, (mock[1], sink.address), cores)
    except BaseException:
        sink.close()
        raise
    try:
        time.sleep(QUIET)
        result.parent, result.worker = read(gateway.parent), gateway.worker()
        click.echo(f"{edge}: idle {result.parent.rss + result.worker.rss:.1f} MiB", err=True)
        for what, (path, fields) in UPLOADS.items():
            _upload(result, gateway, 1, path, fields)  # the first of a kind loads what serves it, however small it is
            result.uploads[what] = _forgotten(gateway), _upload(result, gateway, sizes[0], path, fields)
            before, most = result.uploads[what]
            click.echo(f"{edge}: {sizes[0]} MiB, {what}: {before:.1f} MiB before, {most:.1f} at most", err=True)
        _download(result, gateway, 1)
        result.uploads[DOWNLOAD] = _forgotten(gateway), _download(result, gateway, sizes[0])
        _hold(result, gateway, mock[1], sizes[1])
        click.echo(f"{edge}: {sizes[1]} held, peak {result.peak:.1f} MiB", err=True)
        _mix(result, gateway, sizes[2])
    finally:
        gateway.close()
        sink.close()
    return result


def _forgotten(gateway: Gateway) -> float:
    """Forget the peaks; MiB of the workers from which they begin anew."""
    for pid in gateway.workers:
        forget_peak(pid)
    return sum(peak(pid) for pid in gateway.workers)


def _upload(result: Result, gateway: Gateway, pieces: int, path: str, fields: Mapping[str, str]) -> float:
    """Send a file; MiB of the workers at most."""
    with socket.create_connection((HOST, gateway.port)) as client:
        said = upload(client, KEY, fields, pieces, path=path)
    if b" 200 " not in said or b"%d" % (pieces << 20) not in said:
        result.problems.append(f"the upload to {path} was answered with {said!r}")
    return sum(peak(pid) for pid in gateway.workers)


def _download(result: Result, gateway: Gateway, pieces: int) -> float:
    """Have a file led through to a client; MiB of the workers at most."""
    got = download(HOST, gateway.port, KEY, pieces)
    if got != pieces * len(PIECE):
        result.problems.append(f"of a file that is led through {got} bytes came")
    return sum(peak(pid) for pid in gateway.workers)


def _hold(result: Result, gateway: Gateway, upstream: str, count: int) -> None:
    host, _, port = upstream.rpartition(":")
    ask = load.Ask("held", load.wire("held", load.LARGE, f"{HOST}:{gateway.port}", KEY))

    async def run() -> load.Tally:
        await client.probe(host, int(port), f"DELETE /mock/requests HTTP/1.1\r\nhost: {upstream}\r\n\r\n".encode())
        target = f"/mock/wait?requests={count}&timeout_ms={HOLD_MS}"
        there = client.probe(host, int(port), f"GET {target} HTTP/1.1\r\nhost: {upstream}\r\n\r\n".encode(), 60.0)

        def note() -> None:
            result.held = gateway.worker()

        return await load.held(HOST, gateway.port, ask, count, there, note)

    for pid in gateway.workers:
        forget_peak(pid)
    _judge(result, uvloop.run(run()))
    result.peak = sum(peak(pid) for pid in gateway.workers)
    time.sleep(QUIET)
    result.after_held = gateway.worker()


def _mix(result: Result, gateway: Gateway, count: int) -> None:
    asks = load.mix(f"{HOST}:{gateway.port}", KEY)
    quarter = count // 4
    for number in range(1, 5):
        began = time.monotonic()
        tally = uvloop.run(load.mixed(HOST, gateway.port, asks, quarter))
        _judge(result, tally)
        for kind, times in tally.kinds.items():
            result.kinds[kind] = result.kinds.get(kind, 0) + times
        result.marks.append((number * quarter, gateway.worker()))
        spent = time.monotonic() - began
        click.echo(f"{result.edge}: {number * quarter} mixed in {spent:.0f} s", err=True)
    result.per_request = slope([(float(at), reading.rss * 2**20) for at, reading in result.marks])
    time.sleep(QUIET)
    result.after = gateway.worker()


def _judge(result: Result, tally: load.Tally) -> None:
    if tally.failures:
        result.problems.append(f"{tally.failures} of {tally.answered} failed: {tally.first_failure}")


def table(results: list[Result]) -> list[str]:
    """A line a figure, RSS / PSS / USS where the three differ."""

    def three(reading: Reading) -> str:
        return f"{reading.rss:.1f} / {reading.pss:.1f} / {reading.uss:.1f}"

    lines: list[tuple[str, ...]] = [("MiB: RSS / PSS / USS", *(result.edge for result in results))]
    lines.append(("idle, parent", *(three(result.parent) for result in results)))
    lines.append(("idle, worker", *(three(result.worker) for result in results)))
    lines.append(("idle, both", *(three(result.parent + result.worker) for result in results)))
    for what in (*UPLOADS, DOWNLOAD):
        ends = (f"{before:.1f} / {most:.1f}" for before, most in (result.uploads[what] for result in results))
        lines.append((f"before and at most, RSS: {what}", *ends))
    lines.append(("large requests held", *(three(result.held) for result in results)))
    lines.append(("their peak, RSS", *(f"{result.peak:.1f}" for result in results)))
    lines.append(("after them", *(three(result.after_held) for result in results)))
    for number, (at, _) in enumerate(results[0].marks):
        lines.append((f"after {at:,} mixed", *(three(result.marks[number][1]) for result in results)))
    lines.append(("after the load", *(three(result.after) for result in results)))
    lines.append(("growth, bytes a request", *(f"{result.per_request:.1f}" for result in results)))
    return aligned(lines)


@click.command("memory")
@click.option("--edge", "edges", multiple=True, type=click.Choice(EDGES), help="Repeatable.  [default: all]")
@click.option("--upload", "uploaded", default=500, show_default=True, type=click.IntRange(1), help="MiB of one file.")
@click.option("--held", default=1500, show_default=True, type=click.IntRange(1), help="150 KB requests at once.")
@click.option("--requests", default=200_000, show_default=True, type=click.IntRange(4), help="Of the mix.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS, help="Folder for the JSON.")
def memory(edges: tuple[str, ...], uploaded: int, held: int, requests: int, output: Path) -> None:
    """Measure the memory of one worker: idle, under an upload, many large requests at once, many mixed ones."""
    cores = sorted(os.sched_getaffinity(0))
    loader = set(cores[1:]) or {cores[0]}
    os.sched_setaffinity(0, loader)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        try:
            mock = start_mock(loader, folder, TOKENS)
            try:
                results = [
                    measure_edge(edge, folder, mock, {cores[0]}, (uploaded, held, requests)) for edge in edges or EDGES
                ]
            finally:
                mock[0].close()
        except NotRunning as error:
            raise click.ClickException(str(error)) from error
    for line in table(results):
        click.echo(line)
    for result in results:
        for problem in result.problems:
            click.echo(f"{result.edge}: {problem}")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    data = {
        "at": stamp,
        "commit": commit.stdout.strip() or None,
        "machine": measure.describe(),
        "uploaded": uploaded,
        "held": held,
        "requests": requests,
        "edges": [asdict(result) for result in results],
    }
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"memory-{stamp}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=1))
    click.echo(f"\nwritten: {path}")
