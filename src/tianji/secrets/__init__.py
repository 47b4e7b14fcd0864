"""Managers of secrets: one file each; where references of a configuration are looked up and virtual keys are kept."""

from typing import TYPE_CHECKING

from tianji.lazy import load

if TYPE_CHECKING:
    from tianji.config.secrets import Choice, Source

__all__ = ["open_source"]


def open_source(choice: "Choice") -> "Source | None":
    """Open the manager of a configuration for reading: `config.secrets.Open`. Loads it; most gateways have none."""
    source: Source | None = load("tianji.secrets.opening").open_reading(choice)
    return source
