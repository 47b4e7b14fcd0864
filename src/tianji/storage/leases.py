"""What machines have of limits that they share, in Valkey: each asks for some, and gives back what it does not need.

A claim says in whole what a machine has of a limit, never a difference, so an answer that got lost or a server that
forgot everything is put right by the next one. All keys live in one slot of a cluster, and each ends by itself.
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, json

from tianji.lazy import load
from tianji.storage.usage import heed_cancellation

ALIVE_S: Final = 6  # a machine that was silent for so long holds no place of those who run at a time
RECALL_S: Final = 3  # for which a server that forgot its machines grants nothing, so that they can tell it
STEP_S: Final = 2  # see window.h
STEPS: Final = 30  # before the current one
PERCENT: Final = 100  # what is granted at once is a hundredth of a limit for all machines together, or what is needed
SETTLED_MS: Final = 800  # after which no answer comes any more; machines wait a little longer before they give back
SKEW_MS: Final = 5000  # by which clocks of machines may differ when a period ends

# KEYS: machines and when they were heard of; since when the server knows them; whether it has just forgotten them.
#       The key of a limit begins with the first one, so it lies in the same slot.
# ARGV: machine; since when it thinks that the server knows machines, or 0; claims as JSON, see the functions below.
# Returns {seconds, microseconds, machines, since, whether it grants anything, whether this machine was unknown,
# answers}. Numbers are returned as they are, since cjson writes only fourteen digits of them.
EXCHANGE: Final = f"""
local me, known = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local step = math.floor(tonumber(time[1]) / {STEP_S})
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - {ALIVE_S * 1000})
local new = redis.call('ZADD', KEYS[1], now, me)
redis.call('SET', KEYS[2], time[1] .. time[2], 'NX')
local since = redis.call('GET', KEYS[2])
if known ~= '0' and known ~= since then redis.call('SET', KEYS[3], '1', 'PX', {RECALL_S * 1000}) end
for i = 1, 2 do redis.call('PEXPIRE', KEYS[i], 86400000) end
local grants = redis.call('EXISTS', KEYS[3]) == 0
local alive, machines = {{}}, 0
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  alive[name] = true
  machines = machines + 1
end

local function granted(limit, left, need, want)
  if not grants or need == 0 then return 0 end
  return math.min(left, math.max(want, math.floor(limit / ({PERCENT} * machines))))
end

-- at: the step of the first of `amounts`, which are what was taken in each step, the latest first
-- answer: what is granted, what is left, and after how many steps there is room for what is needed
local function window(key, limit, need, want, at, amounts)
  if math.abs(at - step) > 1 then at = step end
  local first, mine, all = step - {STEPS}, {{}}, {{}}
  for i, n in ipairs(amounts) do
    if n > 0 then mine[at - i + 1] = n end
  end
  local rows = redis.call('HGETALL', key)
  for j = 1, #rows, 2 do
    local steps, counts = cmsgpack.unpack(rows[j + 1]), false
    if rows[j] == me then
      -- in these something may yet be taken, and an answer that granted it may be under way
      mine[step] = math.max(mine[step] or 0, steps[step] or 0)
      mine[at] = math.max(mine[at] or 0, steps[at] or 0)
    else
      for s, n in pairs(steps) do
        if s >= first then all[s], counts = (all[s] or 0) + n, true end
      end
      if not counts then redis.call('HDEL', key, rows[j]) end
    end
  end
  local left = limit
  for s, n in pairs(mine) do
    if s >= first then all[s] = (all[s] or 0) + n end
  end
  for _, n in pairs(all) do left = left - n end
  left = math.max(left, 0)
  local grant = left < need and 0 or granted(limit, left, need, want)
  if grant > 0 then
    mine[step], all[step] = (mine[step] or 0) + grant, (all[step] or 0) + grant
    left = left - grant
  end
  local room, free = 0, left
  for s = first, step + 1 do
    if free >= math.max(need, 1) then break end
    free, room = free + (all[s] or 0), s - first + 1
  end
  if next(mine) then
    redis.call('HSET', key, me, cmsgpack.pack(mine))
    redis.call('PEXPIRE', key, {(STEPS + 3) * STEP_S * 1000})
  else
    redis.call('HDEL', key, me)
  end
  return {{grant, left, room}}
end

-- what a machine holds that says so: less than before only when it waits for no answer, and none may be under way to it
local function holds(held, before, since, settled)
  return settled and now - since > {SETTLED_MS} and held or math.max(held, before)
end

-- held: places that the machine has; settled: it waits for no answer
-- answer: what is granted, what is left
local function places(key, limit, need, want, held, settled)
  local left, since = limit, 0
  local rows = redis.call('HGETALL', key)
  for j = 1, #rows, 2 do
    local h, at = string.match(rows[j + 1], '(%d+) (%d+)')
    if rows[j] == me then
      since = tonumber(at)
      held = holds(held, tonumber(h), since, settled)
    elseif alive[rows[j]] then
      left = left - tonumber(h)
    else
      redis.call('HDEL', key, rows[j])
    end
  end
  left = math.max(left - held, 0)
  local grant = granted(limit, left, need, want)
  if held + grant > 0 then
    redis.call('HSET', key, me, string.format('%.0f %.0f', held + grant, grant > 0 and now or since))
    redis.call('PEXPIRE', key, 86400000)
  else
    redis.call('HDEL', key, me)
  end
  return {{grant, left - grant}}
end

-- spent, held: what the machine spent in the period, and what it may commit; seen: what all spent, as far as it knows
-- ends: of the period, 0 for never; joined: it said so before
-- answer: what is granted, what is left, what others spent, when the period ends, whether that is another period than
-- the machine's, and what the machine has forgotten that it spent
local function money(key, limit, need, want, spent, held, seen, ends, joined, settled)
  local stored = tonumber(redis.call('HGET', key, '.ends') or '-1')
  if stored < 0 or (stored > 0 and (stored <= now or (ends > stored and stored - now < {SKEW_MS}))) then
    redis.call('DEL', key)
    redis.call('HSET', key, '.ends', string.format('%.0f', ends))
    stored = ends
  end
  if stored == 0 and ends > 0 then  -- a budget that had no period has one now
    stored = ends
    redis.call('HSET', key, '.ends', string.format('%.0f', ends))
  end
  local begun = ends ~= stored and ends > 0 and ends <= now + {SKEW_MS}
  if begun then spent, held, seen, need = 0, 0, 0, 0 end
  local mine, others, committed, forgotten, since = false, 0, 0, 0, 0
  local base = tonumber(redis.call('HGET', key, '.base') or '0')
  local rows = redis.call('HGETALL', key)
  for j = 1, #rows, 2 do
    if string.sub(rows[j], 1, 1) ~= '.' then
      local s, h, at = string.match(rows[j + 1], '(%d+) (%d+) (%d+)')
      s, h = tonumber(s), tonumber(h)
      if rows[j] == me then
        mine, since = true, tonumber(at)
        if begun then
          spent, held = s, h
        elseif not joined then
          forgotten, spent, held = s, spent + s, held + s
        end
        if not begun then held = holds(held, h, since, settled) end
      else
        others = others + s
        committed = committed + (alive[rows[j]] and math.max(s, h) or s)
      end
    end
  end
  if not mine then
    -- what it spent may be part of what somebody else saw, and what it saw part of what others have not told yet
    base = math.max(base - spent, seen - committed - spent, 0)
    redis.call('HSET', key, '.base', string.format('%.0f', base))
  end
  local left = math.max(limit - base - committed - math.max(spent, held), 0)
  local grant = granted(limit, left, need, want)
  redis.call('HSET', key, me, string.format('%.0f %.0f %.0f', spent, held + grant, grant > 0 and now or since))
  redis.call('PEXPIRE', key, string.format('%.0f', stored > 0 and stored - now + 86400000 or 7776000000))
  return {{grant, left - grant, base + others, stored, begun and 1 or 0, forgotten}}
end

local answers = {{}}
for i, claim in ipairs(cjson.decode(ARGV[3])) do
  local kind = table.remove(claim, 1)
  claim[1] = KEYS[1] .. ':' .. kind .. ':' .. claim[1]
  answers[i] = (kind == 4 and places or kind == 5 and money or window)(unpack(claim))
end
return {{time[1], time[2], machines, since, grants and 1 or 0, new, answers}}
"""

Claim = Sequence[object]


class Answer(Struct, frozen=True):
    """What the store says: its clock, how many machines there are, and an answer to each claim, in their order."""

    clock: float
    step: int
    machines: int
    since: int
    grants: bool
    unknown: bool
    answers: Sequence[tuple[int, ...]]


class LeaseStore:
    """The claims of all machines. `client` is one of redis.asyncio."""

    def __init__(self, client: Any, *, machine: str, namespace: str = "") -> None:
        self._client = client
        self._machine = machine
        prefix = f"{{tianji:v1:{namespace}:limits}}"
        self._keys = (prefix, f"{prefix}:since", f"{prefix}:forgot")
        self._script = client.register_script(EXCHANGE)

    async def exchange(self, known: int, claims: Sequence[Claim]) -> Answer:
        """Say what this machine has, and hear what it may. Raises OSError when that is not to be had.

        known: the `since` of the answer before, 0 for none
        """
        said = (self._machine, known, json.encode(claims) if claims else b"[]")
        try:
            found = await self._script(keys=self._keys, args=said)
        except load("redis").RedisError as error:
            heed_cancellation()
            raise ConnectionError(str(error)) from error
        heed_cancellation()
        seconds, microseconds, machines, since, grants, unknown, answers = found
        return Answer(
            int(seconds) + int(microseconds) / 1e6,
            int(seconds) // STEP_S,
            machines,
            int(since),
            bool(grants),
            bool(unknown),
            [tuple(one) for one in answers],
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
