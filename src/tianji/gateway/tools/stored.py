"""Whether a server of the database would be served."""

from collections.abc import Mapping
from typing import Any

from tianji.config.additions import tool_server_of
from tianji.config.loader import Loaded
from tianji.errors import ConfigurationError
from tianji.gateway.additions.destinations import objection as unreachable
from tianji.mcp.server import build


def objection(written: Mapping[str, Any], loaded: Loaded) -> str | None:
    """Say why an entry, with its `server_name`, would stay down; None for one that is served."""
    entry, fault = tool_server_of(written)
    if entry is None:
        return fault
    try:
        build(str(written["server_name"]), entry, {}, loaded.environment)
    except ConfigurationError as error:
        return error.message
    urls = (entry.url if entry.transport != "stdio" else None, entry.token_url)
    return next((said for url in urls if url and (said := unreachable(loaded.config, url)) is not None), None)
