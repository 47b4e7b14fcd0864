"""All prompts of a configuration: which source has the one that a request asks for, and how much of it counts."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import asdict

from tianji.config.schema import Config
from tianji.config.schema.sections import Prompt
from tianji.egress.errands import Errands, addresses_in
from tianji.errors import ConfigurationError, InvalidRequest
from tianji.lazy import load
from tianji.prompts.naming import DEVELOPMENT, Wanted, parted, rank
from tianji.prompts.shelf import Shelf
from tianji.prompts.source import Given, Source
from tianji.prompts.sources import SOURCES
from tianji.prompts.template import Template

LOCAL: Final = "dotprompt"
_PLACES: Final = ("LANGFUSE_HOST", "LANGFUSE_BASE_URL", "HUMANLOOP_API_BASE", "PHOENIX_BASE_URL")
"""Variables that say where a source is."""


class Found(Struct, frozen=True):
    """A prompt, and what of it counts. `source`: its kind; keeps_model, keeps_params: the request's own go first."""

    template: Template
    source: str
    keeps_model: bool = False
    keeps_params: bool = False


class Entry(Struct, frozen=True):
    """One prompt of `prompts:`, in one version and environment. `name`: what its source calls it."""

    prompt: Prompt
    name: str
    version: int
    environment: str
    source: Source

    @property
    def wanted(self) -> Wanted:
        """What its source is asked for, where a request says nothing of a version of the source's own."""
        base, version = parted(self.name)
        return Wanted(base, version)


class Builder:
    """Builds sources. Hosts that the file names may lie anywhere; those that the database names have to be public."""

    def __init__(self, config: Config, environ: Mapping[str, str], folder: Path) -> None:
        written = [asdict(one.litellm_params) for one in config.prompts if not one.stored]
        places = [environ.get(name) for name in _PLACES]
        self._ask = Errands(list(addresses_in([*written, *managers(config).values(), *places])))
        self._environ = environ
        self._folder = folder

    def source(self, kind: str, name: str, params: Mapping[str, Any]) -> Source:
        """Return a source. Raises ConfigurationError for one that is not served, or lacks something."""
        if kind not in SOURCES:
            raise ConfigurationError(f"prompt {name}: {kind} is not served by this release")
        given = Given(f"prompts of {name}", params, self._environ, self._ask, self._folder)
        found: Source = load(SOURCES[kind]).build(given)
        return found

    def entry(self, prompt: Prompt) -> Entry:
        """Return an entry of the configuration. Raises ConfigurationError."""
        base, version = parted(prompt.prompt_id)
        params = prompt.litellm_params
        if prompt.stored and params.extra.get("prompt_file"):
            raise ConfigurationError(f"prompt {base}: a file is named by the configuration alone")
        if params.prompt_directory:
            raise ConfigurationError(f"prompt {base}: a folder is litellm_settings.global_prompt_directory")
        said = params.prompt_id or (base if params.prompt_integration != LOCAL else prompt.prompt_id)
        environment = prompt.environment or prompt.prompt_info.get("environment") or DEVELOPMENT
        return Entry(
            prompt=prompt,
            name=said,
            version=int(prompt.version or version or 1),
            environment=str(environment),
            source=self.source(params.prompt_integration, base, {**params.extra, **asdict(params)}),
        )


class Library:
    """Finds prompts. What of a configuration cannot be used is in `faults`, one line each."""

    def __init__(self, config: Config, environ: Mapping[str, str], folder: Path) -> None:
        self.faults: list[str] = []
        self._builder = Builder(config, environ, folder)
        self._shelf = Shelf(time.monotonic)
        self._entries: dict[str, list[Entry]] = {}
        self._settings = managers(config)
        self._managers: dict[str, Source] = {}
        for prompt in config.prompts:
            try:
                entry = self._builder.entry(prompt)
            except ConfigurationError as error:
                self.faults.append(error.message)
                continue
            self._entries.setdefault(parted(prompt.prompt_id)[0], []).append(entry)
        for kind in self._settings:
            try:
                self._manager(kind)
            except ConfigurationError as error:
                self.faults.append(error.message)

    async def find(self, wanted: Wanted, kind: str | None) -> Found | None:
        """Return the prompt of an entry, else of a manager: of `kind`, which the model's name says, or of the first.

        None where nobody keeps prompts under such a name. Raises ObjectNotFound, InvalidRequest and UpstreamFailure.
        """
        entry = _chosen(self._entries.get(wanted.id, ()), wanted)
        if entry is not None:
            params = entry.prompt.litellm_params
            named = f"{wanted.id}.v{entry.version}::{entry.environment}"
            asked = entry.wanted
            if wanted.label is not None:
                asked = Wanted(asked.id, asked.version, wanted.label, wanted.environment)
            template = await self._shelf.find(named, entry.source, asked)
            return Found(
                template,
                params.prompt_integration,
                keeps_model=params.ignore_prompt_manager_model,
                keeps_params=params.ignore_prompt_manager_optional_params,
            )
        kind = kind or next(iter(self._settings), None)
        if kind is None:
            return None
        try:
            source = self._manager(kind)
        except ConfigurationError as error:
            raise InvalidRequest(f"prompts of {kind} are not configured here", param="prompt_id") from error
        return Found(await self._shelf.find(kind, source, wanted), kind)

    def entries(self) -> Iterator[Entry]:
        """Yield all that are configured by name."""
        for entries in self._entries.values():
            yield from entries

    def _manager(self, kind: str) -> Source:
        if kind not in self._managers:
            self._managers[kind] = self._builder.source(kind, kind, self._settings.get(kind, {}))
        return self._managers[kind]


def managers(config: Config) -> dict[str, Mapping[str, Any]]:
    """Return the sources that are asked for whatever a request names, by kind, with their settings."""
    settings = config.litellm_settings
    written: dict[str, Mapping[str, Any]] = {
        LOCAL: {"prompt_directory": settings.global_prompt_directory} if settings.global_prompt_directory else {},
        "bitbucket": settings.global_bitbucket_config,
        "gitlab": settings.global_gitlab_config,
    }
    found = {kind: params for kind, params in written.items() if params}
    return found | ({"humanloop": {}} if "humanloop" in settings.callbacks else {})


def _chosen(entries: "list[Entry] | tuple[()]", wanted: Wanted) -> Entry | None:
    """Return the entry that is asked for: of the first environment that there is, in the highest version."""
    there = [one for one in entries if wanted.environment in (None, one.environment)]
    if wanted.environment is None and there:
        first = min((one.environment for one in there), key=rank)
        there = [one for one in there if one.environment == first]
    if wanted.version is not None:
        there = [one for one in there if one.version == wanted.version]
    return max(there, key=lambda one: one.version, default=None)
