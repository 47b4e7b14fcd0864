"""A stand-in for paid providers: correct answers that follow from the request alone, and every fault on request.

Start one in a running loop with `start`, or as a process with `python -m tianji.mock`.
"""

from tianji.mock.cli import command, main
from tianji.mock.faults import Faults, Rule
from tianji.mock.server import MockServer, start
from tianji.mock.state import HUMAN, Settings

__all__ = ["HUMAN", "Faults", "MockServer", "Rule", "Settings", "command", "main", "start"]
