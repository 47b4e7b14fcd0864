"""The file that names the process in charge, for service managers."""

import os
from contextlib import suppress
from pathlib import Path

from tianji.errors import ConfigurationError


class PidFile:
    """Says who is in charge, in `file`; without one, nothing is said.

    Raises ConfigurationError at once when the file could not be written later.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._own = f"{os.getpid()}\n"
        if file is None:
            return
        self._draft = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            self._draft.write_text(self._own)
        except OSError as error:
            raise ConfigurationError(
                f"the pid file {file} cannot be written ({error.strerror or error}); name one in a folder that can"
            ) from error

    def claim(self) -> None:
        """Name this process, in one step and in place of whichever stood there. Raises OSError."""
        if self._file is not None:
            self._draft.replace(self._file)

    def release(self) -> None:
        """Remove the file, unless another process is in charge by now."""
        if self._file is None:
            return
        self._draft.unlink(missing_ok=True)
        with suppress(OSError):
            if self._file.read_text() == self._own:
                self._file.unlink()
