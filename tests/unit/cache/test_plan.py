"""Which cache a configuration wants."""

from pathlib import Path
from typing import Any

import pytest

from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.cache.caches import Caches
from tianji.cache.plan import plan_of
from tianji.config.schema import CacheParams, Config, RouterSettings, Settings
from tianji.config.schema.cache import CacheType

REDIS = {"REDIS_HOST": "h"}


def config(params: dict[str, Any] | None = None, *, on: bool = True, **settings: Any) -> Config:
    written = None if params is None else CacheParams(**params)
    return Config(
        model_list=(),
        litellm_settings=Settings(cache=on, cache_params=written, **settings),
        router_settings=RouterSettings(caching_groups=(("a", "b"),)),
    )


def planned(params: dict[str, Any] | None, environ: dict[str, str], **settings: Any) -> tuple[CacheType, float] | None:
    plan = plan_of(config(params, **settings), environ)
    return plan and (plan.type, plan.ttl)


@pytest.mark.parametrize(
    ("params", "environ", "expected"),
    [
        (None, {}, ("local", 600)),
        (None, REDIS, ("redis", 60)),
        ({}, REDIS, ("redis", 60)),
        ({"host": "h"}, REDIS, ("local", 600)),
        ({"type": "redis", "host": "h", "ttl": 7}, {}, ("redis", 7)),
        ({"type": "dual", "ttl": 7, "default_in_redis_ttl": 8}, REDIS, ("dual", 8)),
        ({"ttl": 7, "default_in_memory_ttl": 8}, {}, ("local", 8)),
        ({"type": "disk"}, {}, ("disk", 0)),
        ({"type": "disk", "ttl": 9}, {}, ("disk", 9)),
        ({"type": "qdrant-semantic"}, {}, ("qdrant-semantic", 0)),
        ({"type": "redis-semantic"}, {}, ("redis-semantic", 60)),
        ({"type": "azure-blob"}, {}, ("azure-blob", 0)),
        ({"supported_call_types": ()}, {}, None),
    ],
)
def test_type_and_time(params: dict[str, Any] | None, environ: dict[str, str], expected: object) -> None:
    assert planned(params, environ) == expected
    assert planned(params, environ, on=False) is None


def test_the_section_has_defaults() -> None:
    assert planned({"type": "local"}, {}, default_in_memory_ttl=3) == ("local", 3)
    assert planned({"type": "redis"}, REDIS, default_redis_ttl=4) == ("redis", 4)


async def no_vectors(_model: str, _texts: list[str]) -> list[list[float]]:
    return []


async def test_a_reload_that_changes_nothing_keeps_what_is_known(tmp_path: Path) -> None:
    caches = Caches(Revisions(), SharedCounters(), tmp_path / "config.yaml", no_vectors)
    first = caches.adopt(config({"type": "local"}), {})
    assert first is not None
    assert (first.memory is None, first.far, first.models) == (False, None, {"a": "a", "b": "a"})
    assert caches.adopt(config({"type": "local"}), {"HOME": "/"}) is first
    disk = caches.adopt(config({"type": "disk", "disk_cache_dir": str(tmp_path / "d"), "single_flight": True}), {})
    assert disk is not None
    assert disk is not first
    assert (disk.memory, disk.flights) == (None, {})
    assert caches.adopt(config(on=False), {}) is None
    await caches.close()
