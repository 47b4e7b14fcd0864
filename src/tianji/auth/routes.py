"""The routes that a key is confined to: paths, prefixes, patterns, and names of groups."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from tianji.auth.access import Access


class Row(Protocol):
    """What is asked of a row of the route table."""

    @property
    def access(self) -> Access: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def path(self) -> str: ...


def _any(*wanted: str) -> Callable[[Row], bool]:
    names = frozenset(wanted)
    return lambda row: not names.isdisjoint(row.tags)


_MODELS: Final = _any("models", "utilities")
_MANAGEMENT: Final = _any(
    "keys",
    "users",
    "teams",
    "organizations",
    "customers",
    "budgets",
    "tags",
    "credentials",
    "model management",
    "access groups",
    "fallbacks",
)
_ANTHROPIC: Final = ("/v1/messages", "/anthropic/")
_GOOGLE: Final = ("enerateContent", "countTokens", "mbedContent", "mbedContents")  # methods at the end of paths
GROUPS: Final[Mapping[str, Callable[[Row], bool]]] = {
    "openai_routes": _MODELS,
    "llm_api_routes": _MODELS,
    "llm_api_routes_without_mcp": _MODELS,
    "anthropic_routes": lambda row: row.path.startswith(_ANTHROPIC),
    "google_routes": lambda row: row.path.endswith(_GOOGLE),
    "mcp_routes": _any("mcp"),
    "mcp_inference_routes": _any("mcp"),
    "agent_routes": _any("agents"),
    "spend_tracking_routes": _any("spend", "activity"),
    "global_spend_tracking_routes": lambda row: row.path.startswith("/global/"),
    "info_routes": lambda row: row.access is Access.INFO,
    "management_routes": _MANAGEMENT,
    "key_management_routes": _any("keys"),
    "public_routes": lambda row: row.access is Access.OPEN,
    "internal_user_routes": lambda row: row.access in (Access.USER, Access.INFO),
    "self_managed_routes": lambda row: row.access is Access.SELF,
}
PRESETS: Final[Mapping[str, tuple[str, ...]]] = {  # `key_type`: what it confines a key to
    "default": (),
    "llm_api": ("llm_api_routes",),
    "management": ("management_routes",),
    "read_only": ("info_routes",),
}


def permitted(allowed: Sequence[str], path: str, row: Row) -> bool:
    """Whether a key that is confined to `allowed` may call `path`, which the route table matched to `row`."""
    return any(_fits(entry, path, row) for entry in allowed)


def _fits(entry: str, path: str, row: Row) -> bool:
    group = GROUPS.get(entry)
    if group is not None:
        return group(row)
    if entry.endswith("*"):
        return path.startswith(entry[:-1])
    return path == entry or path.startswith(entry.rstrip("/") + "/")


def narrower(child: Sequence[str], parent: Sequence[str]) -> bool:
    """Whether `child` permits nothing that `parent` does not. An empty list permits everything."""
    if not parent:
        return True
    return bool(child) and all(_within(entry, parent) for entry in child)


def _within(entry: str, parent: Sequence[str]) -> bool:
    if entry in parent:
        return True
    if entry in GROUPS:
        return False
    stem = entry.removesuffix("*")
    return any(
        stem.startswith(above[:-1]) if above.endswith("*") else stem.startswith(above.rstrip("/") + "/")
        for above in parent
        if above not in GROUPS
    )
