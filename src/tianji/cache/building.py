"""From the plan of a cache to the cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from tianji._core.caching.memory import MemoryCache
from tianji._core.caching.recall import Cache
from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.cache.caches import EmbedBy
from tianji.cache.far import Far, Place
from tianji.cache.kinds import kinds
from tianji.cache.members import recipe
from tianji.cache.plan import SEMANTIC, Plan
from tianji.cache.wishes import Wishes
from tianji.lazy import load
from tianji.storage.valkey import cache_server_of

if TYPE_CHECKING:
    from tianji.cache.semantic.likeness import Likeness

MIB: Final = 1024 * 1024
PATIENCE: Final = {
    "redis": 0.02,
    "dual": 0.02,
    "disk": 0.05,
    "s3": 0.5,
    "gcs": 0.5,
    "azure-blob": 0.5,
}  # seconds that a request waits for a cache of this type


class Surroundings(Struct, frozen=True):
    """What a cache has around it. `folder`: of a cache on disk that names none; `answers`: that all are to forget.

    `embed`: gives the vectors of texts, by the name of a model
    """

    environ: Mapping[str, str]
    folder: Path
    answers: Revisions
    counters: SharedCounters
    embed: EmbedBy


def build(plan: Plan, around: Surroundings) -> Cache:
    """Build it. Raises ConfigurationError."""
    params = plan.params
    environ, counters = around.environ, around.counters
    memory = None
    if plan.type in {"local", "dual"}:
        memory = MemoryCache(int(params.max_memory_mb * MIB), around.answers)
    far: Far | Likeness | None = None
    scope: str = params.cache_scope
    operations = kinds(params.supported_call_types)
    apart = frozenset[bytes]()
    meaning = None
    if plan.type in SEMANTIC:
        semantic = load("tianji.cache.semantic.building")
        far, meaning = semantic.build(plan, environ, around.embed)
        apart, scope = semantic.BY_MEANING, params.semantic_cache_scope
        operations = {name: kind for name, kind in operations.items() if name in semantic.OPERATIONS}
    elif plan.type != "local":
        kept_in = place(plan, environ, around.folder, counters)
        patience = PATIENCE[plan.type] if params.lookup_timeout is None else params.lookup_timeout
        far = Far(kept_in, patience=patience)
    slots = {
        hit: counters.slot(f'tianji_cache_lookups_total{{result="{name}"}}')
        for hit, name in ((True, "hit"), (False, "miss"))
    }
    opt_in = params.mode == "default_off"
    return Cache(
        kinds=operations,
        recipe=recipe(every_member=plan.every_member, apart=apart),
        memory=memory,
        far=far,
        wishes=Wishes(opt_in),
        tally=lambda hit: counters.add(slots[hit], 1),
        meaning=meaning,
        scope=scope,
        namespace=f"{params.namespace}:" if params.namespace else "",
        models={name: group[0] for group in plan.groups for name in group},
        ttl=plan.ttl,
        opt_in=opt_in,
        most_turns=-1 if params.max_messages is None else params.max_messages,
        largest=int(params.max_entry_mb * MIB),
        shares_calls=bool(params.single_flight) and meaning is None,
    )


def place(plan: Plan, environ: Mapping[str, str], usual: Path, counters: SharedCounters | None = None) -> Place:
    """Return where answers are kept beyond the memory of a worker; it connects when it is asked. `usual`: a folder."""
    found: Place
    if plan.type == "disk":
        folder = plan.params.disk_cache_dir or usual
        found = load("tianji.cache.backends.disk").DiskPlace(Path(folder), int(plan.params.max_disk_mb * MIB))
    elif plan.type in {"s3", "gcs"}:
        found = getattr(load("tianji.cache.backends.objects"), plan.type)(plan.params, environ)
    elif plan.type == "azure-blob":
        found = load("tianji.cache.backends.azure").azure(plan.params, environ)
    else:
        found = load("tianji.cache.backends.valkey").ValkeyPlace(cache_server_of(plan.params, environ), counters)
    return found
