"""What machines use of limits that they share, in Valkey: who used how much of a minute, and who may use how much more.

Everything is said in whole, never as a difference, so an answer that got lost or a server that forgot everything is
put right by the next round. All keys live in one slot of a cluster, and each ends by itself.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, json

from tianji.lazy import load

ALIVE_S: Final = 5  # a machine that was silent for so long has no share any more
KEPT_S: Final = 120  # seconds that a minute is remembered
IDLE_SHARE: Final = 8  # a machine that uses nothing may begin with an eighth of what would be its share

# KEYS: machines; since when there are any; what is in use this minute. The hash of a claim has a name that begins with
#       the last one, so it lies in the same slot.
# ARGV: machine; how many machines it knew of; the names of deployments in use, and the claims, both as JSON
# Returns {machines, names in use, grants}, the last two as JSON.
# A server that began a short while ago may have forgotten machines: until those that are known have come back,
# nobody gets more. A machine that said nothing of a limit in this minute may be using its share of it.
# While anything is left, who may go no further gets one more, as long as all together may pass the limit by one for
# each further machine: what is left may be held by who does not use it, and a small limit is not split into nothing.
EXCHANGE: Final = f"""
local me, known = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - {ALIVE_S * 1000})
redis.call('ZADD', KEYS[1], now, me)
redis.call('SET', KEYS[2], now, 'NX')
local since = tonumber(redis.call('GET', KEYS[2]))
for _, name in ipairs(cjson.decode(ARGV[3])) do redis.call('SADD', KEYS[3], name) end
for i = 1, 3 do redis.call('PEXPIRE', KEYS[i], {KEPT_S * 1000}) end
local machines = redis.call('ZCARD', KEYS[1])
local forgot = known > machines and now - since < {ALIVE_S * 1000}
if forgot then machines = known end
local grants = {{}}
for i, claim in ipairs(cjson.decode(ARGV[4])) do
  local deployment, kind, limit, used, cap, busy = unpack(claim)
  local key = KEYS[3] .. ':' .. kind .. ':' .. deployment
  local others, held, working, heard = 0, 0, busy and 1 or 0, 1
  local rows = redis.call('HGETALL', key)
  for j = 1, #rows, 2 do
    if rows[j] ~= me then
      local u, c, b = string.match(rows[j + 1], '(%d+) (%d+) (%d)')
      others = others + tonumber(u)
      held = held + math.max(tonumber(c) - tonumber(u), 0)
      working = working + tonumber(b)
      heard = heard + 1
    end
  end
  local share = math.max(1, math.floor(limit / machines))
  local free = math.max(limit - used - others - math.max(machines - heard, 0) * share, 0)
  if limit > 0 and not forgot then
    local part = busy and math.ceil(free / working) or math.ceil(free / ({IDLE_SHARE} * machines))
    cap = math.max(cap, used + math.min(free - held, part))
    local room = limit + machines - 1 - others - held - math.max(machines - heard, 0) * share
    if free > 0 then cap = math.max(cap, math.min(used + 1, room)) end
  end
  redis.call('HSET', key, me, string.format('%d %d %d', used, cap, busy and 1 or 0))
  redis.call('PEXPIRE', key, {KEPT_S * 1000})
  grants[i] = {{cap, others, working, free}}
end
local function json(list) return #list == 0 and '[]' or cjson.encode(list) end
return {{machines, json(redis.call('SMEMBERS', KEYS[3])), json(grants)}}
"""


class Claim(Struct, frozen=True, array_like=True):
    """What one machine says of one limit: what it used, how far it may go, and whether it is using it now.

    limit 0: there is none, and only what others used is of interest
    """

    deployment: str
    kind: int
    limit: int
    used: int
    cap: int
    busy: bool


class Grant(Struct, frozen=True, array_like=True):
    """What it hears: how far it may go, what others used, how many machines are using it, and what nobody used yet."""

    cap: int
    others: int
    busy: int
    free: int


class Round(Struct, frozen=True):
    """An answer. `active`: names of deployments that anybody uses this minute."""

    machines: int
    active: frozenset[str]
    grants: Sequence[Grant]


class UsageStore:
    """The claims of all machines. `client` is one of redis.asyncio."""

    def __init__(self, client: Any, *, machine: str, namespace: str = "") -> None:
        self._client = client
        self._machine = machine
        self._prefix = f"{{tianji:v1:{namespace}:usage}}"

    async def exchange(self, minute: int, known: int, names: Sequence[str], claims: Sequence[Claim]) -> Round:
        """Say what this machine uses, and hear the same of all. Raises OSError when that is not to be had.

        known: how many machines there were at the last time; names: of the deployments in use here
        """
        keys = (f"{self._prefix}:machines", f"{self._prefix}:since", f"{self._prefix}:{minute}")
        said = (self._machine, known, json.encode(names), json.encode(claims))
        try:
            machines, used, grants = await self._client.eval(EXCHANGE, len(keys), *keys, *said)
        except load("redis").RedisError as error:
            heed_cancellation()
            raise ConnectionError(str(error)) from error
        heed_cancellation()
        return Round(machines, json.decode(used, type=frozenset[str]), json.decode(grants, type=list[Grant]))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def heed_cancellation() -> None:
    """Raise what the client may have kept to itself: it takes a cancellation for an answer or for a lost connection."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
