"""Findings about a configuration: what is wrong, where, and what to do about it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from tianji.errors import ConfigurationError

Severity = Literal["error", "warning"]


class Place(NamedTuple):
    """A line of a file; lines count from 1, and line 0 stands for the file as a whole."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


class Problem(Struct, frozen=True, kw_only=True):
    """One finding. Its texts never hold a configured value that may be a secret."""

    severity: Severity
    key: str  # dotted path, such as `model_list[2].litellm_params.rpm`; empty for a whole file
    message: str
    remedy: str = ""
    file: Path | None = None
    line: int = 0
    dropped: bool = False  # an error that costs one entry and does not stop the start

    @property
    def fatal(self) -> bool:
        """Whether the configuration cannot be used because of this."""
        return self.severity == "error" and not self.dropped

    def __str__(self) -> str:
        where = f"{Place(self.file, self.line)}: " if self.file else ""
        key = f"{self.key}: " if self.key else ""
        label = "dropped" if self.dropped else self.severity
        remedy = f" — {self.remedy}" if self.remedy else ""
        return f"{where}{label}: {key}{self.message}{remedy}"


class InvalidConfiguration(ConfigurationError):  # noqa: N818 - named like its neighbours in the error tree
    """The configuration cannot be used; `findings` holds every problem, `problems` the same as lines of text."""

    def __init__(self, message: str, findings: tuple[Problem, ...]) -> None:
        super().__init__(message, tuple(str(finding) for finding in findings))
        self.findings = findings


class Findings:
    """Collects problems in the order they are met, each only once for a line."""

    def __init__(self) -> None:
        self._problems: dict[tuple[object, ...], Problem] = {}

    def add(self, problem: Problem) -> None:
        """Keep `problem` unless the same was said of the same line."""
        name = problem.key.rpartition(".")[2] if problem.line else problem.key  # an anchor's line is met on many paths
        self._problems.setdefault((problem.severity, problem.file, problem.line, name, problem.message), problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add each of `problems`."""
        for problem in problems:
            self.add(problem)

    def error(self, place: Place | None, key: str, message: str, remedy: str = "") -> None:
        """Report something that makes the configuration unusable."""
        self._report("error", place, key, message, remedy)

    def warning(self, place: Place | None, key: str, message: str, remedy: str = "") -> None:
        """Report something that is likely not what was meant."""
        self._report("warning", place, key, message, remedy)

    def drop(self, place: Place | None, key: str, message: str, remedy: str = "") -> None:
        """Report something that costs the entry it stands in, and nothing else."""
        file, line = place or (None, 0)
        self.add(
            Problem(severity="error", key=key, message=message, remedy=remedy, file=file, line=line or 0, dropped=True)
        )

    def _report(self, severity: Severity, place: Place | None, key: str, message: str, remedy: str) -> None:
        file, line = place or (None, 0)
        self.add(Problem(severity=severity, key=key, message=message, remedy=remedy, file=file, line=line or 0))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything found, fatal problems first, each kind in the order of finding."""
        found = self._problems.values()
        return (
            *(p for p in found if p.fatal),
            *(p for p in found if p.dropped),
            *(p for p in found if p.severity == "warning"),
        )

    @property
    def fatal(self) -> bool:
        """Whether any problem is fatal."""
        return any(problem.fatal for problem in self._problems.values())

    @property
    def failed(self) -> bool:
        """Whether there is any error, fatal or not."""
        return any(problem.severity == "error" for problem in self._problems.values())
