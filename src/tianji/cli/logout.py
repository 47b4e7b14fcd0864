"""`tianji logout`; what it ends is begun in the module beside it."""

from tianji.cli.login import leave as command

__all__ = ["command"]
