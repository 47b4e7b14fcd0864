"""What a server is told on its command line."""

import os
from pathlib import Path
from typing import Final

import msgspec

from tianji.edge.processes.succession import Inheritance

CERTIFICATE: Final = "SSL_CERTFILE_PATH"  # the variable that names the certificate, however that was given


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to serve."""

    host: str = "0.0.0.0"  # noqa: S104 - a gateway in a container serves its network
    port: int = 4000
    workers: int = 1
    grace: float = 30.0  # seconds that running requests are given after SIGTERM
    certificate: Path | None = None
    private_key: Path | None = None
    watched: tuple[Path, ...] = ()  # files whose change asks for a reload
    pid_file: Path | None = None  # names the parent process once it serves
    runtime_threads: int = 1  # of a worker's network side, on Granian
    log_level: str = "warning"
    surprised: bool = False  # WebSockets are not expected: the first is worth a line in the log
    inheritance: Inheritance = Inheritance()  # from the process whose place this one takes
    environment: dict[str, str] = msgspec.field(default_factory=lambda: dict(os.environ))  # of a successor
