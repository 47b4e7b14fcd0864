"""What may change a request before it is read, or answer it by several, where a configuration has that.

A worker without loads nothing of it.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tianji._core.requests.pipeline import Pipeline
from tianji.config.schema import Config
from tianji.gateway.additions.destinations import allowed_hosts
from tianji.gateway.admission.admissions import Admissions
from tianji.gateway.bookkeeping import Bookkeeping
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.hooks.naming import has_hooks
from tianji.lazy import load

LOG: Final = logging.getLogger("tianji.gateway")


class Preface:
    """That of one worker. `searches`: of the web, see gateway.searches; None where no tool is configured.

    tools: of MCP servers, see gateway.tools; None where no server is configured
    """

    searches: Any = None
    tools: Any = None
    _connections: Any = None

    def __init__(self, folder: Path, admissions: Admissions, books: Bookkeeping, guards: Callable[[], Any]) -> None:
        """`folder`: in which the files of the configuration lie; guards: who judges calls of tools."""
        self._guards = guards
        self._books = books
        self._folder = folder
        self._admissions = admissions

    def adopt(self, pipeline: Pipeline, snapshot: Snapshot, keep: Callable[[Any], None] | None) -> None:
        """Have requests go by a configuration from now on. `keep`: takes entries of the ledger; None: it has none."""
        config = snapshot.config
        pipeline.prompts = pipeline.searches = self.searches = None
        own = load("tianji.gateway.hooking.building").prompters(config, self._folder) if has_hooks(config) else None
        if has_prompts(config) or own is not None:
            pipeline.prompts = load("tianji.gateway.beforehand.prompting").prompting(snapshot, self._folder, own)
        if config.search_tools or config.general_settings.search_tools:
            tools = load("tianji.searching.tools").Tools(config, snapshot.environ)
            for fault in tools.faults:
                LOG.error("left out: %s", fault)
            made = load("tianji.gateway.beforehand.searches").Searches
            self.searches = made(config, tools, self._admissions, keep, self._books)
            pipeline.searches = load("tianji.gateway.beforehand.intercepting").interception(config, self.searches)
        self._adopt_tools(pipeline, snapshot, keep)
        if self.tools is not None:
            pipeline.searches = load("tianji.gateway.tools.looping").ToolLoops(self.tools, pipeline.searches)
        if has_hooks(config):
            building = load("tianji.gateway.hooking.building")
            pipeline.searches = building.looping(config, self._folder, pipeline.searches)

    def _adopt_tools(self, pipeline: Pipeline, snapshot: Snapshot, keep: Callable[[Any], None] | None) -> None:
        self.tools = None
        config = snapshot.config
        if config.mcp_servers:
            self._connections = self._connections or load("tianji.mcp.connections").Connections()
            books = load("tianji.gateway.tools.books").Books(self._books, keep, pipeline.tracing)
            building = load("tianji.gateway.hooking.building") if has_hooks(config) else None
            hooks = None if building is None else building.results(config, self._folder)
            made = load("tianji.gateway.tools.toolbox").Toolbox
            self.tools = made(config, snapshot.environ, self._connections, self._admissions, books, self._guards, hooks)
        if self._connections is not None:
            servers = () if self.tools is None else self.tools.servers
            self._connections.adopt(servers, allowed_hosts(config))

    async def close(self) -> None:
        """End what was begun with servers of tools."""
        if self._connections is not None:
            await self._connections.close()


def has_prompts(config: Config) -> bool:
    """Whether a request may name a prompt."""
    settings = config.litellm_settings
    return bool(
        config.prompts
        or settings.global_prompt_directory
        or settings.global_bitbucket_config
        or settings.global_gitlab_config
        or "humanloop" in settings.callbacks
        or any(entry.params.prompt_id for entry in config.model_list)
    )
