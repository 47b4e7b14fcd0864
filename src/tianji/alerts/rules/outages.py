"""Outages: many failures within a short time, of a deployment, a provider, or a provider's region; and their ends."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from tianji.alerts.alert import Alert
from tianji.config.schema.alerting import Level
from tianji.ledger.entry import SUCCESS, Entry

TIMEOUT: Final = "408"


class _State(Struct):
    failures: deque[tuple[float, str]] = field(default_factory=deque)  # when, and of which deployment
    level: Level | None = None  # that was told of
    began: float = 0.0


class Outages:
    """Counts the failures of each of a kind of thing.

    kind: of the alerts; many: how many deployments of a thing have to fail for it to be an outage of the thing
    """

    def __init__(self, kind: str, many: int) -> None:
        self._kind = kind
        self._many = many
        self._states: dict[str, _State] = {}

    def hear(self, entry: Entry, name: str, now: float, limits: tuple[int, int, int], ttl: float) -> Iterator[Alert]:
        """Take in an entry of the thing `name`, and yield what there is to tell.

        limits: failures that are a minor outage, a major one, and that are remembered; ttl: seconds they count for
        """
        state = self._states.get(name)
        if entry.status == SUCCESS:
            if state is not None and state.level is not None:
                yield from self._look(state, name, now, ttl)
            return
        if not is_outage(entry):
            return
        if state is None:
            state = self._states[name] = _State()
        minor, major, most = limits
        state.failures.append((now, entry.deployment_id))
        while len(state.failures) > max(most, major) or state.failures[0][0] < now - ttl:
            state.failures.popleft()
        count = len(state.failures)
        if count < minor or len({deployment for _, deployment in state.failures}) < self._many:
            return
        level: Level = "High" if count >= major else "Medium"
        if state.level in (level, "High"):
            return
        if state.level is None:
            state.began = now
        state.level = level
        word = "major" if level == "High" else "minor"
        last = f"{entry.error_class} {entry.error_code}"
        yield Alert(
            kind=self._kind,
            level=level,
            text=f"{name}: {word} outage, {count} failures within {ttl:g} s; the last: {last}",
            key=f"{self._kind}:{name}:{word}",
            ttl=ttl,
        )

    def _look(self, state: _State, name: str, now: float, ttl: float) -> Iterator[Alert]:
        """Yield that an outage is over, once there was a success and no failure for `ttl` seconds."""
        if state.failures and state.failures[-1][0] > now - ttl:
            return
        del self._states[name]
        yield Alert(
            kind=self._kind,
            level="Low",
            text=f"{name}: answers again; the outage lasted {now - state.began:.0f} s",
            key=f"{self._kind}:{name}:over",
            ttl=ttl,
        )


def is_outage(entry: Entry) -> bool:
    """Whether a failure is one of the upstream's own."""
    code = entry.error_code or ""
    return bool(entry.deployment_id) and (code == TIMEOUT or (code.isdigit() and int(code) >= 500))
