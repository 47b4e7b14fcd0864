"""A folder with a file a secret, as Kubernetes and Docker mount them."""

import asyncio
import os
from pathlib import Path
from typing import Final

from tianji.config.secrets import Choice, SecretFailure
from tianji.secrets.manager import Manager, Note

USUAL: Final = "/run/secrets"
_LARGEST: Final = 1 << 20  # bytes


class Files(Manager):
    """Files of `key_management_settings.folder`, or /run/secrets; a line feed at the end is not part of a value."""

    interval = 60.0  # looking costs little, and a mount changes by itself

    def __init__(self, choice: Choice) -> None:
        folder = choice.settings.folder or choice.environ.get("TIANJI_SECRETS_FOLDER") or USUAL
        self._folder = choice.folder / Path(folder).expanduser()
        super().__init__(f"the folder {self._folder}")

    async def read(self, name: str) -> str | None:
        """Read a file. One that is not UTF-8 text or over a MiB is a failure."""
        return await asyncio.to_thread(self._read, name)

    async def write(self, name: str, value: str, note: Note) -> None:  # noqa: ARG002 - a file has no room for it
        """Put a file in place in one step, for its owner's eyes."""
        await asyncio.to_thread(self._write, name, value)

    async def delete(self, name: str) -> None:
        """Delete a file."""
        try:
            await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)
        except OSError as error:
            raise self._failure(name, error) from None

    def _read(self, name: str) -> str | None:
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise SecretFailure(f"{name} in {self.label} is over a MiB")
            return data.decode().removesuffix("\n").removesuffix("\r")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise SecretFailure(f"{name} in {self.label} is not UTF-8 text") from None
        except OSError as error:
            raise self._failure(name, error) from None

    def _write(self, name: str, value: str) -> None:
        file = self._folder / name
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = file.with_name(f".{file.name}.{os.getpid()}")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
                opened.write(value)
            new.replace(file)
        except OSError as error:
            raise self._failure(name, error) from None

    def _failure(self, name: str, error: OSError) -> SecretFailure:
        return SecretFailure(f"{name} in {self.label}: {error.strerror or type(error).__name__}")
