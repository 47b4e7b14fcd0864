"""The server process tree on Granian: a parent that binds, watches and drains, and workers that serve.

Granian gives a process tree, sockets, TLS and HTTP; how a worker runs is ours: requests go straight from Granian's
thread to the compiled edge, without a coroutine or a task each. That rests on the worker interface of Granian 2.8.

Signals to the parent: SIGTERM and SIGINT drain (a second one stops at once), SIGHUP reloads.
"""

import asyncio
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from granian import _granian as native
from granian._granian import CallbackScheduler, WorkerSignal
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes, TaskImpl
from granian.log import LogLevels
from granian.server import mp

from tianji._core.asgi import AsgiEdge
from tianji.edge.application import Factory, ServeOptions
from tianji.edge.asgi import build_edge
from tianji.edge.control import Control
from tianji.edge.processes import drain, watch, worker
from tianji.edge.processes.listeners import BACKLOG, reserve, url
from tianji.edge.processes.pid_file import PidFile
from tianji.edge.processes.tls import server_context

log = logging.getLogger(__name__)
_ASGIWorker: Any = native.ASGIWorker  # its stub is older than its signature

GRANIAN_OPTIONS: dict[str, Any] = {
    "interface": Interfaces.ASGI,
    "loop": Loops.uvloop,
    "task_impl": TaskImpl.asyncio,  # unused: no task is made for a request
    "http": HTTPModes.auto,
    "websockets": True,
    "backlog": BACKLOG,
    "backpressure": 65536,  # requests under way in a worker; beyond, connections wait in the backlog
    "log_access": False,
    "respawn_failed_workers": True,
}
EARLY = 0.05  # seconds between two looks at requests whose body is late


def new_scheduler(loop: asyncio.AbstractEventLoop, schedule: Callable[[Any], None]) -> CallbackScheduler:
    """Make what hands Granian's requests to the edge as they are."""
    make: Any = CallbackScheduler
    scheduler: CallbackScheduler = make(loop, schedule, None, None, None)  # the rest describes tasks: there are none
    scheduler._schedule_fn = schedule  # type: ignore[attr-defined]  # as Granian does
    return scheduler


class Worker(worker.Worker[AsgiEdge]):
    """One worker process. `serve` starts Granian's threads."""

    def __init__(
        self,
        factory: Factory,
        loop: asyncio.AbstractEventLoop,
        control: Control,
        serve: Callable[[CallbackScheduler, asyncio.AbstractEventLoop, WorkerSignal], None],
    ) -> None:
        super().__init__(build_edge, factory, loop, control)
        self._serve = serve
        self._stop_signal = WorkerSignal()
        self._scheduler = new_scheduler(loop, self.edge.schedule)

    def serve(self) -> None:
        """Let Granian accept connections."""
        self._stop_signal.add_cb(lambda: self.loop.call_soon_threadsafe(self.stopped.set))
        self._serve(self._scheduler, self.loop, self._stop_signal)
        self.control.set_ready()
        self._look_after_early()

    def leave(self) -> None:
        """Let Granian finish; it calls back when the last connection is closed."""
        self._stop_signal.set()

    def _look_after_early(self) -> None:
        self.edge.look_after_early()
        self.loop.call_later(EARLY, self._look_after_early)


class Server(mp.MPServer):
    """The parent process."""

    def __init__(self, factory: Factory, options: ServeOptions) -> None:
        self._factory = factory
        self._options = options
        self._control = Control(options.workers)
        self._watch = watch.Watch(options.watched)
        server_context(options)  # Granian makes its own, but says less about what is wrong
        self._reservation = reserve(options.host, options.port)
        self._pid_file = PidFile(options.pid_file)
        self._draining: drain.Drain | None = None
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
        signal.signal(signal.SIGUSR2, lambda *_: log.error("a hot restart needs --edge native; nothing happens"))
        try:
            self.serve(spawn_target=_run_worker, target_loader=self._target, wrap_loader=False)
        finally:
            self._pid_file.release()

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
        self._pid_file.claim()
        self._announce(url(self._options, self.bind_port))

    def _watch_files(self) -> None:
        while True:
            time.sleep(watch.INTERVAL)
            if self._watch.changed():
                self._control.ask_reload()

    def signal_handler_reload(self, *_args: Any, **_options: Any) -> None:
        """SIGHUP: workers reload their configuration; none is replaced."""
        self._control.ask_reload()

    def signal_handler_interrupt(self, *_args: Any, **_options: Any) -> None:
        """SIGTERM, SIGINT: drain, then stop; the second time stop at once."""
        if self._draining is not None:
            self._stop(drain.LEAVE_NOW)
            return
        self._draining = drain.Drain(self._control, self._options.grace)
        threading.Thread(target=self._wait_drained, args=(self._draining,), daemon=True).start()

    def _wait_drained(self, draining: drain.Drain) -> None:
        while (patience := draining.patience()) is None:
            time.sleep(drain.INTERVAL)
        self._stop(patience)

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
    Worker(factory, loop, control, engine.serve_str if mode == RuntimeModes.st else engine.serve_mtr).run()


def _logging() -> dict[str, Any]:
    """Granian's messages go to stderr, plainly."""
    return {
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}},
        "loggers": {"_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
    }
