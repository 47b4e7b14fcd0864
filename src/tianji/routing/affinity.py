"""Which requests belong to the same deployment: those of a session, of a caller, or with the same cached prompt.

Nothing is remembered. A request gets a number, `Needs.affinity`, and of the deployments that are left for it rendezvous
hashing finds the one that this number belongs to: the same one in every worker and on every machine, the next one
while that rests, and the first again afterwards. So `deployment_affinity_ttl_seconds` has nothing to end.

The caller's key is part of every number, so nobody shares a session with another tenant by guessing its name.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from itertools import chain
from typing import Final, Literal

from msgspec import Struct

from tianji.config.schema.router import RouterSettings

Kind = Literal["session", "user", "prompt"]
CHECKS: Final[Mapping[str, Kind]] = {  # values of optional_pre_call_checks, the first that applies decides
    "session_affinity": "session",
    "deployment_affinity": "user",  # keeps a cached prompt in its place too
    "prompt_caching": "prompt",
}
MINIMUM_TOKENS: Final = 1024  # what OpenAI and Anthropic cache at the least; LiteLLM's number too
_VARIABLE: Final = "MINIMUM_PROMPT_CACHE_TOKEN_COUNT"
_BYTES_A_TOKEN: Final = 4  # of JSON, roughly: a prompt is not counted for this
_CACHED: Final = re.compile(rb'"cache_control"\s*:\s*\{')
_SESSION_HEADERS: Final = tuple(
    prefix + name for name in (b"session-id", b"trace-id") for prefix in (b"x-tianji-", b"x-litellm-")
)


class Affinity(Struct, frozen=True):
    """Which kinds of affinity are on, for each group that says so itself and for all others.

    minimum: bytes of JSON before a prompt counts as one that an upstream caches
    """

    kinds: tuple[Kind, ...] = ()
    groups: Mapping[str, tuple[Kind, ...]] = {}
    minimum: int = MINIMUM_TOKENS * _BYTES_A_TOKEN

    @property
    def on(self) -> bool:
        """Whether any group has a kind."""
        return bool(self.kinds) or any(self.groups.values())

    def of(self, group: str) -> tuple[Kind, ...]:
        """Return the kinds that are on for a group; none: nothing of a request has to be read."""
        return self.groups.get(group, self.kinds)

    def number(self, group: str, tenant: bytes, *, session: bytes | None, messages: bytes | memoryview) -> int:
        """Return `Needs.affinity` of a request, 0 when it belongs nowhere.

        tenant: the digest of the caller's key, empty when callers need none
        session: see session_of; messages: the value of `messages` as it was sent
        """
        for kind in self.of(group):
            if kind == "session" and session is not None:
                return affinity(kind, tenant, group, session)
            if kind == "user" and tenant:
                return affinity(kind, tenant, group)
            if kind == "prompt":
                prefix = cached_prefix(messages, self.minimum)
                if prefix is not None:
                    return affinity(kind, tenant, group, prefix)
        return 0


def affinity_of(router: RouterSettings, environ: Mapping[str, str]) -> Affinity:
    """Read `optional_pre_call_checks` and `model_group_affinity_config`."""

    def kinds(checks: tuple[str, ...]) -> tuple[Kind, ...]:
        return tuple(kind for check, kind in CHECKS.items() if check in checks)

    tokens = environ.get(_VARIABLE, "")
    return Affinity(
        kinds=kinds(router.optional_pre_call_checks),
        groups={group: kinds(checks) for group, checks in router.model_group_affinity_config.items()},
        minimum=(int(tokens) if tokens.isdecimal() else MINIMUM_TOKENS) * _BYTES_A_TOKEN,
    )


def affinity(kind: Kind, tenant: bytes, group: str, key: bytes | memoryview = b"") -> int:
    """Return the number, never 0, that stands for a key of one tenant in one group."""
    name = group.encode()
    digest = blake2b(b"%s %d %d " % (kind.encode(), len(tenant), len(name)) + tenant + name, digest_size=8)
    digest.update(key)
    return int.from_bytes(digest.digest(), "little") or 1


def session_of(body: Mapping[str, object], headers: Mapping[bytes, bytes]) -> bytes | None:
    """Read the session of a request: `metadata.session_id`, else a header; a trace is a session where none is named."""
    metadata = body.get("metadata")
    named = metadata.get("session_id") if isinstance(metadata, dict) else None
    if isinstance(named, str | int) and named != "":
        return str(named).encode("utf-8", "surrogatepass")
    return next(chain((headers[name] for name in _SESSION_HEADERS if headers.get(name)), [None]))


def cached_prefix(messages: bytes | memoryview, minimum: int) -> memoryview | None:
    """Return what stands before the first `cache_control` that has at least `minimum` bytes before it.

    The first, because a conversation repeats it in every turn while the last one moves on; all turns read the cache
    that begins with it. A text cannot look like the member, since quotes inside of JSON text are escaped.
    """
    found = next((match.start() for match in _CACHED.finditer(messages) if match.start() >= minimum), None)
    return None if found is None else memoryview(messages)[:found]
