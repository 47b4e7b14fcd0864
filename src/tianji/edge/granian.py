"""The server process tree on Granian: a parent that binds, watches and drains, and workers that serve.

Granian gives a process tree, sockets, TLS and HTTP; how a worker runs is ours: requests go straight from Granian's
thread to the compiled edge, without a coroutine or a task each. That rests on the worker interface of Granian 2.8.

Signals: SIGTERM and SIGINT drain (a second one stops at once), SIGHUP reloads. They are the parent's business; workers
ignore all but the SIGTERM that the parent sends when it is done (a service manager may send one to every process at
once, and requests still run then), and leave when their parent is gone.
"""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian import _granian as native
from granian._granian import CallbackScheduler, WorkerSignal
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes, TaskImpl
from granian.log import LogLevels
from granian.server import mp

from tianji.edge.application import Application, Factory, ServeOptions
from tianji.edge.asgi import build_edge
from tianji.edge.control import Control
from tianji.errors import TianjiError

log = logging.getLogger(__name__)
_ASGIWorker: Any = native.ASGIWorker  # its stub is older than its signature

GRANIAN_OPTIONS: dict[str, Any] = {
    "interface": Interfaces.ASGI,
    "loop": Loops.uvloop,
    "task_impl": TaskImpl.asyncio,  # unused: no task is made for a request
    "http": HTTPModes.auto,
    "websockets": True,
    "backlog": 4096,
    "backpressure": 65536,  # requests under way in a worker; beyond, connections wait in the backlog
    "log_access": False,
    "respawn_failed_workers": True,
}
GC_THRESHOLDS = (50_000, 20, 20)
EARLY = 0.05  # seconds between two looks at requests whose body is late
POLL = 0.25  # seconds between two looks of a worker at the control block
WATCH = 1.0  # seconds between two looks of the parent at the configuration files
DRAIN_POLL = 0.05  # seconds between two looks of the parent at the load while draining
# seconds a worker has to leave once it was told to: when it is idle, when the grace period is over, on a second signal
LEAVE_IDLE, LEAVE_BUSY, LEAVE_NOW = 10.0, 1.0, 0.2


def new_scheduler(loop: asyncio.AbstractEventLoop, schedule: Callable[[Any], None]) -> CallbackScheduler:
    """Make what hands Granian's requests to the edge as they are."""
    make: Any = CallbackScheduler
    scheduler: CallbackScheduler = make(loop, schedule, None, None, None)  # the rest describes tasks: there are none
    scheduler._schedule_fn = schedule  # type: ignore[attr-defined]  # as Granian does
    return scheduler


class Worker:
    """One worker process: its loop, its application, its ear for the parent."""

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop, control: Control) -> None:
        self._application = application
        self._control = control
        self._loop = loop
        self._edge = build_edge(application, loop, control)
        self._generation = control.generation
        self._parent = os.getppid()
        self._stopped = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None
        self.stop_signal = WorkerSignal()
        self.scheduler = new_scheduler(loop, self._edge.schedule)

    def run(self, serve: Callable[[CallbackScheduler, asyncio.AbstractEventLoop, WorkerSignal], None]) -> None:
        """Serve until SIGTERM. `serve` starts Granian's threads."""
        self._loop.run_until_complete(self._application.startup())
        for ignored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        self._loop.add_signal_handler(signal.SIGTERM, self._told_to_stop)
        self.stop_signal.add_cb(lambda: self._loop.call_soon_threadsafe(self._stopped.set))
        serve(self.scheduler, self._loop, self.stop_signal)
        self._control.set_ready()
        # A request leaves no cycles behind; what is there now stays, so the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        self._poll()
        self._look_after_early()
        self._loop.run_until_complete(self._stopped.wait())
        self._loop.run_until_complete(self._application.close())

    def _told_to_stop(self) -> None:
        if self._control.stopping:
            self.stop_signal.set()

    def _poll(self) -> None:
        if os.getppid() != self._parent:
            log.error("the parent process is gone; the worker stops")
            self.stop_signal.set()
            leave = threading.Timer(LEAVE_IDLE, os._exit, (1,))  # nobody else ends it when a client does not read
            leave.daemon = True
            leave.start()
            return
        if self._control.generation != self._generation and self._reloading is None:
            self._generation = self._control.generation
            self._reloading = self._loop.create_task(self._reload())
        self._loop.call_later(POLL, self._poll)

    def _look_after_early(self) -> None:
        self._edge.look_after_early()
        self._loop.call_later(EARLY, self._look_after_early)

    async def _reload(self) -> None:
        try:
            await self._application.reload()
        except (TianjiError, OSError, ValueError) as error:
            log.error("the new configuration was refused and the old one goes on: %s", error)
        else:
            table = self._application.route_table
            self._edge.replace_routes(table.exact, table.match)
            log.info("the new configuration is in force")
        finally:
            self._reloading = None


class Server(mp.MPServer):
    """The parent process."""

    def __init__(self, factory: Factory, options: ServeOptions) -> None:
        self._factory = factory
        self._options = options
        self._control = Control(options.workers)
        self._reservation = _reserve(options.host, options.port)
        self._seen = _stamps(options.watched)
        self._drain: threading.Thread | None = None
        super().__init__(
            "tianji",
            address=options.host,
            port=self._reservation.getsockname()[1],
            workers=options.workers,
            runtime_threads=options.runtime_threads,
            ssl_cert=options.certificate,
            ssl_key=options.private_key,
            log_level=LogLevels(options.log_level),
            log_dictconfig=_logging(),
            **GRANIAN_OPTIONS,
        )

    def run(self, announce: Callable[[str], None]) -> None:
        """Serve until told to stop. `announce` is called with the address once every worker is ready."""
        multiprocessing.set_start_method("fork", force=True)  # the control block is inherited
        self._announce = announce
        self.serve(spawn_target=_run_worker, target_loader=self._target, wrap_loader=False)

    def _target(self) -> Any:
        return self._factory, self._control

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        threading.Thread(target=self._wait_ready, daemon=True).start()
        if self._options.watched:
            threading.Thread(target=self._watch_files, daemon=True).start()

    def _stop_workers(self) -> None:
        self._control.stop()
        super()._stop_workers()  # type: ignore[no-untyped-call]

    def _wait_ready(self) -> None:
        while self._control.ready < self.workers:
            if self.main_loop_interrupt.wait(0.01):
                return
        self._reservation.close()
        scheme = "https" if self._options.certificate else "http"
        host = self._options.host
        self._announce(f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.bind_port}")

    def _watch_files(self) -> None:
        seen = self._seen  # as they were when the configuration was read: no change slips through the start
        while True:
            time.sleep(WATCH)
            now = _stamps(self._options.watched)
            if now != seen:
                seen = now
                self._control.ask_reload()

    def signal_handler_reload(self, *_args: Any, **_options: Any) -> None:
        """SIGHUP: workers reload their configuration; none is replaced."""
        self._control.ask_reload()

    def signal_handler_interrupt(self, *_args: Any, **_options: Any) -> None:
        """SIGTERM, SIGINT: drain, then stop; the second time stop at once."""
        if self._drain is not None:
            self._stop(LEAVE_NOW)
            return
        self._control.drain()
        self._drain = threading.Thread(target=self._wait_drained, daemon=True)
        self._drain.start()

    def _wait_drained(self) -> None:
        deadline = time.monotonic() + self._options.grace
        quiet = 0
        while quiet < 2 and time.monotonic() < deadline:  # twice: a request may be on its way between two threads
            time.sleep(DRAIN_POLL)
            quiet = quiet + 1 if self._control.load == 0 else 0
        self._stop(LEAVE_IDLE if quiet else LEAVE_BUSY)

    def _stop(self, patience: float) -> None:
        self.workers_kill_timeout = patience  # type: ignore[assignment]  # seconds; a fraction is fine for joining
        self.interrupt_signal = True
        self.main_loop_interrupt.set()


@mp.WorkerProcess.wrap_target  # type: ignore[untyped-decorator]
def _run_worker(
    worker_id: int, target: tuple[Factory, Control], sock: Any, ipc: Any, loop: Any, *settings: Any
) -> None:
    """Run in the worker process. `settings`: in the order of MPServer._spawn_worker."""
    (mode, threads, blocking_threads, py_threads, py_idle, backpressure, _task_impl, http, http1, http2) = settings[:10]
    (websockets, static, _access_log, tls, _scope, metrics) = settings[10:]
    factory, shared = target
    control = shared.for_worker(worker_id - 1)
    worker = Worker(factory(control), loop, control)
    engine = _ASGIWorker(
        worker_id,
        sock,
        ipc,
        threads,
        blocking_threads,
        py_threads,
        py_idle,
        backpressure,
        http,
        http1,
        http2,
        websockets,
        static,
        *tls,
        metrics,
    )
    worker.run(engine.serve_str if mode == RuntimeModes.st else engine.serve_mtr)


def _reserve(host: str, port: int) -> socket.socket:
    """Hold the address without listening until the workers do; port 0 becomes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:  # without SO_REUSEPORT, which would share a taken port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    reserved = socket.socket(family, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        reserved.bind((host, port))
    except OSError:
        reserved.close()
        raise
    return reserved


def _stamps(files: tuple[Path, ...]) -> list[tuple[int, int] | None]:
    """Change time and size of each file; None for one that is not there at the moment."""
    stamps: list[tuple[int, int] | None] = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            stamps.append(None)
        else:
            stamps.append((stat.st_mtime_ns, stat.st_size))
    return stamps


def _logging() -> dict[str, Any]:
    """Granian's messages go to stderr, plainly."""
    return {
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}},
        "loggers": {"_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
    }
