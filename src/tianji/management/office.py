"""What management works with: the database, the configuration in force, and what happens when it changes."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from tianji.auth.models import Groups
from tianji.clock import SYSTEM, Clock
from tianji.config.additions import Additions, Stored
from tianji.config.lent import NOTHING, Lent
from tianji.config.loader import Loaded
from tianji.config.schema import Config
from tianji.config.secrets import Secrets
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.management.models.listing import Narrow
from tianji.management.postman import Postman
from tianji.storage.store import Store
from tianji.storage.valkey import Server

Sections = Mapping[str, Mapping[str, Any]]
Objections = Mapping[tuple[str, str], str]


def _none() -> Snapshot:
    raise LookupError("nothing is served here")


def _unread() -> Loaded:
    raise LookupError("no configuration was read here")


class Fleet(Struct, frozen=True, kw_only=True):
    """The deployments in force, and what happens when those of the database change."""

    snapshot: Callable[[], Snapshot] = _none
    file: Callable[[], Config] = Config  # the configuration without what the database adds
    keeps: Callable[[], bool] = lambda: False  # whether the database adds to the configuration
    objection: Callable[[Additions, Stored], str | None] = lambda _additions, _stored: None  # why one would be left out
    catch_up: Callable[[], Awaitable[bool]] | None = None  # called when what the database adds has changed
    keeps_endpoints: Callable[[], bool] = lambda: False  # whether the database adds paths that lead elsewhere
    endpoint_objection: Callable[[Mapping[str, Any]], str | None] = lambda _endpoint: None  # why one would be left out
    keeps_guardrails: Callable[[], bool] = lambda: False  # whether the database adds guardrails
    keeps_prompts: Callable[[], bool] = lambda: False  # whether the database adds prompts
    prompt_objection: Callable[[Mapping[str, Any]], str | None] = lambda _prompt: None  # why one would be left out
    keeps_tool_servers: Callable[[], bool] = lambda: False  # whether the database adds MCP servers
    tool_server_objection: Callable[[Mapping[str, Any]], str | None] = lambda _server: None  # why one would stay down
    guardrail_objection: Callable[[Mapping[str, Any]], str | None] = lambda _entry: None  # why one would be left out
    keeps_cache: Callable[[], bool] = lambda: False  # whether the database configures the cache
    # the configuration with another cache, and why there is none
    tried_cache: Callable[[Mapping[str, Any]], tuple[Config | None, str | None]] = lambda _said: (None, None)
    keeps_coordination: Callable[[], bool] = lambda: False  # whether the database names the server of limits
    # a server that settings name, and why there is none
    tried_coordination: Callable[[Mapping[str, Any]], tuple[Server | None, str | None]] = lambda _said: (None, None)
    loaded: Callable[[], Loaded] = _unread  # the configuration file as it was read
    keeps_settings: Callable[[], bool] = lambda: False  # whether the database adds settings
    # of settings that the database would add, what would be left out and why, by section and name
    tried_settings: Callable[[Sections], Objections] = lambda _sections: {}
    lent: Callable[[], Lent] = lambda: NOTHING  # what it says of callbacks, and of programs for bills
    narrow: Callable[[], Narrow | None] = lambda: None  # what hides models from lists, see management.models.listing


class Office(Struct, frozen=True, kw_only=True):
    """What management needs: the database, the configuration in force, and the secret that vendor secrets rest on."""

    store: Store
    config: Callable[[], Config]
    groups: Callable[[], Groups]
    salt: Callable[[], str | None]
    clock: Clock = SYSTEM
    environ: Callable[[], Mapping[str, str]] = dict
    fleet: Fleet = Fleet()
    secrets: Callable[[], Secrets] = lambda: Secrets({})  # what the references of the configuration stand for
    folder: Callable[[], Path] = Path.cwd  # of the configuration, beside which code of the operator's own stands
    postman: Postman = field(default_factory=Postman)
