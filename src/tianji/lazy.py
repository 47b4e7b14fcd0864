"""Modules that are imported when they are needed, so that a process holds only what it uses.

Each of them costs memory in every worker, or time at the start of every command.
"""

import importlib
from typing import Any


def load(module: str) -> Any:
    """Import `module` now. Raises ImportError."""
    return importlib.import_module(module)
