"""The small application of the edge tests, with little patience for slow clients: `python -m ... EDGE FILE`."""

import sys
from pathlib import Path

from tests.contract.edge.edge_app import Tiny

from tianji.edge.application import EdgeSettings, Limits
from tianji.edge.control import Control
from tianji.edge.options import ServeOptions
from tianji.edge.processes.parent import Server

PATIENCE = 1.0  # seconds
RATE = 1000.0  # bytes a second


class Impatient(Tiny):
    """Waits for nobody."""

    def __init__(self, control: Control, file: Path) -> None:
        super().__init__(control, file)
        limits = Limits(head_timeout=PATIENCE, idle_timeout=PATIENCE, body_timeout=PATIENCE, body_rate=RATE)
        self.edge_settings = EdgeSettings(limits=limits)


def main() -> None:
    edge, file = sys.argv[1], Path(sys.argv[2])
    options = ServeOptions(host="127.0.0.1", port=0, grace=0.0)
    server = Server(edge, lambda control: Impatient(control, file), options)
    server.run(
        lambda address: print(address, flush=True)  # noqa: T201 - the test reads it
    )


if __name__ == "__main__":
    main()
