"""Providers that are a file beside the configuration: `custom_provider_map`.

A handler is any object with some of the methods of CustomLLM in LiteLLM: `acompletion`, `astreaming`, `aembedding`,
`aimage_generation`, or `completion`, `streaming`, `embedding`, `image_generation`, which run in a thread. It is code of
the operator's own: it is read from the configuration's folder and from nowhere else, and neither a request nor the
database can name another.
"""

import importlib.util
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.lazy import load
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.upstream import PATHS, Upstream

CHATS: Final = ("acompletion", "completion")
EMBEDS: Final = ("aembedding", "embedding")
PAINTS: Final = ("aimage_generation", "image_generation")


class Custom(Struct, frozen=True):
    """Where a provider's code is: the folder of the configuration, and `file.object` within it."""

    folder: str
    handler: str


def customs_of(rows: object, folder: Path) -> Mapping[str, Custom]:
    """Return the providers of `custom_provider_map` by name."""
    found = (row for row in (rows if isinstance(rows, list | tuple) else ()) if isinstance(row, Mapping))
    return {
        str(row["provider"]): Custom(str(folder), str(row["custom_handler"]))
        for row in found
        if isinstance(row.get("provider"), str) and isinstance(row.get("custom_handler"), str)
    }


def build(deployment: Deployment, custom: Custom) -> Upstream:
    """Compile a deployment of a provider of one's own. Raises ConfigurationError when its code cannot be used."""
    handler = handler_of(custom)
    does = {"chat": CHATS, "embeddings": EMBEDS, "image_generation": PAINTS}
    paths = {
        operation: PATHS[operation]
        for operation, names in does.items()
        if any(hasattr(handler, name) for name in names)
    }
    if not paths:
        wanted = ", ".join(name for names in does.values() for name in names)
        raise ConfigurationError(f"custom_handler {custom.handler} has none of {wanted}")
    calling = load("tianji.providers.custom_calling")
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=f"inside:{custom.handler}",
        headers=address.encode_headers(deployment.extra_headers.items()),
        query="",
        paths=paths,
        shaping=compile_shaping(deployment, Rules(conditions=(USED_TOOL_CHOICE,))),
        plain_shaping=plain_shaping(deployment),
        key_missing=None,
        secrets=(deployment.api_key,) if deployment.api_key else (),
        answers=calling.inside(handler, deployment),
    )


def handler_of(custom: Custom) -> Any:
    """Return the object that answers. Raises ConfigurationError saying why there is none."""
    *modules, name = custom.handler.split(".")
    file = Path(custom.folder).joinpath(*modules).with_suffix(".py")
    if not modules or not file.is_file() or not file.resolve().is_relative_to(Path(custom.folder).resolve()):
        raise ConfigurationError(
            f"custom_handler {custom.handler}: put {'/'.join(modules)}.py beside the configuration"
        )
    try:
        module = _imported(str(file), custom.folder, file.stat().st_mtime_ns)
        return getattr(module, name)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"custom_handler {custom.handler}: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=32)
def _imported(file: str, folder: str, changed: int) -> Any:  # noqa: ARG001  a file that changed is read again
    name = f"tianji_custom_{Path(file).stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, folder)  # its neighbours may be imported, as LiteLLM lets them
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module
