"""The cache of names: freshness, one look-up at a time, old answers rather than none."""

import asyncio
import socket

import pytest

from tianji.clock import ManualClock
from tianji.egress.resolver import Address, Resolver, interleave, place
from tianji.errors import UpstreamConnectFailed


class Zone:
    """An injected look-up that counts."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: list[str] = list(addresses)
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return self.addresses


def first(addresses: list[Address]) -> str:
    return addresses[0].sockaddr[0]


async def test_an_answer_is_fresh_for_its_time() -> None:
    zone, clock = Zone("192.0.2.1"), ManualClock()
    resolver = Resolver(zone, clock=clock, ttl=30.0)
    for _ in range(3):
        assert await resolver.resolve("up", 443) == [Address(socket.AF_INET, ("192.0.2.1", 443))]
    clock.advance(29.9)
    await resolver.resolve("up", 443)
    assert zone.asked == ["up"]
    zone.addresses = ["192.0.2.2"]
    clock.advance(0.1)
    assert first(await resolver.resolve("up", 80)) == "192.0.2.2"
    assert zone.asked == ["up", "up"]


async def test_one_lookup_at_a_time_for_a_name_whoever_leaves() -> None:
    zone = Zone("192.0.2.1")
    zone.gate.clear()
    resolver = Resolver(zone)
    callers = [asyncio.create_task(resolver.resolve("up", 443)) for _ in range(5)]
    other = asyncio.create_task(resolver.resolve("elsewhere", 443))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    callers[0].cancel()
    zone.gate.set()
    results = await asyncio.gather(*callers, other, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert all(isinstance(result, list) for result in results[1:])
    assert sorted(zone.asked) == ["elsewhere", "up"]


@pytest.mark.parametrize("failure", [OSError("no servers"), socket.gaierror(-2, "unknown"), UnicodeError("label")])
async def test_an_old_answer_serves_when_the_lookup_fails(failure: Exception) -> None:
    zone, clock = Zone("192.0.2.1"), ManualClock()
    resolver = Resolver(zone, clock=clock, ttl=30.0, retry=1.0)
    await resolver.resolve("up", 443)
    zone.failure = failure
    clock.advance(31.0)
    for _ in range(4):
        assert first(await resolver.resolve("up", 443)) == "192.0.2.1"
    assert len(zone.asked) == 2
    clock.advance(1.0)
    zone.failure = None
    zone.addresses = ["192.0.2.9"]
    assert first(await resolver.resolve("up", 443)) == "192.0.2.9"


async def test_an_unknown_name_fails_and_is_asked_again() -> None:
    zone = Zone("192.0.2.1")
    zone.failure = socket.gaierror(-2, "Name or service not known")
    resolver = Resolver(zone)
    with pytest.raises(UpstreamConnectFailed, match=r"\(nowhere\) cannot be resolved"):
        await resolver.resolve("nowhere", 443)
    zone.failure = None
    assert first(await resolver.resolve("nowhere", 443)) == "192.0.2.1"


async def test_addresses_need_no_lookup() -> None:
    zone = Zone()
    resolver = Resolver(zone)
    assert await resolver.resolve("127.0.0.1", 1) == [Address(socket.AF_INET, ("127.0.0.1", 1))]
    assert await resolver.resolve("::1", 2) == [Address(socket.AF_INET6, ("::1", 2, 0, 0))]
    assert not zone.asked


async def test_the_cache_is_bounded() -> None:
    zone = Zone("192.0.2.1")
    resolver = Resolver(zone, capacity=2)
    for host in ("a", "b", "c", "b", "c", "a"):
        await resolver.resolve(host, 443)
    assert zone.asked == ["a", "b", "c", "a"]


async def test_the_machine_knows_localhost() -> None:
    found = await Resolver().resolve("localhost", 1)
    assert {address.sockaddr[0] for address in found} <= {"127.0.0.1", "::1"}
    assert found


@pytest.mark.parametrize(
    ("given", "mixed"),
    [
        (["1.1.1.1", "2.2.2.2", "::1", "::2"], ["::1", "1.1.1.1", "::2", "2.2.2.2"]),
        (["1.1.1.1", "2.2.2.2"], ["1.1.1.1", "2.2.2.2"]),
        (["::1", "::2", "::3", "1.1.1.1"], ["::1", "1.1.1.1", "::2", "::3"]),
        ([], []),
    ],
)
def test_families_alternate_ipv6_first(given: list[str], mixed: list[str]) -> None:
    assert interleave(given) == mixed


def test_a_zone_becomes_a_scope() -> None:
    assert place("fe80::1%3", 80).sockaddr == ("fe80::1", 80, 0, 3)
    assert place("fe80::1%lo", 80).sockaddr == ("fe80::1", 80, 0, socket.if_nametoindex("lo"))
