"""From the plan of a cache to the cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tianji._core.memory import MemoryCache
from tianji._core.recall import Cache
from tianji._core.revision import Revisions
from tianji._core.shm import SharedCounters
from tianji.cache.far import Far, Place
from tianji.cache.kinds import kinds
from tianji.cache.members import recipe
from tianji.cache.plan import Plan
from tianji.cache.wishes import Wishes
from tianji.lazy import load
from tianji.storage.valkey import cache_server_of

MIB: Final = 1024 * 1024
PATIENCE: Final = {
    "redis": 0.02,
    "dual": 0.02,
    "disk": 0.05,
    "s3": 0.5,
    "gcs": 0.5,
}  # seconds that a request waits for a cache of this type


def build(plan: Plan, environ: Mapping[str, str], folder: Path, answers: Revisions, counters: SharedCounters) -> Cache:
    """Build it. `folder`: of a cache on disk that names none; `answers`: that all workers are to forget."""
    params = plan.params
    memory = None
    if plan.type in {"local", "dual"}:
        memory = MemoryCache(int(params.max_memory_mb * MIB), answers)
    far = None
    if plan.type != "local":
        place = _place(plan, environ, folder)
        patience = PATIENCE[plan.type] if params.lookup_timeout is None else params.lookup_timeout
        far = Far(place, patience=patience)
    slots = {
        hit: counters.slot(f'tianji_cache_lookups_total{{result="{name}"}}')
        for hit, name in ((True, "hit"), (False, "miss"))
    }
    opt_in = params.mode == "default_off"
    return Cache(
        kinds=kinds(params.supported_call_types),
        recipe=recipe(every_member=plan.every_member),
        memory=memory,
        far=far,
        wishes=Wishes(opt_in),
        tally=lambda hit: counters.add(slots[hit], 1),
        scope=params.cache_scope,
        namespace=f"{params.namespace}:" if params.namespace else "",
        models={name: group[0] for group in plan.groups for name in group},
        ttl=plan.ttl,
        opt_in=opt_in,
        most_turns=-1 if params.max_messages is None else params.max_messages,
        largest=int(params.max_entry_mb * MIB),
        shares_calls=bool(params.single_flight),
    )


def _place(plan: Plan, environ: Mapping[str, str], usual: Path) -> Place:
    place: Place
    if plan.type == "disk":
        folder = plan.params.disk_cache_dir or usual
        place = load("tianji.cache.backends.disk").DiskPlace(Path(folder), int(plan.params.max_disk_mb * MIB))
    elif plan.type in {"s3", "gcs"}:
        place = getattr(load("tianji.cache.backends.objects"), plan.type)(plan.params, environ)
    else:
        place = load("tianji.cache.backends.valkey").ValkeyPlace(cache_server_of(plan.params, environ))
    return place
