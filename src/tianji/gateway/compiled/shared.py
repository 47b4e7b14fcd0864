"""What the workers of a machine share: made before they fork, and light, since their parent keeps it."""

import time
from collections.abc import Mapping

from msgspec import Struct, field

from tianji._core.edges.attempts import AttemptTable
from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters


class Shared(Struct, frozen=True):
    """The memory, and the name that other machines know this one by."""

    counters: SharedCounters
    health: HealthTable
    limits: LimitTable
    revisions: Revisions = field(default_factory=Revisions)  # of what keys are made of
    machine: str = ""
    answers: Revisions = field(default_factory=Revisions)  # that the caches of all workers are to forget
    attempts: AttemptTable = field(default_factory=AttemptTable)  # to sign in with a password
    led: AttemptTable = field(default_factory=AttemptTable)  # sessions that a guardrail has led to another model
    learnt: SharedCounters = field(default_factory=SharedCounters)  # by adaptive routers, of models
    answered: AttemptTable = field(default_factory=AttemptTable)  # which model they asked for which answer
    begun: float = field(default_factory=time.time)  # when it was, seconds since 1970: nothing is counted before
    known: Mapping[str, str] = {}  # what the secret manager had said before the workers began
