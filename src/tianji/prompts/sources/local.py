"""dotprompt: `.prompt` files of a folder beside the configuration, or what the configuration itself holds of one."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tianji.errors import ConfigurationError, ObjectNotFound
from tianji.prompts import dotprompt
from tianji.prompts.naming import Wanted, parted
from tianji.prompts.source import Given, Source
from tianji.prompts.template import Template

log: Final = logging.getLogger("tianji.prompts")


def build(given: Given) -> Source:
    """Read what there is: the files of `prompt_directory`, or the one prompt that an entry holds.

    Raises ConfigurationError for an entry that cannot be read; a file of a folder that cannot be is left out.
    """
    directory = given.text("prompt_directory")
    if directory:
        kept = _folder(given.folder / directory)

        async def pick(wanted: Wanted) -> Template:
            return _picked(kept, wanted)

        return Source(pick)
    one = _of_entry(given)

    async def fetch(_wanted: Wanted) -> Template:
        return one

    return Source(fetch)


def _folder(path: Path) -> dict[str, Template]:
    if not path.is_dir():
        raise ConfigurationError(f"prompts: there is no folder {path.name}")
    found: dict[str, Template] = {}
    for file in sorted(path.glob("*.prompt")):
        try:
            found[file.stem] = dotprompt.read(file.read_text())
        except (OSError, UnicodeDecodeError, ConfigurationError) as error:
            log.warning("the prompt %s is left out: %s", file.name, error)
    return found


def _picked(kept: Mapping[str, Template], wanted: Wanted) -> Template:
    """Return the file of a version; where none is asked for, that of the plain name, else the highest."""
    versions = {version or 0: name for name in kept for base, version in [parted(name)] if base == wanted.id}
    version = wanted.version if wanted.version is not None else 0 if 0 in versions else max(versions, default=0)
    if version not in versions:
        raise ObjectNotFound(f"there is no file {wanted.id}{f'.v{version}' * bool(version)}.prompt")
    return kept[versions[version]]


def _of_entry(given: Given) -> Template:
    content, file, data = given.text("dotprompt_content"), given.text("prompt_file"), given.params.get("prompt_data")
    try:
        if content:
            return dotprompt.read(content)
        if file:
            return dotprompt.read((given.folder / file).read_text())
        if isinstance(data, Mapping) and data:
            return _of_data(data if "content" in data else data.get(given.text("prompt_id"), next(iter(data.values()))))
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        raise ConfigurationError(f"{given.name}: {error}") from error
    raise ConfigurationError(f"{given.name}: it needs dotprompt_content, prompt_data or prompt_file")


def _of_data(data: Any) -> Template:
    if not isinstance(data, Mapping) or not isinstance(data.get("content"), str):
        raise ConfigurationError("prompt_data must have `content`, and may have `metadata`")
    metadata = data.get("metadata")
    return dotprompt.made(metadata if isinstance(metadata, Mapping) else {}, data["content"])
