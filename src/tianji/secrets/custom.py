"""A manager of one's own: a class in a file beside the configuration, with the methods that LiteLLM's have."""

import asyncio
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tianji.config.secrets import Choice, SecretFailure
from tianji.secrets.manager import TIMEOUT, Manager, Note

_READS = ("async_read_secret", "sync_read_secret")


class CustomSecretManager:
    """What such a class may be derived from; it need not be. Names and arguments are LiteLLM's.

    A method that is missing is not used; one that reads has to be there. They may raise whatever they like.
    """

    def __init__(self, secret_manager_name: str | None = None, **kwargs: Any) -> None:
        """Remember the name."""
        self.secret_manager_name = secret_manager_name or type(self).__name__
        self.settings = kwargs


class Custom(Manager):
    """Calls the methods of the class that `key_management_settings.custom_secret_manager` names as `file.Class`."""

    def __init__(self, choice: Choice) -> None:
        """Read the settings. Raises SecretFailure when there is no such class, or it cannot be made."""
        named = choice.settings.custom_secret_manager or ""
        module, _, name = named.rpartition(".")
        file = choice.folder.joinpath(*module.split(".")).with_suffix(".py")
        if not module or not name.isidentifier() or not file.is_file():
            raise SecretFailure(
                f"custom_secret_manager has to be file.Class of a file beside the configuration; there is no {file}"
                if module
                else "custom_secret_manager is missing: write file.Class of a file beside the configuration"
            )
        super().__init__(f"the secret manager {named}")
        self._optional: dict[str, Any] = {
            key: value
            for key in choice.settings.__struct_fields__
            if key != "extra" and (value := getattr(choice.settings, key)) not in (None, (), {})
        } | choice.settings.extra
        self._primary = choice.settings.primary_secret_name
        made = getattr(_module(file, self.label), name, None)
        if not isinstance(made, type) or not any(hasattr(made, method) for method in _READS):
            raise SecretFailure(f"{file} has no class {name} with a method {' or '.join(_READS)}")
        try:
            self._inner = made()
        except Exception as error:
            raise SecretFailure(f"{self.label} cannot be made: {type(error).__name__}") from error

    async def read(self, name: str) -> str | None:
        """Call `async_read_secret`, or `sync_read_secret` where there is no other."""
        found = await self._call(
            _READS, secret_name=name, optional_params=self._optional, timeout=TIMEOUT, primary_secret_name=self._primary
        )
        if found is not None and not isinstance(found, str):
            raise SecretFailure(f"{self.label} said of {name} what is no text")
        return found

    async def write(self, name: str, value: str, note: Note) -> None:
        """Call `async_write_secret`."""
        await self._call(
            ("async_write_secret",),
            secret_name=name,
            secret_value=value,
            description=note.description,
            optional_params=self._optional,
            timeout=TIMEOUT,
            tags=dict(note.tags),
        )

    async def delete(self, name: str) -> None:
        """Call `async_delete_secret`."""
        await self._call(
            ("async_delete_secret",),
            secret_name=name,
            recovery_window_in_days=7,
            optional_params=self._optional,
            timeout=TIMEOUT,
        )

    async def _call(self, methods: tuple[str, ...], **arguments: Any) -> Any:
        method = next(filter(None, (getattr(self._inner, name, None) for name in methods)), None)
        if method is None:
            raise SecretFailure(f"{self.label} has no method {methods[0]}")
        try:
            async with asyncio.timeout(TIMEOUT):
                if inspect.iscoroutinefunction(method):
                    return await method(**arguments)
                return await asyncio.to_thread(lambda: method(**arguments))
        except TimeoutError:
            raise SecretFailure(f"{self.label} did not answer within {TIMEOUT:g} seconds") from None
        except Exception as error:  # noqa: BLE001 - somebody else's code, whose message may hold a secret
            raise SecretFailure(f"{self.label} failed: {type(error).__name__}") from None


def _module(file: Path, label: str) -> ModuleType:
    """Run the file, as it is now."""
    name = f"tianji_custom_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise SecretFailure(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where classes of the file look for themselves
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SecretFailure(f"{label}: {file} cannot be loaded: {type(error).__name__}: {error}"[:300]) from error
    return module
