"""Start a row's process and wait until it can be measured."""

import time
from pathlib import Path

import uvloop

from bench.macro import client
from bench.macro.cells import SMALL, Row, request_bytes
from bench.macro.process import NotRunning, start_target
from bench.macro.targets import KEY

LOOK = 0.005  # seconds between two looks at whether a target is ready
PATIENCE = 60.0  # seconds that a first answer may take


def start(row: Row, cores: set[int], folder: Path, upstream: str) -> None:
    """Start what a row is, and wait until it can be measured. Raises NotRunning, KeyError or ValueError."""
    row.process, row.values = start_target(row.target, cores, folder, upstream)
    row.values["address"] = f"127.0.0.1:{row.values['port']}"
    _await_ready(row)
    _prepare(row)


def _await_ready(row: Row) -> None:
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


def _prepare(row: Row) -> None:
    """Post what a target is to be told before it is measured."""
    for path, body in row.target.prepare:
        head = f"POST {path} HTTP/1.1\r\nhost: {row.values['address']}\r\nauthorization: Bearer {KEY}\r\n"
        request = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        try:
            probe(row, request.encode())
        except NotRunning as error:
            raise NotRunning(f"{path}: {error}") from error


def probe(row: Row, request: bytes) -> tuple[bytes, int]:
    """Ask a row once; return the payload and the number of events. Raises NotRunning for anything but a good answer."""
    try:
        status, payload, events = uvloop.run(client.probe(*row.address, request, PATIENCE))
    except (OSError, TimeoutError, client.Broken) as error:
        raise NotRunning(f"a first request failed: {error}") from error
    if status != 200:
        raise NotRunning(f"status {status}: {payload[:120]!r}")
    return payload, events
