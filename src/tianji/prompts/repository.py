"""Prompts that are files of a repository: what all such sources have in common."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from tianji.errors import ConfigurationError
from tianji.prompts import dotprompt
from tianji.prompts.naming import Wanted
from tianji.prompts.source import unreadable
from tianji.prompts.template import Template

_TAKEN: Final = frozenset({"temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty"})
"""The parameters that a repository may set: whoever may push there does not run this gateway."""


def path_of(wanted: Wanted, folder: str, prefix: str) -> str:
    """Return the path of a file: `gitlab::a::b` is `a/b`, and a version stands behind the name."""
    name = wanted.id.removeprefix(f"{prefix}::").replace("::", "/").strip("/")
    version = "" if wanted.version is None else f".v{wanted.version}"
    return "/".join(filter(None, (folder.strip("/"), f"{name}{version}.prompt")))


def template_of(body: bytes, wanted: Wanted, source: str) -> Template:
    """Return the prompt of a file. Raises UpstreamProtocolError."""
    try:
        found = dotprompt.read(body.decode())
    except (UnicodeDecodeError, ConfigurationError) as error:
        raise unreadable(wanted, source, error) from error
    return replace(found, params=taken(found.params))


def taken(params: Mapping[str, object]) -> dict[str, object]:
    """Return those that a repository may set."""
    return {name: value for name, value in params.items() if name in _TAKEN}
