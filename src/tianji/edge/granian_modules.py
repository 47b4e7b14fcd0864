"""What a worker has of Granian: the compiled part and its constants, without the server that they come with.

Importing the package runs that server's modules, which bring `multiprocessing`, `logging.config` and `anyio`: 2.4 MiB
of each worker for what is never called.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Any

PACKAGE = "granian"

if PACKAGE not in sys.modules:
    _found = PathFinder.find_spec(PACKAGE)
    if _found is not None:
        sys.modules[PACKAGE] = module_from_spec(_found)  # which knows where its modules are, and has run nothing

from granian import _granian  # noqa: E402 - the package has to be there first
from granian._granian import CallbackScheduler, WorkerSignal  # noqa: E402
from granian.constants import HTTPModes, SSLProtocols  # noqa: E402

native: Any = _granian  # its stub is older than its signatures

__all__ = ["CallbackScheduler", "HTTPModes", "SSLProtocols", "WorkerSignal", "native"]
