"""What was tried for a request and why: for logs, for errors, and for the client that asks."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from tianji._core.routing.selection import Selection

Outcome = Literal["kept", "dropped", "skipped", "sent", "failed", "waited", "continued"]
LONGEST: int = 4000  # characters of a header value


class Entry(Struct, frozen=True):
    """One thing that happened. `detail` is a status, seconds, a score, or the reason of the choice."""

    group: str
    outcome: Outcome
    deployment: str = ""
    detail: str = ""

    def __str__(self) -> str:
        where = f"{self.group}/{self.deployment}" if self.deployment else self.group
        return f"{where}:{self.outcome}{f'={self.detail}' if self.detail else ''}"


class Trail:
    """The entries of one request, in order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, group: str, outcome: Outcome, deployment: str = "", detail: str = "") -> None:
        """Note what happened."""
        self.entries.append(Entry(group, outcome, deployment, detail))

    def explain(self, group: str, selection: Selection, now: float) -> None:
        """Note what the last choice thought of each deployment."""
        for health, (reason, figure) in zip(selection.healths, selection.verdicts(now), strict=True):
            if reason == "kept":
                self.add(group, "kept", health.id, f"{figure:.4g}")
            else:
                self.add(group, "dropped", health.id, f"{reason},{figure:.4g}" if figure else reason)

    def header(self) -> bytes:
        """Return the trail as the value of a header."""
        text = "; ".join(map(str, self.entries))
        return text[:LONGEST].encode("ascii", "replace").replace(b"\r", b"?").replace(b"\n", b"?")

    def groups(self) -> Sequence[str]:
        """Return the model groups that were tried or passed over, each once, in order; no deployment is named."""
        return list(dict.fromkeys(entry.group for entry in self.entries))
