"""Modules that are imported when they are needed: the command line must start quickly and depend on little."""

import importlib
from typing import Any


def load(module: str) -> Any:
    """Import `module` now. Raises ImportError."""
    return importlib.import_module(module)
