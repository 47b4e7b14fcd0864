"""The commands of `tianji`; each is loaded when it is called."""

from tianji.cli.root import main

__all__ = ["main"]
