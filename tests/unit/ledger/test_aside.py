"""Processes beside the workers run where no worker does."""

from pathlib import Path

import pytest

from tianji.ledger.aside import AGAIN, CROWDED, WINDOW, Aside

PARENT, WORKERS, BOOKS, TELLER = 1, (2, 3), 10, 11
THREADS = {BOOKS: (10, 12), TELLER: (11,)}


class Machine:
    """Its processes as /proc tells of them, and the cores that threads were bound to."""

    def __init__(self, folder: Path, cores: set[int]) -> None:
        self.proc, self.cores, self.time = folder, cores, 0.0
        self.bound: dict[int, set[int]] = {}
        self.aside = Aside((BOOKS, TELLER), PARENT, self.allowed, self.bind, proc=folder, monotonic=lambda: self.time)
        for process, threads in THREADS.items():
            for thread in threads:
                (folder / str(process) / "task" / str(thread)).mkdir(parents=True)
        self.works(*WORKERS)
        self.waited(0)

    def allowed(self, process: int) -> set[int]:
        assert process == PARENT
        return set(self.cores)

    def bind(self, thread: int, cores: set[int]) -> None:
        assert cores
        self.bound[thread] = cores

    def works(self, *workers: int) -> None:
        """Have the parent have these workers, beside the books."""
        children = self.proc / str(PARENT) / "task" / str(PARENT) / "children"
        children.parent.mkdir(parents=True, exist_ok=True)
        children.write_text(" ".join(map(str, (*workers, BOOKS))) + " ")

    def run_on(self, core: int, worker: int) -> None:
        """Have a worker run on a core."""
        file = self.proc / str(worker) / "stat"
        file.parent.mkdir(exist_ok=True)
        fields = ["S", *["0"] * 35, str(core), *["0"] * 13]
        file.write_text(f"{worker} (a name) 7) {' '.join(fields)}\n")

    def waited(self, seconds: float) -> None:
        """Have the books wait for their core for so long in all."""
        (self.proc / str(BOOKS) / "schedstat").write_text(f"99 {round(seconds * 1e9)} 5\n")

    def look(self) -> set[int] | None:
        """Return where all threads are after a look; None: where they were before the first."""
        self.aside.look()
        cores = list(self.bound.values())
        assert all(each == cores[0] for each in cores)
        assert set(self.bound) in (set(), {10, 11, 12})
        return cores[0] if cores else None


def test_they_go_where_no_worker_is_and_follow_when_that_changes(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {0, 1, 2, 3})
    machine.run_on(0, 2), machine.run_on(2, 3)
    assert machine.look() == {1, 3}
    machine.run_on(3, 3)
    assert machine.look() == {1, 2}
    machine.cores = {0, 2, 3}  # as an operator may change it
    assert machine.look() == {2}
    machine.works(2)
    assert machine.look() == {2, 3}


@pytest.mark.parametrize("cores", [{0}, {0, 1}])
def test_nothing_is_done_where_there_are_no_more_cores_than_workers(tmp_path: Path, cores: set[int]) -> None:
    machine = Machine(tmp_path, cores)
    machine.run_on(0, 2), machine.run_on(0, 3)
    assert machine.look() is None


def test_they_go_everywhere_again_when_there_are_as_many_workers_as_cores(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {0, 1})
    machine.works(2)
    machine.run_on(0, 2), machine.run_on(1, 3)
    assert machine.look() == {1}
    machine.works(*WORKERS)
    assert machine.look() == {0, 1}


def test_they_leave_a_core_that_others_fill_for_a_while(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {0, 1, 2})
    machine.run_on(0, 2), machine.run_on(1, 3)
    assert machine.look() == {2}
    machine.time += WINDOW
    machine.waited(CROWDED * WINDOW)
    assert machine.look() == {2}
    machine.time += WINDOW
    machine.waited(2 * CROWDED * WINDOW + 0.01)
    assert machine.look() == {0, 1, 2}
    machine.time += AGAIN - 0.01
    assert machine.look() == {0, 1, 2}
    machine.time += 0.02
    assert machine.look() == {2}


def test_nothing_is_done_where_the_system_does_not_tell_or_not_let_them(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {0, 1, 2})
    assert machine.look() is None  # no worker has run yet
    machine.run_on(0, 2), machine.run_on(1, 3)
    (tmp_path / str(BOOKS) / "schedstat").unlink()
    machine.cores = set()
    assert machine.look() is None
    machine.cores = {0, 1, 2}
    assert machine.look() == {2}
