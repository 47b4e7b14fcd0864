"""The few numbers that the parent process and its workers share: an anonymous memory map made before the fork."""

import mmap

_PER_WORKER = 8  # cells; 64 bytes, a cache line, so that workers do not slow each other down
_DRAINING, _GENERATION, _STOPPING, _SERVING, _RETIRING, _SURPRISED, _FIRST_WORKER = 0, 1, 2, 3, 4, 5, _PER_WORKER
_LOAD, _READY = 0, 1


class Control:
    """64-bit cells. The parent writes those that have no worker's number; each worker writes its own."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._map = mmap.mmap(-1, 8 * (_FIRST_WORKER + workers * _PER_WORKER))
        self.cells = memoryview(self._map).cast("q")
        self.draining_cell = _DRAINING
        self.load_cell = _FIRST_WORKER + _LOAD

    def for_worker(self, number: int) -> "Control":
        """Give the same block as worker `number` (from 0) sees it. Its cells are set to 0: the process is new."""
        view = object.__new__(Control)
        view.__dict__.update(self.__dict__)
        view.load_cell = _FIRST_WORKER + number * _PER_WORKER + _LOAD
        for cell in range(view.load_cell, view.load_cell + _PER_WORKER):
            view.cells[cell] = 0
        return view

    @property
    def draining(self) -> bool:
        """Whether new requests are refused."""
        return bool(self.cells[_DRAINING])

    def drain(self) -> None:
        """Refuse new requests from now on."""
        self.cells[_DRAINING] = 1

    @property
    def stopping(self) -> bool:
        """Whether workers are to leave when they get SIGTERM."""
        return bool(self.cells[_STOPPING])

    def stop(self) -> None:
        """Let workers leave at the next SIGTERM."""
        self.cells[_STOPPING] = 1

    @property
    def serving(self) -> bool:
        """Whether workers are to accept connections. Granian's do so from the start."""
        return bool(self.cells[_SERVING])

    def serve(self) -> None:
        """Let workers accept connections."""
        self.cells[_SERVING] = 1

    @property
    def retiring(self) -> bool:
        """Whether another process accepts connections in place of this one's workers."""
        return bool(self.cells[_RETIRING])

    def retire(self) -> None:
        """Let workers finish what they have and leave."""
        self.cells[_RETIRING] = 1

    def expect_no_socket(self) -> None:
        """Have the first WebSocket be told of."""
        self.cells[_SURPRISED] = 1

    def surprise(self) -> bool:
        """Whether this WebSocket is the first, of all workers, where none was expected."""
        surprised = bool(self.cells[_SURPRISED])
        self.cells[_SURPRISED] = 0
        return surprised

    @property
    def generation(self) -> int:
        """Counts the reloads asked for."""
        return self.cells[_GENERATION]

    def ask_reload(self) -> None:
        """Tell every worker to reload its configuration."""
        self.cells[_GENERATION] += 1

    def set_ready(self) -> None:
        """Say that this worker can serve."""
        self.cells[self.load_cell - _LOAD + _READY] = 1

    @property
    def ready(self) -> int:
        """How many workers can serve."""
        return sum(self._of_worker(number, _READY) for number in range(self.workers))

    @property
    def load(self) -> int:
        """Requests under way in all workers together."""
        return sum(self._of_worker(number, _LOAD) for number in range(self.workers))

    def _of_worker(self, number: int, cell: int) -> int:
        return self.cells[_FIRST_WORKER + number * _PER_WORKER + cell]
