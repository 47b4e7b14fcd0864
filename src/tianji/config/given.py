"""Parameters that somebody reads out of the configuration, each of which may stand in a variable instead."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tianji.errors import ConfigurationError


class Given(Struct, frozen=True):
    """What something is built of. `name`: what problems call it."""

    name: str
    params: Mapping[str, Any]
    environ: Mapping[str, str]

    def text(self, name: str, *variables: str, default: str = "") -> str:
        """Return a parameter, else the first variable that is set. Raises ConfigurationError for what is no text."""
        value = self.params.get(name)
        if value is None:
            return next((self.environ[variable] for variable in variables if self.environ.get(variable)), default)
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ConfigurationError(f"{self.name}: {name} must be text")
        return str(value)

    def need(self, name: str, *variables: str) -> str:
        """Return what must be there. Raises ConfigurationError without it."""
        found = self.text(name, *variables)
        if not found:
            also = f" (or {' or '.join(variables)})" if variables else ""
            raise ConfigurationError(f"{self.name} needs {name}{also}")
        return found

    def base(self, name: str, *variables: str, default: str = "") -> str:
        """Return an address without a slash at its end. Raises ConfigurationError where there is none."""
        found = self.text(name, *variables, default=default) or self.need(name, *variables)
        return (found if "://" in found else f"http://{found}").rstrip("/")

    def number(self, name: str, *variables: str, default: float) -> float:
        """Return a number. Raises ConfigurationError for what is none."""
        written = self.params.get(name)
        if written is None:
            written = self.text(name, *variables) or default
        try:
            return float(written)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{self.name}: {name} must be a number, not {written!r}") from error
