"""Files whose change asks for a reload."""

from pathlib import Path

INTERVAL = 1.0  # seconds between two looks

_Stamp = tuple[int, int] | None


class Watch:
    """Remembers files as they are when it is made: with the configuration read, so that no change slips through."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files
        self._seen = self._stamps()

    def changed(self) -> bool:
        """Whether a file changed, came or went since the last look."""
        now = self._stamps()
        if now == self._seen:
            return False
        self._seen = now
        return True

    def _stamps(self) -> list[_Stamp]:
        return [_stamp(file) for file in self._files]


def _stamp(file: Path) -> _Stamp:
    """Change time and size; None for a file that is not there at the moment."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
