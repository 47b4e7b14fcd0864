"""Files of rules that a guardrail's entry names: they lie in the configuration's folder, or below it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from tianji.errors import ConfigurationError

EXTERNAL: Final = "LITELLM_CONTENT_FILTER_ALLOW_EXTERNAL_PATHS"
_LARGEST: Final = 32 << 20  # bytes

T = TypeVar("T")


def read_rules(name: str, kind: type[T], folder: Path, environ: Mapping[str, str]) -> T:
    """Return what the YAML or JSON file `name` holds.

    Raises ConfigurationError where it is not there, lies elsewhere while `EXTERNAL` does not let it, or holds something
    else than `kind`.
    """
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()) and environ.get(EXTERNAL, "").lower() != "true":
        raise ConfigurationError(
            f"{name} lies outside {folder}: put it beside the configuration, or set {EXTERNAL}=true"
        )
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror}; give its path from {folder}") from None
    if len(data) > _LARGEST:
        raise ConfigurationError(f"{name} is longer than {_LARGEST >> 20} MiB: divide it")
    try:
        return msgspec.yaml.decode(data, type=kind)  # JSON is YAML
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name}: {error}") from None
