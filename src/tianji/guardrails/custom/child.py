"""The process of a guardrail: `python -m tianji.guardrails.custom.child DESCRIPTOR`.

It is told once what to run, and then judges one content after another. It holds nothing but the standard library, the
code that it runs, and what that imports.
"""

import asyncio
import importlib.util
import resource
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tianji.guardrails.custom import sandbox
from tianji.guardrails.custom.channel import Channel, Document
from tianji.guardrails.custom.hooks import Hooks
from tianji.hooks import standins

Judge = Callable[[Document], Awaitable[Document]]


def main(descriptor: int) -> None:
    """Serve until the worker closes the line."""
    channel = Channel(socket.socket(fileno=descriptor))
    job = channel.read()
    if job is None:
        return
    _confine(job["memory"])
    loop = asyncio.new_event_loop()
    try:
        judge = _judge_of(job, channel.ask)
    except BaseException as error:  # noqa: BLE001 - somebody else's code, which may raise anything
        channel.write(failure(error))
        return
    channel.write({"action": "ready"})
    while (asked := channel.read()) is not None:
        _grant(job["seconds"])
        try:
            said = loop.run_until_complete(judge(asked))
        except BaseException as error:  # noqa: BLE001 - as above
            said = failure(error)
        channel.write(said)


def failure(error: BaseException) -> Document:
    """Return how it is said that the code failed: by the kind of error, since its text may hold what was judged."""
    return {"action": "failed", "reason": type(error).__name__}


def _judge_of(job: Document, send: Callable[[Document], Document]) -> Judge:
    """Return what judges. Raises whatever the code raises."""
    if "source" in job:
        return sandbox.judge(sandbox.compiled(job["source"], send))
    standins.install()
    return Hooks(_class_of(Path(job["folder"]), job["handler"])(**job["settings"])).judge


def _class_of(folder: Path, handler: str) -> Any:
    *modules, name = handler.split(".")
    file = folder.joinpath(*modules).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(modules[-1], file)
    if spec is None or spec.loader is None:
        raise ImportError(str(file))
    module = importlib.util.module_from_spec(spec)
    sys.modules[modules[-1]] = module
    sys.path.insert(0, str(folder))  # its neighbours may be imported
    spec.loader.exec_module(module)
    return getattr(module, name)


def _confine(megabytes: int) -> None:
    """Let this process have so much memory, few files, and no dump of what it held."""
    size = megabytes << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


def _grant(seconds: int) -> None:
    """Let the next judgement take so much processor time; whoever waits for it gives up earlier."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, most))


if __name__ == "__main__":
    main(int(sys.argv[1]))
